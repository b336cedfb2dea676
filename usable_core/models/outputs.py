"""From what a network returns to logits (N, classes): by name, by shape, and one logit as two."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.errors import CheckpointError

# What people call the logits among other outputs, the surest name first.
LOGIT_NAMES = (
    *("logits", "logit", "class_logits", "cls_logits", "pred_logits", "out", "output", "outputs"),
    *("pred", "preds", "prediction", "predictions", "scores", "score"),
)
ALONE = "Export it again with a forward that returns the logits alone, or a dict with 'logits'."

# What is said of a network whose sigmoids were taken off.
SEVERAL = (
    "Its last step gives each class a sigmoid of its own, as where a picture can be of several "
    "classes; here each picture is of one, the softmax of the same logits."
)

Place = tuple[object, ...]  # keys and positions that lead to a tensor


def class_logits(outputs: Tensor) -> Tensor:
    """Return logits (N, classes); one logit z per image (N, 1) counts as the two logits (0, z).

    The softmax of (0, z) is the sigmoid of z.
    """
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        return torch.cat([torch.zeros_like(outputs), outputs], 1)
    return outputs


def are_probabilities(outputs: Tensor) -> bool:
    """Tell whether all rows of outputs (N, classes) are at least 0 and add up to 1."""
    rows = outputs.detach().double()
    return bool((rows >= 0).all() and ((rows.sum(1) - 1).abs() < 1e-3).all())


@dataclass(frozen=True)
class _Part:
    """A tensor among what a network returns.

    Attributes:
        name: As people write it: `logits`, `1`, `heads.out`.
        place: Keys and positions that lead to it.
        tensor: It.
    """

    name: str
    place: Place
    tensor: Tensor

    @property
    def shape(self) -> str:
        """Its shape, with N for the images."""
        return f"({', '.join(['N', *map(str, self.tensor.shape[1:])])})" if self.rank else "()"

    @property
    def rank(self) -> int:
        """How many dimensions it has."""
        return self.tensor.ndim


def place_of_logits(output: object, count: int, program: str) -> Place:
    """Return where the logits are among what a network returns; empty for the output itself.

    Args:
        output: What it returned.
        count: For how many images.
        program: What messages call the network.

    Raises:
        CheckpointError: no tensor, or none among several, can be told to be the logits.
    """
    parts = list(_parts(output))
    tables = [p for p in parts if _is_per_image(p.tensor, count)]
    for name in LOGIT_NAMES:
        called = [p for p in tables if p.name.rpartition(".")[2].lower() == name]
        if len(called) == 1:
            return called[0].place
    if len(tables) == 1:
        return tables[0].place
    raise CheckpointError(_refusal(parts, tables, program))


def _is_per_image(tensor: Tensor, count: int) -> bool:
    """Tell whether there is a number, or one for each class, for each of the images."""
    return (
        tensor.is_floating_point()
        and tensor.ndim >= 1
        and len(tensor) == count
        and (tensor.ndim <= 2 or all(side == 1 for side in tensor.shape[2:]))
    )


def _parts(output: object, name: str = "", place: Place = ()) -> Iterator[_Part]:
    if isinstance(output, Tensor):
        yield _Part(name, place, output)
        return
    if isinstance(output, Mapping):
        items = [(str(key), key, value) for key, value in output.items()]
    elif isinstance(output, (tuple, list)):
        names = getattr(output, "_fields", None) or [str(k) for k in range(len(output))]
        items = [(called, k, output[k]) for k, called in enumerate(names)]
    else:
        return
    for called, key, value in items:
        yield from _parts(value, f"{name}.{called}".lstrip("."), (*place, key))


def _refusal(parts: list[_Part], tables: list[_Part], program: str) -> str:
    maps = [p for p in parts if p.rank == 4]
    if maps and not tables:
        return (
            f"{program} returns a map per pixel {maps[0].shape}, as networks for segmentation do. "
            "A classifier's logits (N, classes) are expected, one number for each class of a whole "
            "picture. Choose a classifier, or export one whose forward pools the map, such as "
            "map.mean((2, 3))."
        )
    shown = ", ".join(f"{p.name} {p.shape}".strip() for p in parts[:8]) or "no tensor"
    which = "which of them is the logits is not said" if tables else "none has the logits' shape"
    return f"{program} must return logits (N, classes), but returns {shown}: {which}. {ALONE}"
