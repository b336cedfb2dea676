"""Explanations of a data set's examples, one map per (example, method), on shared superpixels."""

import io
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.batching import batch_size
from usable_core.catalog import implementation, lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.datasets.dataset import Dataset
from usable_core.errors import DatasetRefused, IncompatibleLabels, StorageError, UnknownName
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.masking import Known
from usable_core.explainers.segments import picture_superpixels
from usable_core.images import encode_png
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import channels_last, frozen
from usable_core.runs.files import disk_full, is_disk_full, write_bytes

COLUMNS = (
    "index", "id", "label", "prediction", "target", "method", "r2", "additivity_gap",
    "evaluations", "seconds",
)  # fmt: skip


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: ExplanationConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> ExplanationResult:
    """Return the figures of one map per example and method that `config` asks for.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress in model evaluations; raises `Cancelled`.
        folder: Where `maps.npz` and `images/{index}.png` go; None keeps none.

    Raises:
        DatasetRefused: there is nothing to explain.
        IncompatibleLabels: the true class is to be explained, and the model does not know the data
            set's classes.
        UnknownName: the target is no class of the model.
        ExplanationError: the model gives NaN or infinity, or no gradient where one is needed.
        StorageError: the disk is full.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to explain. Choose another part of it.")
    labels, warnings = _labels(model, part, config.target)
    ready(model)
    progress = _Progress(report, len(part) * len(config.methods), config.options.evaluations)
    rows = []
    with _maps_file(folder) as keep, frozen(model.network), channels_last(model.network):
        for index in range(len(part)):
            picture, _ = part[index]
            x = model.preprocessing.geometry(picture)
            segments = picture_superpixels(picture, model.preprocessing, config.options.segments)
            prediction = int(logits_of(model, x).argmax())
            label = int(labels[index])
            target = target_index(model, config.target, prediction, label=label)
            if folder is not None:
                _keep_picture(folder, index, x)
            for method in config.methods:
                found = explain(
                    model, x, target, method, config.options, segments=segments, report=progress
                )
                progress.next_map()
                keep(f"{index}_{method}", found.values)
                rows.append((
                    index, part.ids[index], label, prediction, target, method,
                    _number(found.r2), _number(found.additivity_gap), found.evaluations,
                    found.seconds,
                ))  # fmt: skip
    seconds = time.perf_counter() - started
    return ExplanationResult(
        config,
        provenance(
            model, part, seconds=seconds, batch_size=batch_size(model).current, warnings=warnings
        ),
        pd.DataFrame(rows, columns=list(COLUMNS)),
    )


def explain(
    model: Model,
    x: Tensor,
    target: int,
    method: str,
    options: ExplainerOptions,
    *,
    segments: NDArray[np.int32] | None = None,
    report: Report = silent,
    known: Known | None = None,
) -> Attribution:
    """Return the map of one image by the method of that name.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1] as the model sees it.
        target: Index of the class explained.
        method: A key of `catalog.explainers.EXPLAINERS`.
        options: How the map is made.
        segments: Superpixels (H, W) from 0; None lets the method find its own.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from a smaller map of the same question, and room for more.

    Raises:
        UnknownName: no such method.
        ImageRefused: the image is of another shape, or not in [0, 1].
        ExplanationError: as the method says.
    """
    function = implementation(lookup(EXPLAINERS, "explanation method", method).function)
    x = check_pixels(x[None])[0]
    found: Attribution = function(
        model, x, target, options, segments=segments, report=report, known=known
    )
    return found


def target_index(
    model: Model, target: str | None, prediction: int, *, label: int | None = None
) -> int:
    """Return the class that is explained.

    Args:
        model: Knows its classes by name.
        target: `predicted` (or None, or `top`), `true`, or a class name.
        prediction: The model's own answer.
        label: The true class; None where nobody knows it.

    Raises:
        UnknownName: no class has that name, or the true class is not known.
        IncompatibleLabels: several classes have that name.
    """
    if target in (None, "predicted", "top"):
        return prediction
    name = str(target)
    if name == "true" and label is not None:
        return label
    matches = {_folded(known) for known in model.labels.names}
    if _folded(name) not in matches:
        raise UnknownName("class", name, set(model.labels.names))
    return model.labels.index(name)


def logits_of(model: Model, x: Tensor) -> Tensor:
    """Return the logits (classes,) float64 of one image (3, H, W) in [0, 1]."""
    with torch.inference_mode():
        return model(x[None].to(model.device))[0].double().cpu()


def _labels(model: Model, part: Dataset, target: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return each example's class (N,), -1 where the model does not know it, and warnings."""
    try:
        return target_indices(model, part)[part.targets], ()
    except IncompatibleLabels:
        if target == "true":
            raise
    return np.full(len(part), -1), (
        "The model does not know the data set's classes, so the records name no true class.",
    )


class _Progress:
    """A report over many maps, each of which counts from nothing."""

    def __init__(self, report: Report, maps: int, evaluations: int) -> None:
        self._report, self._evaluations = report, evaluations
        self._maps, self._over = maps, 0

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        share = int(self._evaluations * done / max(total, 1))
        self._tell(self._over * self._evaluations + share, **metrics)

    def next_map(self) -> None:
        """Go on with the next map."""
        self._over += 1
        self._tell(self._over * self._evaluations)

    def _tell(self, done: int, **metrics: float) -> None:
        message = f"Explaining: map {min(self._over + 1, self._maps)} of {self._maps}"
        self._report(done, self._maps * self._evaluations, message, **metrics)


class _Keep:
    """Adds arrays to an .npz file one at a time; does nothing without a file."""

    def __init__(self, archive: zipfile.ZipFile | None) -> None:
        self._archive = archive

    def __call__(self, name: str, values: NDArray[np.float32]) -> None:
        if self._archive is not None:
            self._archive.writestr(f"{name}.npy", npy(values))


@contextmanager
def _maps_file(folder: Path | None) -> Iterator[_Keep]:
    """Yield what adds maps to `maps.npz`, which appears under its name only when whole."""
    if folder is None:
        yield _Keep(None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".writing-maps.npz"
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield _Keep(archive)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / "maps.npz")
    except OSError as error:
        if is_disk_full(error):
            raise StorageError(disk_full(folder)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def npy(values: np.ndarray) -> bytes:
    """Return an array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def picture_of(x: Tensor) -> bytes:
    """Return the image x (3, H, W) in [0, 1] as PNG."""
    return encode_png(x.permute(1, 2, 0).cpu().numpy())


def _keep_picture(folder: Path, index: int, x: Tensor) -> None:
    write_bytes(folder / "images" / f"{index}.png", picture_of(x))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())
