"""`onnx/FILE.onnx`: a network that onnxruntime runs. It answers; gradients it has none.

The graph runs as it is, but for a softmax or sigmoid at its end, which is left out so that it gives
logits. Weights beside the graph are read where their file is called after it. A graph that was
exported here brings its card, which says how its input is prepared; it may also read texts.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from usable_core.catalog.model_files import onnx as files_of_onnx
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.preprocessing import GUESS, Preprocessing
from usable_core.json_files import parsed_json
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.outputs import SEVERAL
from usable_core.models.overrides import overridden
from usable_core.models.pixel_range import UNIT, PixelRange
from usable_core.models.programs import BlackBox, Program
from usable_core.models.sources.cards_inside import Inside, check_size, inside
from usable_core.models.sources.onnx_bounds import check_sizes
from usable_core.models.sources.onnx_graphs import (
    USUAL_SIDE,
    Takes,
    graph_digest,
    logits_of,
    packages,
    range_of,
    read,
    refusing,
    taken_by,
    text_logits_of,
)

if TYPE_CHECKING:
    from onnx import ModelProto

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(name: str, spec: ModelSpec) -> Model:
    """Return the network in a file; how its pictures are prepared is a guess and said to be one.

    Raises:
        CheckpointError: the packages are not there; the file is damaged, too large, names weights
            elsewhere, or takes or gives something else than a classifier of pictures; weights or
            options are given.
    """
    path = files_of_onnx(name)[0]
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{path.name} is a whole network: leave --weights and --arch-option out, or name the "
            "architecture instead of the file."
        )
    onnx = packages()
    proto = read(onnx, path)
    own = inside({entry.key: entry.value for entry in proto.metadata_props}, path.name)
    if own is not None and own.takes.kind == "text":
        return _of_texts(onnx, proto, own, spec.reference, path)
    takes = taken_by(onnx, proto.graph, path.name)
    check_sizes(onnx, proto, takes.batch, path.name)
    takes = takes if takes.is_sized else replace(takes, size=_given_size(takes, spec))
    height, width = takes.size
    lacking = "" if takes.is_sized else " (it says no size; say it: --preprocessing crop=SIDE)"
    with refusing(path, f"is not run on pictures of {height} × {width} pixels{lacking}"):
        prepares = range_of(onnx, proto, takes) if own is None else None
        logits = logits_of(onnx, proto, takes, path.name)
    digest = _digest(path) if own is None else graph_digest(proto)
    box = _box(proto, logits, f"{digest} {logits.output} {logits.ends} {takes}")
    count = takes.batch
    network = box if count is None else Program(box, least=count, most=count)
    if own is not None:
        check_size(own, takes.size, path.name)
        return Model(spec.reference, network, own.takes, own.labels, own.card)
    classes = logits(torch.full((count or 1, takes.channels, *takes.size), 0.5)).shape[1]
    card = {"title": path.name, "weights": path.name}
    labels = _labels(proto, classes) or LabelSpace.unnamed(classes)
    notes = (SEVERAL,) if logits.ends == "Sigmoid" and classes > 1 else ()
    return Model(spec.reference, network, _passport(takes, prepares), labels, card, notes)


def _of_texts(
    onnx: ModuleType, proto: "ModelProto", own: Inside, reference: str, path: Path
) -> Model:
    """Return the model of texts that a graph with its card and tokenizer is."""
    check_sizes(onnx, proto, None, path.name)
    with refusing(path, "is not run on texts"):
        logits = text_logits_of(proto)
    box = _box(proto, logits, f"{graph_digest(proto)} texts")
    return Model(reference, box, own.takes, own.labels, own.card)


def _box(proto: "ModelProto", answers: Callable[[Tensor], Tensor], identity: str) -> BlackBox:
    count = sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer)
    return BlackBox(
        answers, title="an ONNX graph", identity=f"onnx {identity}", parameter_count=count
    )


def _given_size(takes: Takes, spec: ModelSpec) -> tuple[int, int]:
    """Return the size that a graph without one of its own is asked with."""
    return overridden(_passport(takes, None), spec.preprocessing).crop


def _passport(takes: Takes, prepares: PixelRange | None) -> Preprocessing:
    """Return how pictures are prepared: the file says their size, and seldom anything else."""
    guess = f"{GUESS}most networks"
    own = "the graph's own input"
    crop = own if takes.is_sized else f"{GUESS}{USUAL_SIDE} pixels"
    (mean, std), said = IMAGENET, f"{GUESS}ImageNet"
    if takes.kind == "UINT8":
        mean, std, said = UNIT.mean, UNIT.std, "not applied: the graph takes bytes"
    elif prepares is not None:
        mean, std = prepares.mean, prepares.std
        said = f"the graph's first steps, which take {prepares.title}"
    return Preprocessing(
        min(takes.size),
        takes.size,
        mean=mean,
        std=std,
        sources={
            "resize": guess,
            "crop": crop,
            "interpolation": guess,
            "mean": said,
            "std": said,
        },
        channels=1 if takes.channels == 1 else 3,
    )


def _labels(proto: "ModelProto", classes: int) -> LabelSpace | None:
    """Return the class names that a file's metadata hold, one a line or as JSON; None without."""
    held = {entry.key.lower(): entry.value for entry in proto.metadata_props}
    keys = ("labels", "classes", "names", "class_names")
    text = next((held[key] for key in keys if key in held), "")
    said: object = text.splitlines()
    with contextlib.suppress(ValueError):
        said = parsed_json(text.encode())
    said = list(said.values()) if isinstance(said, dict) else said
    names = tuple(str(name) for name in said) if isinstance(said, list) else ()
    return LabelSpace(names) if len(names) == len(set(names)) == classes else None


def _digest(path: Path) -> str:
    """Return the SHA-256 of a network's files (first 32 hex digits)."""
    digest = hashlib.sha256()
    for file in files_of_onnx(str(path)):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
