"""Our accuracy measuring beside bare forward passes and beside the loop that people write.

    python -m benchmarks.accuracy_loop [digits] [resnet18] [--rounds 5]

The floor does nothing but forward passes (inference mode, channels-last, at the fastest of a few
batch sizes) over images that already lie in memory as tensors. Ours starts from pictures, decoded
in memory: it makes tensors of them, finds its batch size, and ends with a record of every example.
The target is 1.1 times the floor.
"""

import argparse
import copy

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks._arguments import one_of
from benchmarks._timing import Timing, clock, conditions, interleave, markdown
from usable_core.datasets.dataset import Dataset, hash_all
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.measuring.accuracy import measure
from usable_core.models.architectures import small_resnet
from usable_core.models.model import Model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, for the work they make


def main() -> None:
    """Print one table per scene."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", type=one_of(SCENES), default=list(SCENES))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(conditions())
    for name in arguments.scenes:
        title, network, pixels, classes, sizes = SCENES[name]()
        batch, timings = compare(network, pixels, classes, sizes, arguments.rounds)
        print(f"\n### {title}, {len(pixels)} images, floor at its best batch, {batch}\n")
        print(markdown(timings, len(pixels)), flush=True)


def digits() -> tuple[str, nn.Module, np.ndarray, int, tuple[int, ...]]:
    """Real digits at 32 x 32 pixels and our small residual network with random weights."""
    from sklearn.datasets import load_digits

    pictures = [
        Image.fromarray(np.uint8(d * 15.9)).resize((32, 32)).convert("RGB")
        for d in load_digits().images
    ]
    torch.manual_seed(0)
    pixels = np.stack([np.asarray(p) for p in pictures])
    return "small_resnet, digits at 32 × 32", small_resnet(10), pixels, 10, (32, 64, 128, 256)


def resnet18() -> tuple[str, nn.Module, np.ndarray, int, tuple[int, ...]]:
    """Noise at 224 x 224 pixels and torchvision's ResNet-18 with random weights."""
    import torchvision

    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 224, 224, 3), dtype=np.uint8)
    network = torchvision.models.resnet18(weights=None)
    return "torchvision resnet18, 224 × 224", network, pixels, 1000, (2, 4, 8, 16)


SCENES = {"digits": digits, "resnet18": resnet18}


def compare(
    network: nn.Module, pixels: np.ndarray, classes: int, sizes: tuple[int, ...], rounds: int
) -> tuple[int, list[Timing]]:
    """Return the floor's best batch size and the timings of the three loops."""
    height, width = pixels.shape[1:3]
    y = torch.arange(len(pixels)) % min(classes, 10)
    bare = copy.deepcopy(network).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    normalise = Preprocessing(None, (height, width), mean=MEAN, std=STD).normalise
    x = normalise(x).contiguous()
    prepared = x.contiguous(memory_format=torch.channels_last)
    batch = fastest(bare, prepared, sizes)
    plain = copy.deepcopy(network).eval()
    labels = LabelSpace(tuple(str(i) for i in range(classes)))
    preprocessing = Preprocessing(None, (height, width), mean=MEAN, std=STD)
    model = Model("benchmark", network, preprocessing, labels)
    pictures = [Image.fromarray(p) for p in pixels]
    ids = tuple(str(i) for i in range(len(pictures)))
    dataset = Dataset("benchmark", labels, y.numpy(), ids, pictures.__getitem__, hash_all(ids))
    config = AccuracyConfig(ModelSpec("benchmark"), DatasetSpec("benchmark"))
    answers: dict[str, float] = {}

    def floor() -> None:
        with torch.inference_mode():
            predictions = torch.cat([bare(piece).argmax(1) for piece in prepared.split(batch)])
        answers["floor"] = float((predictions == y).float().mean())

    def ours() -> None:
        records = measure(model=model, dataset=dataset, config=config).records
        answers["ours"] = float((records["prediction"] == records["label"]).mean())

    def people() -> None:
        right = 0
        with torch.no_grad():
            for images, truth in DataLoader(TensorDataset(x, y), batch_size=batch):
                right += int((plain(images).argmax(1) == truth).sum())
        answers["people"] = right / len(y)

    timings = interleave(
        {
            "bare forwards (floor)": floor,
            "usable: measure accuracy": ours,
            "plain loop (DataLoader, no_grad)": people,
        },
        rounds=rounds,
    )
    if max(answers.values()) - min(answers.values()) > 1.5 / len(y):
        raise SystemExit(f"The loops disagree, so their times mean nothing: {answers}")
    return batch, timings


def fastest(network: nn.Module, x: Tensor, sizes: tuple[int, ...]) -> int:
    """Return the batch size that takes the least time per image, best of three."""
    each = {}
    with torch.inference_mode():
        for size in sizes:
            piece, times = x[:size], []
            for _ in range(4):
                began = clock()
                network(piece)
                times.append(clock() - began)
            each[size] = min(times[1:]) / size
    return min(each, key=each.__getitem__)


if __name__ == "__main__":
    main()
