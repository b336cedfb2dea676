"""Our gradient maps beside bare passes forward and back, `captum`, `shap` and `pytorch-grad-cam`.

    python -m benchmarks.gradient_maps [squeezenet1_1] [--parts integrated expected cam]

One image of 224 x 224 pixels, from pixels to logits with the normalisation inside. The floor of the
path methods does nothing but passes forward and back over images that are ready, at the fastest of
a few batch sizes. The floor of Grad-CAM runs the network up to its last grid without a gradient and
differentiates the rest. Targets: integrated gradients 1.05 times the floor; gradient SHAP 1.15 for
one class and 2.6 for four; Grad-CAM 1.1.

USABLE_BENCHMARK_IMAGENET names a folder with `dev.parquet` and weights (`squeezenet1_1.safetensors`
and so on); without it images are noise and weights random. `pip install grad-cam` adds that peer.
"""

import argparse
import functools
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import shap
import timm
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import IntegratedGradients, LayerGradCam
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks._arguments import one_of
from benchmarks._timing import Timing, clock, conditions, interleave, markdown
from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import cam, path_gradients
from usable_core.explainers.attribution import attribute
from usable_core.games.backgrounds import hiding
from usable_core.games.pictures import Picture
from usable_core.games.segments import superpixels
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.activations import find_layers
from usable_core.models.model import Model
from usable_core.models.modes import channels_last

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DATA = Path(os.environ.get("USABLE_BENCHMARK_IMAGENET", "../shared/data/imagenet"))
STEPS, SAMPLES, CLASSES, IMAGES = 50, 200, 4, 8
BATCHES = (1, 2, 4, 8, 16, 32)
# Of the largest credit. Rounding decides on which side of a kink a unit is: captum in float32 is
# 1.4e-3 away from itself in float64 on mobilenetv2_100.
ROUNDING = 5e-3
Split = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Scene:
    """A network as we ask it, and as its peers do: memory as it comes, no ReLU in place."""

    title: str
    model: Model
    peers: nn.Module
    split: Split  # what is before the last grid, and what is behind


class Whole(nn.Module):
    """Pixels to logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of images in [0, 1]."""
        return self.network((x - self.mean) / self.std)


def main() -> None:
    """Print one table per scene and part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", type=one_of(SCENES), default=list(SCENES))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of gradient SHAP")
    arguments = parser.parse_args()
    parts = {**PARTS, "expected": functools.partial(expected, samples=arguments.samples)}
    print(conditions(), f", shap {shap.__version__}", sep="")
    for name in arguments.scenes:
        scene = SCENES[name]()
        images = pictures(IMAGES)
        for part in arguments.parts:
            with channels_last(scene.model.network):
                title, count, unit, timings = parts[part](scene, images, arguments.rounds)
            print(f"\n### {title}, {scene.title}\n")
            print(markdown(timings, count, unit), flush=True)


def integrated(scene: Scene, images: Tensor, rounds: int) -> tuple[str, int, str, list[Timing]]:
    """Compare integrated gradients of 50 steps."""
    x, target, start, segments = question(scene, images)
    positions, _ = path_gradients.quadrature(STEPS)
    batch, floor = passes(scene.model, x, start, positions, [target])
    options = ExplainerOptions(evaluations=STEPS + 2)
    explainer, maps = IntegratedGradients(scene.peers), {}

    def ours() -> None:
        found = attribute(
            scene.model, Picture(x, segments), "integrated_gradients", target, options
        )
        maps["ours"] = found.values

    def captum() -> None:
        found = explainer.attribute(
            x[None], start[None], target=target, n_steps=STEPS, internal_batch_size=batch
        )
        maps["captum"] = found[0].sum(0).numpy()

    timings = interleave(
        {
            f"forward and back, batch {batch} (floor)": floor,
            "usable: integrated gradients": ours,
            f"captum, batches of {batch}": captum,
        },
        rounds=rounds,
    )
    agree(maps["ours"], maps["captum"])
    return f"Integrated gradients, {STEPS} steps", STEPS, "step", timings


def expected(
    scene: Scene, images: Tensor, rounds: int, samples: int = SAMPLES
) -> tuple[str, int, str, list[Timing]]:
    """Compare gradient SHAP, for one class and for four."""
    x, target, start, segments = question(scene, images)
    with torch.no_grad():
        targets = scene.model(x[None])[0].topk(CLASSES).indices.tolist()
    options = ExplainerOptions(evaluations=samples + 2)
    positions = path_gradients.replicated_positions(samples, 0).ravel()
    weights = np.full(samples, 1 / samples)
    batch, floor = passes(scene.model, x, start, positions, [target])
    _, several_floor = passes(scene.model, x, start, positions, targets, batch)
    explainer = shap.GradientExplainer(scene.peers, start[None])

    def ours() -> None:
        attribute(scene.model, Picture(x, segments), "gradient_shap", target, options)

    def several() -> None:
        path_gradients.mean_gradients(Oracle(scene.model), x, start, positions, weights, targets)

    def peer(count: int) -> Callable[[], object]:
        return lambda: explainer.shap_values(x[None], nsamples=samples, ranked_outputs=count)

    timings = interleave(
        {
            f"forward and back, 1 class, batch {batch} (floor)": floor,
            f"forward and {CLASSES} times back, batch {batch}": several_floor,
            "usable: gradient SHAP, 1 class": ours,
            f"usable: gradient SHAP, {CLASSES} classes": several,
            "shap.GradientExplainer, 1 class": peer(1),
            f"shap.GradientExplainer, {CLASSES} classes": peer(CLASSES),
        },
        rounds=max(1, rounds // 2),
        warm_up=1,
    )
    return f"Gradient SHAP, {samples} samples", samples, "sample", timings


def class_maps(scene: Scene, images: Tensor, rounds: int) -> tuple[str, int, str, list[Timing]]:
    """Compare Grad-CAM of eight images, one at a time."""
    model, peers, options = scene.model, scene.peers, ExplainerOptions()
    with torch.no_grad():
        targets = [int(model(x[None]).argmax()) for x in images]
    layer = find_layers(model, images[0], targets[0])[0]
    module = peers.network.get_submodule(layer.name)
    grad_cam, maps = LayerGradCam(peers, module), {}
    body, head = scene.split
    whole = np.zeros(images[0].shape[1:], np.int32)

    def floor() -> None:
        for x, target in zip(images, targets, strict=True):
            with torch.no_grad():
                pixels = x[None].contiguous(memory_format=torch.channels_last)
                activations = body(model.preprocessing.normalise(pixels))
            activations.requires_grad_()
            (gradients,) = torch.autograd.grad(head(activations)[0, target], activations)
            found = cam.grad_cam([(activations[0].detach(), gradients[0])])
            cam.enlarged(found, *x.shape[1:])

    def ours() -> None:
        for x, target in zip(images, targets, strict=True):
            maps["ours"] = attribute(model, Picture(x, whole), "grad_cam", target, options).values

    def captum() -> None:
        for x, target in zip(images, targets, strict=True):
            coarse = grad_cam.attribute(x[None], target=target, relu_attributions=True)
            fine = F.interpolate(coarse, x.shape[1:], mode="bilinear")
            maps["captum"] = fine[0, 0].detach().numpy()

    contenders = {
        "forward and head gradient (floor)": floor,
        "usable: Grad-CAM": ours,
        "captum LayerGradCam": captum,
    }
    if find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        theirs = GradCAM(peers, [module])

        def third() -> None:
            for x, target in zip(images, targets, strict=True):
                theirs(x[None], [ClassifierOutputTarget(target)])

        contenders["pytorch-grad-cam GradCAM"] = third
    timings = interleave(contenders, rounds=2 * rounds)
    agree(maps["ours"], maps["captum"])
    return f"Grad-CAM at `{layer.name}`, {IMAGES} images one at a time", IMAGES, "image", timings


PARTS = {"integrated": integrated, "expected": expected, "cam": class_maps}


def question(scene: Scene, images: Tensor) -> tuple[Tensor, int, Tensor, np.ndarray]:
    """Return an image, the class predicted, its blurred background and its superpixels."""
    x = images[0]
    segments = superpixels(x, 50)
    with torch.no_grad():
        target = int(scene.model(x[None]).argmax())
    return x, target, hiding(x, "blur", segments).hidden, segments


def passes(
    model: Model,
    x: Tensor,
    start: Tensor,
    positions: np.ndarray,
    targets: list[int],
    batch: int | None = None,
) -> tuple[int, Callable[[], None]]:
    """Return the batch size, the fastest of three tries each, and the passes that are the floor."""
    shares = torch.from_numpy(positions).float().view(-1, 1, 1, 1)
    path = torch.lerp(start, x, shares).contiguous(memory_format=torch.channels_last)

    def over(piece: Tensor) -> None:
        z = piece.detach().requires_grad_()
        logits = model(z)
        for k, target in enumerate(targets):
            is_last = k == len(targets) - 1
            torch.autograd.grad(logits[:, target].sum(), z, retain_graph=not is_last)

    def seconds(size: int) -> float:
        times = []
        for _ in range(4):
            began = clock()
            over(path[:size])
            times.append(clock() - began)
        return min(times[1:]) / size

    best = batch or min(BATCHES, key=seconds)

    def floor() -> None:
        for piece in path.split(best):
            over(piece)

    return best, floor


def agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Refuse to compare the times of maps that are not the same."""
    difference, largest = np.abs(ours - theirs).max(), np.abs(theirs).max()
    if difference > ROUNDING * largest:
        raise SystemExit(f"The maps differ by {difference:.2g} of {largest:.2g}: no comparison.")


def pictures(count: int) -> Tensor:
    """Return images (count, 3, 224, 224) in [0, 1]: photographs, or noise without any."""
    if not (DATA / "dev.parquet").is_file():
        return torch.rand(count, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    geometry = Preprocessing(256, (224, 224)).geometry
    rows = pd.read_parquet(DATA / "dev.parquet").image[:count]
    return torch.stack(
        [geometry(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in rows]
    )


def scene_of(
    title: str, make: Callable[[], nn.Module], weights: str, split: Callable[[nn.Module], Split]
) -> Scene:
    """Return a network for us and one for the peers, with the weights of a file if it is there."""
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(make())
    is_real = (DATA / weights).is_file()
    if is_real:
        state = load_file(DATA / weights)
        for network in networks:
            network.load_state_dict(state)
    preprocessing = Preprocessing(256, (224, 224), mean=MEAN, std=STD)
    model = Model(title, networks[0], preprocessing, LabelSpace.unnamed(1000))
    for module in networks[1].modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # shap refuses it
    title += "" if is_real else " (random weights)"
    return Scene(title, model, Whole(networks[1]).eval(), split(networks[0]))


def squeezenet() -> Scene:
    def split(network: nn.Module) -> Split:
        classifier = network.classifier
        return (
            nn.Sequential(network.features, *classifier[:3]),
            lambda found: classifier[3](found).flatten(1),
        )

    make = torchvision.models.squeezenet1_1
    return scene_of("torchvision squeezenet1_1", make, "squeezenet1_1.safetensors", split)


def mobilenet() -> Scene:
    def make() -> nn.Module:
        return timm.create_model("mobilenetv2_100", pad_type="same")

    return scene_of(
        "timm mobilenetv2_100",
        make,
        "mobilenetv2_100_same.safetensors",
        lambda network: (network.forward_features, network.forward_head),
    )


def resnet18() -> Scene:
    def split(network: nn.Module) -> Split:
        *body, pool, head = network.children()
        return nn.Sequential(*body), nn.Sequential(pool, nn.Flatten(), head)

    return scene_of("torchvision resnet18", torchvision.models.resnet18, "resnet18.none", split)


SCENES = {"squeezenet1_1": squeezenet, "mobilenetv2_100": mobilenet, "resnet18": resnet18}


if __name__ == "__main__":
    main()
