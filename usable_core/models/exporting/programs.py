"""Whole networks in one file: programs of `torch.export`, and ONNX graphs made of them.

What goes in is not normalised, and the card in the file says of its pictures what is left to do
outside: resize and crop. So neither a stranger nor Usable itself normalises twice.
"""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from usable_core import files
from usable_core.catalog.exports import EXPORTS
from usable_core.catalog.model_files import LARGEST_ONNX
from usable_core.catalog.models import CARD_FILE, TOKENIZER_FILE
from usable_core.errors import ExportError, first_line
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.exporting.networks import LOGITS, PICTURE, TEXT, traced
from usable_core.models.model import Model
from usable_core.models.sources.cards_inside import outside

if TYPE_CHECKING:
    from onnx import ModelProto

Writer = Callable[[Path, dict[str, Any]], None]

_PICTURES = (
    "RGB pictures (N, 3, {}, {}) of float32 in [0, 1], resized and cropped as `preprocessing` "
    "says. Normalisation is inside: give pixels that are not normalised."
)
_TEXTS = (
    "input_ids and attention_mask (N, L) of int64, as the tokenizer gives them, at most {} pieces; "
    "the mask is 0 where a text is filled up."
)


def program(model: Model) -> Writer:
    """Return what writes a model as a program of `torch.export`.

    Raises:
        ExportError: torch cannot trace it.
    """
    found = traced(model)

    def write(path: Path, card: dict[str, Any]) -> None:
        buffer = io.BytesIO()
        with _quiet():
            torch.export.save(found, buffer, extra_files=_said(model, card))
        files.write_bytes(path, buffer.getvalue())

    return write


def onnx(model: Model) -> Writer:
    """Return what writes a model as an ONNX graph.

    Raises:
        ExportError: a package is not installed, the graph is too large for one file, or torch
            cannot trace it or has no ONNX for a step of it.
    """
    size = sum(4 * weight.numel() for weight in model.network.state_dict().values())
    if size > LARGEST_ONNX:
        raise ExportError(
            f"{model.name} has {files.size_said(size)} of weights, and one ONNX file holds at most "
            f"{files.size_said(LARGEST_ONNX)}. Export it as program or as safetensors."
        )
    graph = _graph(model)

    def write(path: Path, card: dict[str, Any]) -> None:
        del graph.metadata_props[:]
        for key, value in _said(model, card).items():
            graph.metadata_props.add(key=key, value=value)
        files.write_bytes(path, graph.SerializeToString())

    return write


def _graph(model: Model) -> "ModelProto":
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(
            "ONNX files are written and compared by the packages onnx, onnxruntime and onnxscript, "
            f"but {error.name} is not installed. Install them: {EXPORTS['onnx'].install}"
        ) from error
    found = traced(model)
    names = PICTURE if model.kind == "picture" else TEXT
    try:
        with _quiet():
            made = torch.onnx.export(
                found,
                input_names=names,
                output_names=(LOGITS,),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # torch's and onnxscript's have no common class
        raise ExportError(
            f"{model.name} holds a step that torch has no ONNX for ({first_line(error)}). Export "
            "it as program or as safetensors."
        ) from error
    assert made is not None
    proto: ModelProto = made.model_proto
    return proto


def _said(model: Model, card: dict[str, Any]) -> dict[str, str]:
    """Return what a file says beside the network: the card, and its parts by plain names."""
    takes = model.input
    if isinstance(takes, Preprocessing):
        left = outside(takes)
        card = {**card, "preprocessing": asdict(left)}
        said = {"input": _PICTURES.format(*takes.crop), "normalisation": "inside"}
        said["preprocessing"] = json.dumps(left.values)
    else:
        longest = card["tokens"]["longest"]
        said = {"input": _TEXTS.format(longest), TOKENIZER_FILE: takes.identity}
    labels = json.dumps(list(model.labels.names), ensure_ascii=False)
    own = {CARD_FILE: json.dumps(card, ensure_ascii=False), "labels": labels}
    return own | said | {"output": "logits (N, classes): no softmax inside"}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch and onnxscript from printing their steps: what matters is raised."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
