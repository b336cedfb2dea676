"""`file/PATH.pt2`: a program written by `torch.export`, from [0, 1] to logits.

It normalises inside, so its passport has mean 0 and standard deviation 1. One that was exported
here brings its card, which says the rest; it may also read texts.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from usable_core.catalog.models import CARD_FILE
from usable_core.errors import CheckpointError, first_line
from usable_core.evaluations.specs import ModelSpec
from usable_core.files import placed
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.outputs import place_of_logits
from usable_core.models.programs import FromPieces, Program
from usable_core.models.sources.cards_inside import check_size, inside

_ANY_NUMBER = 2**40  # torch's infinity is larger


def load(name: str, spec: ModelSpec) -> Model:
    """Return the program in a file, whose classes have no names.

    Raises:
        CheckpointError: damaged, not from pictures to logits, or given weights or options.
    """
    path = placed(name)
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{path.name} is a whole program: leave --weights and --arch-option out, or name the "
            "architecture instead of the file."
        )
    said: dict[str, str | bytes] = {CARD_FILE: ""}  # torch fills no empty table
    try:
        with _quiet():
            program = torch.export.load(str(path), extra_files=said)
        loaded = program.module()
    except Exception as error:  # reading a program can fail in any way that its code can
        raise CheckpointError(
            f"{path.name} cannot be read as an exported program by torch {torch.__version__}: "
            f"{first_line(error)}. Export it again with this version of torch."
        ) from error
    own = inside(said, path.name)
    if own is not None and own.takes.kind == "text":
        network: nn.Module = Program(FromPieces(loaded))
        return Model(spec.reference, network, own.takes, own.labels, own.card)
    batch, height, width = _input_shape(program, path)
    network = _within_bounds(loaded, _bounds(program, batch), (height, width), path.name)
    if own is not None:
        check_size(own, (height, width), path.name)
        return Model(spec.reference, network, own.takes, own.labels, own.card)
    with torch.no_grad():
        logits = network(torch.full((1, 3, height, width), 0.5))
    if logits.shape[1] == 0:
        raise CheckpointError(f"{path.name} answers with no logits. Export a classifier.")
    card = {"title": path.name, "weights": path.name}
    labels = LabelSpace.unnamed(logits.shape[1])
    return Model(spec.reference, network, _passport(height, width), labels, card)


def _passport(height: int, width: int) -> Preprocessing:
    """Return how pictures are prepared for a program that says their size and nothing else."""
    own = "the program's own input"
    normalises = "not applied: the program takes [0, 1] and normalises inside"
    sources = {
        "resize": own,
        "crop": own,
        "interpolation": "default",
        "mean": normalises,
        "std": normalises,
    }
    return Preprocessing(min(height, width), (height, width), sources=sources)


def _within_bounds(
    network: nn.Module, bounds: tuple[int, int | None], size: tuple[int, int], name: str
) -> nn.Module:
    """Return the program as it may be asked and answers; itself where nothing stands in between.

    torch states a least batch of 2 for most programs that take single images too, so that is tried.
    """
    least, most = bounds
    count = max(least, 2) if most is None else min(max(least, 2), most)
    output = _answer(network, count, size, name)
    place = place_of_logits(output, count, name)
    if least == 2 and most != 2:
        with contextlib.suppress(CheckpointError):
            _answer(network, 1, size, name)
            least = 1
    is_plain = isinstance(output, Tensor) and output.ndim == 2
    if is_plain and least <= 1 and most is None:
        return network
    return Program(network, least=least, most=most, place=place)


def _answer(network: nn.Module, count: int, size: tuple[int, int], name: str) -> object:
    grey = torch.full((count, 3, *size), 0.5)
    try:
        with torch.no_grad():
            return network(grey)
    except Exception as error:  # the program's own code, which may raise anything
        raise CheckpointError(
            f"{name} does not run on pictures of shape {tuple(grey.shape)}: {first_line(error)}. "
            "Export it again for such pictures."
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from printing the traceback of what is raised as well."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _input_shape(
    program: torch.export.ExportedProgram, path: Path
) -> tuple[int | torch.SymInt, int, int]:
    """Return batch, height and width of what a program takes."""
    inputs = set(program.graph_signature.user_inputs)
    values = [
        n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder" and n.name in inputs
    ]
    shape: list[int | torch.SymInt] = []
    shape += list(values[0].shape) if len(values) == 1 and isinstance(values[0], Tensor) else []
    if len(shape) != 4 or not all(isinstance(n, int) for n in shape[1:]) or shape[1] != 3:
        raise CheckpointError(
            f"{path.name} must take one tensor (N, 3, height, width) with a fixed height and "
            f"width, but takes {shape or 'something else'}. Export it with such an input."
        )
    return shape[0], int(shape[2]), int(shape[3])


def _bounds(
    program: torch.export.ExportedProgram, batch: int | torch.SymInt
) -> tuple[int, int | None]:
    """Return how many pictures a program takes at once: at least, and at most (None: any)."""
    if isinstance(batch, int):
        return batch, batch
    known = program.range_constraints.get(batch.node.expr)
    if known is None:
        return 1, None
    return int(known.lower), None if bool(known.upper > _ANY_NUMBER) else int(known.upper)
