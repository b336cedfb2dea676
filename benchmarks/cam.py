"""Where class activation maps look in small random networks of many families, in one table.

    python -m benchmarks.cam [--families "timm swin" …]

The networks, and the patch that each map must find, are those of the tests (`tests/planted.py`,
`tests/made_families.py`): hits are the share of the patch's places whose maps differ most there,
share what of the difference is within the patch, in units of its share of the area. Cells: how far
from the patch counts as found, 1 where strided convolutions look aside. Rollout: whether attention
rollout gives a map, or refuses.
"""

import argparse
import platform
import sys
from pathlib import Path

import timm
import torch
import transformers

from usable_core.errors import UsableError
from usable_core.models.activations import find_layers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import planted
from explained import attributed
from made_families import FAMILIES, Family
from toy_models import model_of


def main() -> None:
    """Print a row for each family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), choices=list(FAMILIES))
    asked = parser.parse_args()
    versions = f"torch {torch.__version__}, timm {timm.__version__}"
    print(f"{platform.machine()}, {versions}, transformers {transformers.__version__}\n")
    print("| family | picture | grid | layout | cells | hits | share | rollout |")
    print("|---|---|---|---|---:|---:|---:|---|")
    for name in asked.families:
        print(f"| {name} | {row(FAMILIES[name])} |", flush=True)


def row(family: Family) -> str:
    """Return the cells of a family behind its name."""
    torch.manual_seed(0)
    network = planted.settled(family.make(), family.size)
    planted.plant(network, family.grid, family.size)
    model = model_of(network, size=family.size[0], classes=planted.CLASSES)
    x = planted.picture(family.grid, None, family.size)
    layer = find_layers(model, x, 0)[0]
    method = "token_cam" if layer.kind == "tokens" else "grad_cam"
    found = planted.judged(network, method, family.grid, family.size, family.near)
    try:
        attributed("attention_rollout", model, x, 0, planted.OPTIONS)
        rollout = "yes"
    except UsableError:
        rollout = "refused"
    (height, width), (rows, columns) = family.size, layer.grid
    grid = f"{rows} × {columns}" + (" (wrong)" if layer.grid != family.grid else "")
    layout, near = layer.kind.replace("_", " "), family.near
    figures = f"{near} | {found.hits:.2f} | {found.share:.1f}"
    return f"{height} × {width} | {grid} | {layout} | {figures} | {rollout}"


if __name__ == "__main__":
    main()
