"""Explanations of a data set's examples, one map per (example, method), on shared superpixels."""

import io
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.asking.batch_size import batch_size
from usable_core.catalog import implementation, lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.comparison.maps import compare_maps, compared_map
from usable_core.datasets.dataset import Dataset
from usable_core.errors import (
    DatasetRefused,
    ExplanationError,
    IncompatibleLabels,
    UnknownName,
)
from usable_core.evaluations.evidence import PerturbationCurve
from usable_core.evaluations.explanation import (
    COLUMNS,
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.faithfulness import Answers, Question, known_of
from usable_core.explainers.masking import Known
from usable_core.explainers.segments import picture_superpixels
from usable_core.files import replacing, write_bytes
from usable_core.images import encode_png
from usable_core.measuring.evidence import evidence, faithfulness
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.measuring.refinement import refined
from usable_core.measuring.shards import Shards
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import channels_last, frozen
from usable_core.runs.artifacts import PARTS

_CHEAP = (Question("blur"),)


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
        ExplanationError: the model gives NaN or infinity, or no method asked for has a map of an
            image. A method that refuses beside others is left out, with a warning.
        StorageError: the disk is full.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to explain. Choose another part of it.")
    labels, warnings = _labels(model, part, config.target)
    ready(model)
    work = _Work(model, part, labels, config, report, folder)
    shards = Shards(folder)
    if shards.plan is None:
        shards.begin({"examples": len(part)})
    with frozen(model.network), channels_last(model.network):
        for index in range(len(part)):
            if not shards.has(index):
                shards.add(index, work.example(index))
            work.over(index)
    records = pd.concat(shards.read(), ignore_index=True)
    if folder is not None:
        _gather_maps(folder)
    shards.clear()
    seconds = time.perf_counter() - started
    return ExplanationResult(
        config,
        provenance(
            model,
            part,
            seconds=seconds,
            batch_size=batch_size(model).current,
            warnings=(*warnings, *work.refusals(records)),
        ),
        records,
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
        options: How the map is made; with a `tolerance` it has only the evaluations that it needs.
        segments: Superpixels (H, W) from 0; None lets the method find its own.
        report: Told the progress; raises `Cancelled`.
        known: The model's answers from a smaller map of the same question, and room for more.

    Raises:
        UnknownName: no such method.
        ImageRefused: the image is of another shape, or not in [0, 1].
        ExplanationError: as the method says.
    """
    if options.tolerance > 0:  # as many evaluations as it takes
        *_, found = refined(
            model, x, target, method, options, segments=segments, report=report, known=known
        )
        return found
    function = implementation(lookup(EXPLAINERS, "explanation method", method).function)
    x = check_pixels(x[None])[0]
    whole: Attribution = function(
        model, x, target, options, segments=segments, report=report, known=known
    )
    return whole


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


class _Work:
    """One measurement in progress."""

    def __init__(
        self,
        model: Model,
        part: Dataset,
        labels: NDArray[np.int64],
        config: ExplanationConfig,
        report: Report,
        folder: Path | None,
    ) -> None:
        self._model, self._part, self._labels, self._config = model, part, labels, config
        self._folder = folder
        self._progress = _Progress(report, len(part) * len(config.methods), config)
        self._refusals: dict[str, str] = {}  # method -> its first sentence

    def over(self, index: int) -> None:
        """Take note that an example is finished, now or by the run that is gone on from."""
        self._progress.reach((index + 1) * len(self._config.methods))

    def example(self, index: int) -> pd.DataFrame:
        """Return the rows of one example; its picture and its maps are kept."""
        model, options = self._model, self._config.options
        picture, _ = self._part[index]
        x = model.preprocessing.geometry(picture)
        segments = picture_superpixels(picture, model.preprocessing, options.segments)
        prediction, label = int(logits_of(model, x).argmax()), int(self._labels[index])
        target = target_index(model, self._config.target, prediction, label=label)
        answers: Answers = {}
        rows, maps = [], []
        for method in self._config.methods:
            try:
                found = explain(
                    model,
                    x,
                    target,
                    method,
                    options,
                    segments=segments,
                    report=self._progress,
                    known=known_of(answers, options),
                )
            except ExplanationError as refusal:
                self._refusals.setdefault(method, str(refusal))
                self._progress.next_map()
                continue
            rows.append(
                {
                    "index": index,
                    "id": self._part.ids[index],
                    "label": label,
                    "prediction": prediction,
                    "target": target,
                    "method": method,
                    **_figures(found),
                    **self._evidence(x, target, found, segments, answers),
                }
            )
            maps.append(found)
            self._progress.next_map()
        if not maps:
            raise ExplanationError(next(iter(self._refusals.values())))
        if self._folder is not None:
            _keep_picture(self._folder, index, x)
            _keep_maps(self._folder, index, maps)
        agreement = _agreements(maps, segments)
        return pd.DataFrame(rows).assign(agreement=agreement).reindex(columns=list(COLUMNS))

    def refusals(self, records: pd.DataFrame) -> tuple[str, ...]:
        """Return a warning for each method that gave no map of some examples."""
        examples, found = records["index"].nunique(), []
        for method in self._config.methods:
            missing = examples - int((records["method"] == method).sum())
            if missing:
                why = self._refusals.get(method, "Measure anew to see why.")  # gone on from
                title = EXPLAINERS[method].title
                found.append(f"{title} gave no map of {missing} of {examples} images: {why}")
        return tuple(found)

    def _evidence(
        self,
        x: Tensor,
        target: int,
        found: Attribution,
        segments: NDArray[np.int32],
        answers: Answers,
    ) -> dict[str, float]:
        options = self._config.options
        if self._config.evidence == "none":
            return {}
        if self._config.evidence == "curves":
            return _of_curves(
                faithfulness(
                    self._model,
                    x,
                    target,
                    found,
                    options,
                    segments=segments,
                    questions=_CHEAP,
                    report=self._progress,
                    answers=answers,
                )
            )
        whole, _ = evidence(
            self._model,
            x,
            target,
            found,
            options,
            segments=segments,
            report=self._progress,
            answers=answers,
        )
        sanity = whole.sanity
        return {
            **_of_curves(whole.curves),
            "randomised": np.nan if sanity is None else sanity.randomised,
            "other_class": np.nan if sanity is None else sanity.other_class,
        }


def _figures(found: Attribution) -> dict[str, float]:
    """Return what a map says of itself, as columns of the records."""
    stability = found.stability
    figures: dict[str, float] = {
        name: _number(getattr(found, name))
        for name in ("r2", "additivity_gap", "effective_samples", "convergence")
    }
    if stability is not None:
        figures |= {
            "error_share": stability.error_share,
            "settled_share": float(np.mean(stability.is_settled)),
            "is_stable": float(stability.is_stable),
        }
    return {**figures, "evaluations": found.evaluations, "seconds": found.seconds}


def _of_curves(curves: Sequence[PerturbationCurve]) -> dict[str, float]:
    """Return the areas and gains of curves, as columns of the records."""
    found: dict[str, float] = {}
    for curve in curves:
        if curve.kind == "road":
            found["road_gain"] = curve.gain
        elif curve.background == "blur":
            found |= {f"{curve.kind}_area": curve.area, f"{curve.kind}_gain": curve.gain}
        else:
            found[f"{curve.kind}_gain_{curve.background}"] = curve.gain
    return found


def _agreements(maps: Sequence[Attribution], segments: NDArray[np.int32]) -> list[float]:
    """Return each map's mean rank correlation with the others; NaN without others."""
    table = np.array(
        compare_maps(
            [compared_map(one.method, one.method, one.values, segments) for one in maps]
        ).rank_correlation
    )
    np.fill_diagonal(table, np.nan)
    return [
        float(row[~np.isnan(row)].mean()) if (~np.isnan(row)).any() else np.nan for row in table
    ]


class _Progress:
    """A report over many maps, each of which counts from nothing, and again for its evidence."""

    def __init__(self, report: Report, maps: int, config: ExplanationConfig) -> None:
        self._report, self._evaluations = report, config.options.evaluations
        self._maps, self._over, self._highest = maps, 0, 0

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        share = int(self._evaluations * done / max(total, 1))
        self._tell(self._over * self._evaluations + share, **metrics)

    def next_map(self) -> None:
        """Go on with the next map."""
        self.reach(self._over + 1)

    def reach(self, maps: int) -> None:
        """Go on with so many maps finished."""
        self._over = maps
        self._tell(maps * self._evaluations)

    def _tell(self, done: int, **metrics: float) -> None:
        self._highest = max(self._highest, done)
        message = f"Explaining: map {min(self._over + 1, self._maps)} of {self._maps}"
        self._report(self._highest, self._maps * self._evaluations, message, **metrics)


def _keep_maps(folder: Path, index: int, maps: Sequence[Attribution]) -> None:
    """Store one example's maps with the finished parts, whole or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in maps:
            archive.writestr(f"{index}_{one.method}.npy", npy(one.values))
    write_bytes(folder / PARTS / f"{index}.npz", buffer.getvalue())


def _gather_maps(folder: Path) -> None:
    """Write `maps.npz` from the maps of all examples; it appears under its name only when whole."""
    with (
        replacing(folder / "maps.npz") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted((folder / PARTS).glob("*.npz"), key=lambda p: int(p.stem)):
            with zipfile.ZipFile(path) as part:
                for name in part.namelist():
                    archive.writestr(name, part.read(name))


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
