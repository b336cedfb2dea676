"""`onnx/FILE.onnx`: a network that onnxruntime runs. It answers; gradients it has none.

The graph runs as it is, but for a softmax or sigmoid at its end, which is left out so that it gives
logits. Weights beside the graph are read where their file is called after it.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from usable_core.catalog.model_files import onnx as files_of_onnx
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.preprocessing import GUESS, Preprocessing
from usable_core.models.programs import BlackBox, Program
from usable_core.models.sources.onnx_graphs import (
    USUAL_SIDE,
    Takes,
    logits_of,
    packages,
    read,
    refusing,
    taken_by,
)

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What graphs begin with that normalise by themselves.
_NORMALISING = ("Sub", "Div", "Mul", "Add", "BatchNormalization")
_UNCHANGED = ("Cast", "Transpose", "Identity")  # only lays its input out anew


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
    takes = taken_by(onnx, proto.graph, path.name)
    with refusing(path, "is not run"):
        logits = logits_of(onnx, proto, takes, path.name)
    box = BlackBox(
        logits,
        title="an ONNX graph",
        identity=f"onnx {_digest(path)} {logits.output} {takes}",
        parameter_count=sum(int(np.prod(tensor.dims)) for tensor in proto.graph.initializer),
    )
    count = takes.batch
    network = box if count is None else Program(box, least=count, most=count)
    classes = logits(torch.full((count or 1, 3, *takes.size), 0.5)).shape[1]
    card = {"title": path.name, "weights": path.name}
    labels = _labels(proto, classes) or LabelSpace.unnamed(classes)
    return Model(spec.reference, network, _passport(proto.graph, takes), labels, card)


def _passport(graph: "GraphProto", takes: Takes) -> Preprocessing:
    """Return how pictures are prepared: the file says their size, and seldom anything else."""
    guess = f"{GUESS}most networks"
    own = "the graph's own input"
    crop = own if takes.is_sized else f"{GUESS}{USUAL_SIDE} pixels"
    inside = "bytes" if takes.kind == "UINT8" else _first(graph, takes.name)
    is_inside = inside == "bytes" or inside in _NORMALISING
    (mean, std), said = IMAGENET, f"{GUESS}ImageNet"
    if is_inside:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        said = f"not applied: the graph begins with {inside}"
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


def _first(graph: "GraphProto", name: str) -> str:
    """Return the kind of the first step that changes the numbers of an input; empty for none."""
    for node in graph.node:
        if name in node.input:
            if node.op_type not in _UNCHANGED:
                return str(node.op_type)
            name = node.output[0]
    return ""


def _labels(proto: "ModelProto", classes: int) -> LabelSpace | None:
    """Return the class names that a file's metadata hold, one a line or as JSON; None without."""
    held = {entry.key.lower(): entry.value for entry in proto.metadata_props}
    keys = ("labels", "classes", "names", "class_names")
    text = next((held[key] for key in keys if key in held), "")
    said: object = text.splitlines()
    with contextlib.suppress(ValueError):
        said = json.loads(text)
    said = list(said.values()) if isinstance(said, dict) else said
    names = tuple(str(name) for name in said) if isinstance(said, list) else ()
    return LabelSpace(names) if len(names) == len(set(names)) == classes else None


def _digest(path: Path) -> str:
    """Return the SHA-256 of a network's files (first 32 hex digits)."""
    digest = hashlib.sha256()
    for file in files_of_onnx(str(path)):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
