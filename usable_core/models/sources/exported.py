"""`file/PATH.pt2`: a program written by `torch.export`, from [0, 1] to logits.

It normalises inside, so its passport has mean 0 and standard deviation 1.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from usable_core.errors import CheckpointError, first_line
from usable_core.evaluations.specs import ModelSpec
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing


def load(name: str, spec: ModelSpec) -> Model:
    """Return the program in a file, whose classes have no names.

    Raises:
        CheckpointError: damaged, not from pictures to logits, or given weights or options.
    """
    path = Path(name).expanduser()
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{path.name} is a whole program: leave --weights and --arch-option out, or name the "
            "architecture instead of the file."
        )
    try:
        with _quiet():
            program = torch.export.load(str(path))
        network = program.module()
    except Exception as error:  # reading a program can fail in any way that its code can
        raise CheckpointError(
            f"{path.name} cannot be read as an exported program by torch {torch.__version__}: "
            f"{first_line(error)}. Export it again with this version of torch."
        ) from error
    height, width = _input_size(program, path)
    try:
        with torch.no_grad():
            logits = network(torch.full((2, 3, height, width), 0.5))
    except Exception as error:
        raise CheckpointError(
            f"{path.name} does not run on two pictures: {first_line(error)}."
        ) from error
    if not (isinstance(logits, Tensor) and logits.ndim == 2):
        raise CheckpointError(
            f"{path.name} must return logits (N, classes); it returns something else."
        )
    own = "the program's own input"
    normalises = "not applied: the program takes [0, 1] and normalises inside"
    sources = {
        "resize": own,
        "crop": own,
        "interpolation": "default",
        "mean": normalises,
        "std": normalises,
    }
    preprocessing = Preprocessing(min(height, width), (height, width), sources=sources)
    card = {"title": path.name, "weights": path.name}
    return Model(spec.reference, network, preprocessing, LabelSpace.unnamed(logits.shape[1]), card)


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


def _input_size(program: torch.export.ExportedProgram, path: Path) -> tuple[int, int]:
    inputs = set(program.graph_signature.user_inputs)
    values = [
        n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder" and n.name in inputs
    ]
    shape: list[int | torch.SymInt] = []
    shape += list(values[0].shape) if len(values) == 1 and isinstance(values[0], Tensor) else []
    fits = len(shape) == 4 and all(isinstance(n, int) for n in shape[1:]) and shape[1] == 3
    if not fits or isinstance(shape[0], int):
        raise CheckpointError(
            f"{path.name} must take one tensor (N, 3, height, width) with any N and a fixed height "
            f"and width, but takes {shape or 'something else'}. Export it with a dynamic batch."
        )
    return int(shape[2]), int(shape[3])
