"""ONNX graphs: read with their weights, what they take, and their logits by onnxruntime."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from usable_core.catalog.model_files import onnx as files_of_onnx
from usable_core.errors import CheckpointError, first_line
from usable_core.inputs.preprocessing import LARGEST_SIDE
from usable_core.models.outputs import are_probabilities, place_of_logits
from usable_core.models.pixel_range import BYTES, PixelRange, taken_range
from usable_core.models.programs import pieces_of
from usable_core.models.sources.onnx_bounds import check_weights, ran
from usable_core.models.sources.onnx_ends import before_the_end, prepared

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto
    from onnxruntime import InferenceSession

HOW = 'pip install "usable[onnx]"'
USUAL_SIDE = 224  # of a graph that takes pictures of any size
_KINDS = {"FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64, "UINT8": np.uint8}
_MOST_PICTURES = 2**26  # pixels of all pictures that a graph must be asked with at once
_TRIED = 3  # pictures on which the logits are compared with the graph's own answer
# How far they may be off: a share of the answers' own steps, which bytes have 255 of.
_SAME, _HALF_SAME, _BYTES_SAME = 1e-4, 2e-3, 1e-2
LEAST = 1e-12  # of a probability whose logarithm is taken


@dataclass(frozen=True)
class Takes:
    """What a graph takes.

    Attributes:
        name: Of its input.
        kind: Name of its numbers, a key of `_KINDS`.
        channels_last: (N, H, W, channels), as TensorFlow has it, rather than (N, channels, H, W).
        channels: 1 or 3.
        batch: The only number of pictures; None for any.
        size: Height and width; the usual where any will do.
        is_sized: Whether they are its own.
    """

    name: str
    kind: str
    channels_last: bool
    channels: int
    batch: int | None
    size: tuple[int, int]
    is_sized: bool

    def array(self, x: Tensor) -> "np.ndarray[Any, Any]":
        """Return images (N, channels, H, W) as the graph takes them; bytes reach from 0 to 255."""
        if self.kind == "UINT8":
            x = (255 * x).round().clamp(0, 255)
        x = x.permute(0, 2, 3, 1) if self.channels_last else x
        return x.contiguous().numpy().astype(_KINDS[self.kind], copy=False)


@dataclass(frozen=True)
class Logits:
    """Images (N, channels, H, W) to logits (N, classes), by onnxruntime.

    Attributes:
        session: The graph.
        takes: What it takes.
        output: Which of its outputs are the logits.
        ends: The kind of the last step that was left out, `Softmax` or `Sigmoid`; `log` where the
            logarithm of its probabilities is taken instead, which is as good; empty for none.
    """

    session: "InferenceSession"
    takes: Takes
    output: str
    ends: str = ""

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        try:
            (found,) = self.session.run([self.output], {self.takes.name: self.takes.array(x)})
        except Exception as error:  # onnxruntime's errors have no common class
            raise RuntimeError(first_line(error)) from error
        logits = torch.from_numpy(np.asarray(found)).float().reshape(len(x), -1)
        return logits.clamp_min(LEAST).log() if self.ends == "log" else logits


def packages() -> ModuleType:
    """Return the package onnx.

    Raises:
        CheckpointError: it or onnxruntime is not installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise CheckpointError(
            f"ONNX files are read by the packages onnx and onnxruntime, but {error.name} is not "
            f"installed. Install them: {HOW}"
        ) from error
    return onnx


@contextlib.contextmanager
def refusing(path: Path, what: str) -> Iterator[None]:
    """Say in a sentence what the packages make of a file."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:  # protobuf's, onnx's and onnxruntime's have no common class
        raise CheckpointError(
            f"{path.name} {what}: {first_line(error)}. Export it again as one ONNX classifier."
        ) from error


def read(onnx: ModuleType, path: Path) -> "ModelProto":
    """Return a graph with its weights, which are those in it and in files called after it."""
    with refusing(path, "cannot be read as an ONNX file"):
        proto: ModelProto = onnx.load(io.BytesIO(path.read_bytes()), load_external_data=False)
        if not proto.graph.node:
            raise CheckpointError(f"{path.name} holds no graph. Export it again as a classifier.")
        check_weights(onnx, proto, {f.name for f in files_of_onnx(str(path))[1:]}, path.name)
        onnx.load_external_data_for_model(proto, str(path.parent))
    return proto


def taken_by(onnx: ModuleType, graph: "GraphProto", name: str) -> Takes:
    """Return what a graph takes.

    Raises:
        CheckpointError: it is no batch of pictures.
    """
    known = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in known]
    shown = ", ".join(f"{one.name} {_shape(one)}" for one in inputs) or "nothing"
    if len(inputs) == 1 and len(shape := _shape(inputs[0])) == 4:
        kind = onnx.TensorProto.DataType.Name(inputs[0].type.tensor_type.elem_type)
        last = shape[1] not in (1, 3) and shape[3] in (1, 3)
        channels, sides = (shape[3], shape[1:3]) if last else (shape[1], shape[2:])
        sized = [side for side in sides if side is not None]
        is_possible = all(1 <= side <= LARGEST_SIDE for side in sized)
        if channels in (1, 3, None) and kind in _KINDS and is_possible:
            height, width = (side or USUAL_SIDE for side in sides)
            is_sized, batch = len(sized) == 2, shape[0]
            is_filled = batch is not None and not 1 <= batch <= _MOST_PICTURES / (height * width)
            if is_filled:
                raise CheckpointError(
                    f"{name} takes {batch:,} pictures of {height} × {width} pixels at once, and "
                    "that many are not asked. Export it for any number of pictures, or for one."
                )
            return Takes(
                inputs[0].name, kind, last, channels or 3, batch, (height, width), is_sized
            )
    raise CheckpointError(
        f"{name} must take one batch of pictures (N, 3, height, width) or (N, height, width, 3) of "
        f"floats or bytes, with 3 channels (RGB) or 1 (grey), but takes {shown}. Export a "
        "classifier of pictures."
    )


def _shape(value: "ValueInfoProto") -> list[int | None]:
    """Return the sides of a tensor; None where any will do."""
    sides = value.type.tensor_type.shape.dim
    return [side.dim_value if side.HasField("dim_value") else None for side in sides]


def logits_of(onnx: ModuleType, proto: "ModelProto", takes: Takes, name: str) -> Logits:
    """Return what answers with logits: the graph, without a softmax or sigmoid at its end.

    Raises:
        CheckpointError: none of its outputs can be told to be logits, or they are NaN.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(takes.batch or _TRIED, takes.channels, *takes.size, generator=generator)
    session = _session(proto)
    outputs = [one.name for one in session.get_outputs()]
    answers = ran(session, outputs, {takes.name: takes.array(x)})
    tensors = {
        name: torch.from_numpy(answer)
        for name, answer in zip(outputs, answers, strict=True)
        if isinstance(answer, np.ndarray) and answer.dtype.kind == "f"
    }
    place = place_of_logits(tensors, len(x), name)
    if bool(tensors[str(place[0])].isnan().any()):
        raise CheckpointError(
            f"{name} answers with NaN, no numbers. Export it with weights from before the training "
            "went wrong."
        )
    own = Logits(session, takes, str(place[0]))
    return _bare(onnx, proto, own, x) or own


def _bare(onnx: ModuleType, proto: "ModelProto", own: Logits, x: Tensor) -> Logits | None:
    """Return what answers with what a graph's softmax or sigmoid takes; None for another end."""
    said = own(x)
    if (before := before_the_end(proto.graph, own.output)) is not None:
        place, kind, is_rounded = before
        proto.graph.output.append(onnx.ValueInfoProto(name=place))
        bare = Logits(_session(proto), own.takes, place, kind)
        found = bare(x)
        again = found.softmax(1) if kind == "Softmax" else found.sigmoid()
        same = _BYTES_SAME if is_rounded else _HALF_SAME if own.takes.kind == "FLOAT16" else _SAME
        if said.shape == found.shape and bool((again - said).abs().max() < same):
            return bare
    is_table = said.shape[1] > 1 and are_probabilities(said)
    return replace(own, ends="log") if is_table else None


@dataclass(frozen=True)
class TextLogits:
    """Texts (N, 1, 1, L) to logits (N, classes), by onnxruntime; see `programs.pieces_of`."""

    session: "InferenceSession"

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        names = [one.name for one in self.session.get_inputs()]
        given = dict(zip(names, (part.numpy() for part in pieces_of(x.flatten(1))), strict=True))
        found, *_ = self.session.run(None, given)
        return torch.from_numpy(np.asarray(found)).float()


def text_logits_of(proto: "ModelProto") -> TextLogits:
    """Return what answers texts: a graph of `input_ids` and `attention_mask`.

    Raises:
        CheckpointError: it takes something else.
    """
    session = _session(proto)
    if [one.name for one in session.get_inputs()] != ["input_ids", "attention_mask"]:
        raise CheckpointError(
            "Its card is of texts, but the graph does not take input_ids and attention_mask. "
            "Export the model again."
        )
    return TextLogits(session)


def graph_digest(proto: "ModelProto") -> str:
    """Return the SHA-256 of a graph without what is said of it (first 32 hex digits)."""
    return hashlib.sha256(proto.graph.SerializeToString(deterministic=True)).hexdigest()[:32]


def range_of(onnx: ModuleType, proto: "ModelProto", takes: Takes) -> PixelRange | None:
    """Return the pixels that a graph takes, where its first steps tell."""
    place, steps = prepared(proto.graph, takes.name)
    if not steps:
        return None
    own = list(proto.graph.output)
    del proto.graph.output[:]
    proto.graph.output.append(onnx.ValueInfoProto(name=place))
    session = _session(proto)
    del proto.graph.output[:]
    proto.graph.output.extend(own)

    def begin(value: float) -> Tensor:
        x = torch.full((takes.batch or 1, takes.channels, *takes.size), value)
        (found,) = ran(session, [place], {takes.name: takes.array(x)})
        return torch.from_numpy(np.asarray(found))

    found = taken_range(begin)
    # What a BatchNorm learned moves zero as well; the size of bytes it cannot hide.
    return found if found is BYTES or "BatchNormalization" not in steps else None


def _session(proto: "ModelProto") -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # errors come back as exceptions, which are told in a sentence
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
