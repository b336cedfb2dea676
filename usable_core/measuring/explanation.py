"""Explanations of a data set's examples, one map per (example, method), on shared parts of each.

What is done is planned once; each part, a slice of the examples, is a pure function of the plan, so
that it can run anywhere and a killed run goes on from the parts that are finished.
"""

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from usable_core.asking.manner import ask_as, manner
from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.errors import DatasetRefused, ExplanationError, IncompatibleLabels
from usable_core.evaluations.accuracy import LETTERS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.explanation_columns import COLUMNS, TEXT_COLUMNS
from usable_core.evaluations.specs import Report, silent
from usable_core.files import replacing, write_bytes
from usable_core.images import encode_png
from usable_core.measuring.examples import list_unread
from usable_core.measuring.explaining import Refusal, Wanted, explain_methods
from usable_core.measuring.instances import Instance, instance
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.lacking_maps import missing_maps, short_texts
from usable_core.measuring.node import Errand
from usable_core.measuring.progress import Progress
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.measuring.shards import Shards
from usable_core.measuring.spreading import joined_cluster, spread
from usable_core.measuring.streaming import question_of
from usable_core.measuring.work import Place, Step, Work
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model

IMAGES = "images"


@dataclass(frozen=True, eq=False)
class Plan:
    """What is explained.

    Attributes:
        model: Pixels to logits, on its device.
        examples: The chosen examples N.
        labels: Their true classes (N,); −1 where the model does not know the data set's classes.
        warnings: What the result should say of that.
    """

    model: Model
    examples: Dataset
    labels: Indices
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """What was found of some examples.

    Attributes:
        records: One row per (example, method), see `evaluations.explanation`.
        maps: Explanations by the example's index.
        refusals: The first sentence of each method that had no map of an example.
    """

    records: pd.DataFrame
    maps: dict[int, tuple[Explanation, ...]]
    refusals: dict[str, str]


@dataclass
class Kept:
    """What is left of the explained examples beside their records.

    Attributes:
        folder: Where their pictures and maps go; None keeps none.
        refusals: The first sentence of each method that had no map of an example.
    """

    folder: Path | None
    refusals: dict[str, str] = field(default_factory=dict)

    def store(self, maps: dict[int, tuple[Explanation, ...]]) -> tuple[str, ...]:
        """Write examples and their maps, each file whole, and return the files' names."""
        if self.folder is None:
            return ()
        names: list[str] = []
        for index, found in maps.items():
            buffer, first = io.BytesIO(), found[0]
            arrays: dict[str, Any] = {f"{index}_{one.method}": one.values for one in found}
            if first.text:
                arrays[f"{index}_text"] = np.array(first.text)
                arrays[f"{index}_spans"] = np.array(first.spans, dtype=np.int32)
            np.savez_compressed(buffer, **arrays)
            files = {f"{index}.npz": buffer.getvalue()}
            if first.x.size:
                files = {f"{IMAGES}/{index}.png": encode_png(first.x), **files}
            for name, data in files.items():
                write_bytes(self.folder / name, data)
            names += files
        return tuple(names)


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: ExplanationConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> ExplanationResult:
    """Return the figures of one map per example and method that `config` asks for.

    As `measuring.accuracy.measure`, but `maps.npz` and `images/{index}.png` go into the folder, and
    labels that the model does not know are refused only where the true class is to be explained.

    Raises:
        UnknownName: the target is no class of the model.
        ExplanationError: no method asked for has a map of an image. A method that refuses beside
            others is left out, with a warning.
        StorageError: the disk is full.
    """
    started = time.perf_counter()
    chosen = chosen_of(model, dataset, config)
    cluster = joined_cluster(chosen.model, folder)
    shards = Shards(folder, question_of(chosen.model, chosen.examples, config))
    kept = Kept(shards.folder)
    work = work_of(chosen, config, shards.plan, kept, report)
    with work.oracle:
        spread(shards, work, Errand(opened, config), cluster)
        records = shards.rows(work)
    list_unread(chosen.examples, chosen.model, records)
    if folder is not None and shards.folder is not None:
        shards.publish(IMAGES)
        _gather_maps(shards.folder, folder / "maps.npz")
    seconds = shards.seconds + time.perf_counter() - started
    refusals = {**kept.refusals, **shards.remarks}
    return merge(chosen, config, records, refusals, seconds, shards.hosts)


def opened(
    model: Model, dataset: Dataset, config: ExplanationConfig, plan: dict[str, Any], folder: Path
) -> Work:
    """Return the work of a question, as another process planned it; maps go into `folder`."""
    return work_of(chosen_of(model, dataset, config), config, plan, Kept(folder), silent)


def work_of(
    chosen: Plan,
    config: ExplanationConfig,
    planned: dict[str, Any] | None,
    kept: Kept,
    report: Report,
) -> Work:
    """Return the work of a question, as it is planned or, without a plan, as it comes."""
    if planned is not None:
        ask_as(chosen.model, planned)
    methods = len(config.methods)
    maps = [config.options.evaluations] * (len(chosen.examples) * methods)
    progress = Progress(report, maps, "Explaining: map {part} of {parts}")
    return Work(
        Oracle(chosen.model),
        chosen.examples,
        lambda place: steps(chosen, config, place, progress, kept),
        plan=lambda: manner(chosen.model),
        remarks=lambda: kept.refusals,
        count=lambda place: place.example * methods,
        reach=progress.finish,
        tell=progress.tell,
    )


def steps(
    chosen: Plan, config: ExplanationConfig, place: Place, progress: Progress, kept: Kept
) -> Iterator[Step]:
    """Yield what is found of the examples from a place on, one after the other."""
    for index in range(place.example, len(chosen.examples)):
        found = explain_part(chosen, config, slice(index, index + 1), progress.part)
        for method, why in found.refusals.items():
            kept.refusals.setdefault(method, why)
        yield Step(found.records, Place(index + 1), kept.store(found.maps))
        progress.finish((index + 1) * len(config.methods))


def chosen_of(model: Model, dataset: Dataset, config: ExplanationConfig) -> Plan:
    """Return what is explained; see `measure` for the errors."""
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to explain. Choose another part of it.")
    try:
        return Plan(ready(model), part, target_indices(model, part)[part.targets])
    except IncompatibleLabels:
        if config.target == "true":
            raise
    warning = "The model does not know the data set's classes, so the records name no true class."
    return Plan(ready(model), part, np.full(len(part), -1), (warning,))


def explain_part(
    chosen: Plan, config: ExplanationConfig, examples: slice, report: Callable[[int], Report]
) -> Part:
    """Return what is found of some of the examples.

    Args:
        chosen: What is explained.
        config: How.
        examples: Which of them.
        report: Number of a map, over all examples, to whom its progress is told.

    Raises:
        ExplanationError: no method has a map of an example.
        UnknownName, OutputsRefused, Cancelled: as `measure`.
    """
    tables, maps, refusals = [], {}, dict[str, str]()

    def refused(method: str, why: Refusal) -> None:
        refusals.setdefault(method, str(why))

    for index in range(*examples.indices(len(chosen.examples))):
        seen = chosen.examples.tried(index, lambda said: _seen(chosen.model, said, config.options))
        if seen is None:  # it cannot be read
            continue
        wanted = Wanted(config.methods, seen.options(config.options), config.evidence)
        label, first = int(chosen.labels[index]), index * len(config.methods)
        target = seen.target(config.target, label=label)
        found = explain_methods(seen, target, wanted, lambda k, at=first: report(at + k), refused)  # type: ignore[misc]
        if not found:
            raise ExplanationError(next(iter(refusals.values())))
        facts = {
            "index": index,
            "id": chosen.examples.ids[index],
            "label": label,
            "prediction": int(seen.logits.argmax()),
            "target": target,
        }
        is_text = chosen.model.kind == "text"
        if is_text:
            facts |= {"text": found[0].text[:LETTERS], "words": len(found[0].spans)}
        rows = [{**facts, "method": one.method, **one.figures()} for one in found]
        columns = TEXT_COLUMNS if is_text else COLUMNS
        tables.append(pd.DataFrame(rows).reindex(columns=list(columns)))
        maps[index] = found
    records = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return Part(records, maps, refusals)


def _seen(model: Model, example: Any, options: ExplainerOptions) -> Instance:  # noqa: ANN401
    """Return a picture or a text as the model sees it."""
    if isinstance(example, str):
        return Instance.of_text(model, example, options.background)
    return instance(model, example, options.segments)


def merge(
    chosen: Plan,
    config: ExplanationConfig,
    records: pd.DataFrame,
    refusals: dict[str, str],
    seconds: float,
    hosts: Iterable[str] = (),
) -> ExplanationResult:
    """Return the result of the records of all parts."""
    size = Oracle(chosen.model).size().current
    warnings = (
        *chosen.warnings,
        *missing_maps(config, records, refusals),
        *short_texts(config, records),
    )
    source = provenance(
        chosen.model,
        chosen.examples,
        seconds=seconds,
        batch_size=size,
        warnings=warnings,
        hosts=hosts,
    )
    return ExplanationResult(config, source, records)


def _gather_maps(parts: Path, target: Path) -> None:
    """Write `maps.npz` from the maps of all examples; it appears under its name only when whole."""
    with replacing(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(parts.glob("*.npz"), key=lambda p: int(p.stem)):
            with zipfile.ZipFile(path) as part:
                for name in part.namelist():
                    archive.writestr(name, part.read(name))
