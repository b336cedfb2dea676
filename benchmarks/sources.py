"""Networks of other libraries through Usable beside the bare libraries, in one run.

    python -m benchmarks.sources [--sources onnx hf keras art] [--rounds 9] [--images 64]

ONNX: bundled/vgg exported, answers of the Oracle beside onnxruntime's session in batches of the
same size, and how far the logits are from torch's. Keras: MobileNetV2 with random weights, a pass
forward and back to the pixels beside Keras on torch, and how far the gradients are.
Transformers: the same of a ViT with random weights. ART's KerasClassifier beside the same bare
network, or why not.
"""

import argparse
import copy
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks._timing import THREADS, Timing, conditions, interleave
from usable_core.asking.oracle import Oracle
from usable_core.models import load_model

BATCH = 8  # of the passes forward and back


def main() -> None:
    """Print a row for each source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", nargs="*", default=list(SOURCES), choices=list(SOURCES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=64)
    asked = parser.parse_args()
    print(f"{conditions()}\n")
    print("| source | what | ours / bare | range of the rounds | largest difference |")
    print("|---|---|---:|---:|---:|")
    for name in asked.sources:
        try:
            what, timing, apart = SOURCES[name](asked.rounds, asked.images)
        except ImportError as error:  # a peer that lacks what it is built on
            print(f"| {name} | not run: {type(error).__name__}: {error} | | | |", flush=True)
            continue
        low, high = timing.spread
        shown = f"{timing.ratio:.2f} | {low:.2f} to {high:.2f} | {apart:.2g}"
        print(f"| {name} | {what} | {shown} |", flush=True)


def onnx(rounds: int, images: int) -> tuple[str, Timing, float]:
    """Return answers of an ONNX file beside those of its bare session, and beside torch's."""
    import onnxruntime

    twin = load_model("bundled/vgg")
    x = torch.rand(images, 3, *twin.input_size, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further packages is an older one
        path = Path(folder) / "vgg.onnx"
        network, axes = copy.deepcopy(twin.network), {"dynamic_axes": {"x": {0: "n"}}}
        torch.onnx.export(network, (x[:2],), path, dynamo=False, input_names=["x"], **axes)
        named = {"mean": twin.preprocessing.mean, "std": twin.preprocessing.std}
        passport = {name: ",".join(map(str, values)) for name, values in named.items()}
        model = load_model(f"onnx/{path}", preprocessing=passport)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with Oracle(model) as oracle:
        oracle.settle(x, at_most=len(x))
        size = oracle.size().current
        ready = twin.preprocessing.normalise(x).numpy()
        parts = [ready[start : start + size] for start in range(0, len(ready), size)]
        _, ours = interleave(
            {
                "bare": lambda: [session.run(None, {"x": part}) for part in parts],
                "ours": lambda: oracle.logits(x),
            },
            rounds=rounds,
        )
        with torch.no_grad():
            apart = float(
                (oracle.logits(x) - twin.network.eval()(torch.from_numpy(ready))).abs().max()
            )
    return f"answers to {images} pictures, {size} at once", ours, apart


def keras(rounds: int, images: int) -> tuple[str, Timing, float]:
    """Return passes forward and back of a Keras network beside those of bare Keras on torch."""
    from usable_core.models.sources.keras_network import keras_of_torch

    package = keras_of_torch()
    own = package.applications.MobileNetV2(weights=None, classifier_activation=None)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "a.weights.h5"
        own.save_weights(weights)
        model = load_model("keras/MobileNetV2", weights=weights)
    for variable in own.variables:
        variable.value.requires_grad_(False)
    x = torch.rand(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))

    def bare(pixels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = own((2 * pixels - 1).permute(0, 2, 3, 1), training=False)
        return found

    return _forward_and_back(model, bare, x, rounds)


def hf(rounds: int, images: int) -> tuple[str, Timing, float]:
    """Return passes forward and back of a ViT of transformers beside those of the bare network."""
    import transformers

    sizes = {"hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3}
    config = transformers.ViTConfig(**sizes, intermediate_size=768, num_labels=10)
    torch.manual_seed(0)
    own = transformers.ViTForImageClassification(config).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        own.save_pretrained(folder)
        transformers.ViTImageProcessorPil().save_pretrained(folder)
        model = load_model(f"hf/{folder}")
    x = torch.rand(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0))

    def bare(pixels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = own(pixel_values=2 * pixels - 1).logits
        return found

    return _forward_and_back(model, bare, x, rounds)


def art(rounds: int, images: int) -> tuple[str, Timing, float]:
    """Return passes of ART's KerasClassifier beside those of bare Keras on torch.

    Raises:
        ImportError: ART drives Keras through TensorFlow, which is not here.
    """
    import numpy as np

    from usable_core.models.sources.keras_network import keras_of_torch

    own = keras_of_torch().applications.MobileNetV2(weights=None)
    from art.estimators.classification import KerasClassifier

    peer = KerasClassifier(model=own, clip_values=(0, 1))
    x = torch.rand(BATCH, 224, 224, 3, generator=torch.Generator().manual_seed(0))
    y = np.eye(1000)[np.full(BATCH, 7)]

    def bare() -> torch.Tensor:
        pixels = x.clone().requires_grad_()
        loss = -own(pixels, training=False)[:, 7].log().sum()
        return torch.autograd.grad(loss, pixels)[0]

    contenders = {"bare": bare, "ART": lambda: peer.loss_gradient(x.numpy(), y)}
    _, theirs = interleave(contenders, rounds=rounds)
    apart = float((torch.as_tensor(peer.loss_gradient(x.numpy(), y)) - bare()).abs().max())
    return f"ART's loss gradient, {BATCH} pictures", theirs, apart


def _forward_and_back(
    ours: Callable[[torch.Tensor], torch.Tensor],
    bare: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    rounds: int,
) -> tuple[str, Timing, float]:
    """Return the timing of gradients at images x (N, 3, H, W), and how far they are apart."""

    def gradient(logits_of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        pixels = x.clone().requires_grad_()
        return torch.autograd.grad(logits_of(pixels)[:, 7].sum(), pixels)[0]

    contenders = {"bare": lambda: gradient(bare), "ours": lambda: gradient(ours)}
    _, timing = interleave(contenders, rounds=rounds)
    mine, theirs = gradient(ours), gradient(bare)
    apart = float((mine - theirs).abs().max() / theirs.abs().max())
    return f"forward and back, {len(x)} pictures", timing, apart


SOURCES = {"onnx": onnx, "hf": hf, "keras": keras, "art": art}


if __name__ == "__main__":
    main()
