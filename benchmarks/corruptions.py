"""Our corruptions beside the package `imagecorruptions` and beside the model that classifies them.

    python -m benchmarks.corruptions [--rounds 3]

One photograph of 224 x 224, all five severities, interleaved: the package one image at a time, as
it works; ours and torchvision's ResNet-18 in batches of eight. The package is repaired where it
breaks on today's NumPy and scikit-image. Targets on one thread: the 15 common corruptions at least
5 times as fast as the package's, at least twice without glass blur, and all 75 cells in less time
than the model needs to classify them.
"""

import argparse

import imagecorruptions
import numpy as np
import skimage.filters
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from benchmarks._timing import Timing, conditions, interleave
from usable_core.catalog import implementation
from usable_core.catalog.corruptions import COMMON, CORRUPTIONS
from usable_core.evaluations.corruption import SEVERITIES
from usable_core.models.modes import channels_last, frozen

SIDE, BATCH = 224, 8


def main() -> None:
    """Print one row per corruption and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corruptions", nargs="+", choices=list(CORRUPTIONS))
    asked = parser.parse_args()
    repair()
    print(conditions())
    print("\nMilliseconds per image and severity, mean of the five severities.\n")
    print("| corruption | imagecorruptions | usable | times as fast | of a ResNet-18 forward |")
    print("|---|---:|---:|---:|---:|")
    found = {}
    for name in asked.corruptions or CORRUPTIONS:
        theirs, ours, forward = found[name] = compare(name, asked.rounds)
        print(_row(CORRUPTIONS[name].title, theirs, ours, forward), flush=True)
    if asked.corruptions:
        return
    without = tuple(name for name in COMMON if name != "glass_blur")
    for title, names in {
        "**15 common**": COMMON,
        "**without glass blur**": without,
        "**all 19**": tuple(CORRUPTIONS),
    }.items():
        print(_row(title, *np.sum([found[name] for name in names], axis=0)))


def repair() -> None:
    """Give the package the names that it was written for."""

    def gaussian(
        image: NDArray[np.float64],
        sigma: float | NDArray[np.float64] = 1,
        *,
        multichannel: bool = False,
        mode: str = "nearest",
        truncate: float = 4.0,
    ) -> NDArray[np.float64]:
        axis = -1 if multichannel else None
        return skimage.filters.gaussian(
            image, sigma, mode=mode, truncate=truncate, channel_axis=axis
        )

    imagecorruptions.corruptions.gaussian = gaussian
    np.float_ = np.float64  # noqa: NPY201 - the package asks for the old name


def compare(name: str, rounds: int) -> tuple[float, float, float]:
    """Return ms per image and severity of the package, of ours, and of a forward pass."""
    image = np.asarray(Image.fromarray(data.astronaut()).resize((SIDE, SIDE)))
    x = torch.from_numpy(image.copy()).permute(2, 0, 1).float().div(255)
    x = x.expand(BATCH, -1, -1, -1).contiguous()
    seeds = torch.arange(BATCH)
    corrupt = implementation(CORRUPTIONS[name].function)
    network = torchvision.models.resnet18(weights=None)
    prepared = x.contiguous(memory_format=torch.channels_last)

    def theirs() -> None:
        for severity in SEVERITIES:
            imagecorruptions.corrupt(image, corruption_name=name, severity=severity)

    def ours() -> None:
        for severity in SEVERITIES:
            corrupt(x, severity, seeds)

    def forward() -> None:
        network(prepared)

    with frozen(network), channels_last(network), torch.inference_mode():
        timings = interleave({"theirs": theirs, "ours": ours, "forward": forward}, rounds=rounds)
    units = len(SEVERITIES), len(SEVERITIES) * BATCH, BATCH
    each = [_ms(timing, count) for timing, count in zip(timings, units, strict=True)]
    return each[0], each[1], each[2]


def _ms(timing: Timing, count: int) -> float:
    return timing.seconds / count * 1000


def _row(title: str, theirs: float, ours: float, forward: float) -> str:
    ratio, share = theirs / ours, ours / forward
    return f"| {title} | {theirs:.1f} | {ours:.2f} | {ratio:.1f} | {share:.2f} |"


if __name__ == "__main__":
    main()
