"""What corruptions do to each example, streamed: decoded once, corrupted where it is classified."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.catalog.text_corruptions import KNOWN
from usable_core.corruptions.corruption import SMALL
from usable_core.corruptions.sharing import corrupter
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.corruption import CORRUPTION_COLUMNS, CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring.accuracy import outcomes, right_of
from usable_core.measuring.corrupted_texts import (
    check_kind,
    same_texts,
    text_corrupter,
    texts_of,
    unread,
)
from usable_core.measuring.provenance import without_leaked
from usable_core.measuring.streaming import Kind, Objects, measured
from usable_core.measuring.work import Columns, Place, Step
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.randomness import example_seeds

_PUBLISHED_SIZES = (32, 224)  # pixels, that the constants were chosen for


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: CorruptionConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> CorruptionResult:
    """Return the outcome of every example under every corruption at every severity.

    Arguments and errors are those of `measuring.accuracy.measure`.
    """
    check_kind(model, config)
    kind = Kind(steps, _outcomes_of, _pieces)
    examples, table, source = measured(model, dataset, config, kind, report, folder)
    is_unchanged = table.pop("is_unchanged") if model.kind == "text" else None
    ids = list(dict.fromkeys(examples.dataset.ids))
    place = {identity: i for i, identity in enumerate(ids)}
    codes = np.array([place[identity] for identity in examples.dataset.ids], dtype=np.int32)
    table["id"] = pd.Categorical.from_codes(codes[table["index"]], ids)
    table["corruption"] = pd.Categorical.from_codes(table["corruption"], list(config.corruptions))
    clean = table.drop_duplicates("index")
    is_right = (clean["clean_prediction"] == clean["label"]).to_numpy()
    source = without_leaked(source, clean["id"].astype(object), is_right)
    order = np.argsort(table["index"], kind="stable")  # cells were made in their order
    columns = list(CORRUPTION_COLUMNS)
    if is_unchanged is not None:
        table["text"] = texts_of(examples.dataset, table["id"])
        columns.append("text")
    records = table[columns].iloc[order].reset_index(drop=True)
    if is_unchanged is None:
        remarks = (*source.warnings, *_remarks(model.input_size, config))
    else:
        remarks = (*source.warnings, *unread(table, is_unchanged))
    return CorruptionResult(config, replace(source, warnings=remarks), records)


@torch.inference_mode()
def steps(objects: Objects, config: CorruptionConfig, place: Place) -> Iterator[Step]:
    """Yield the outcomes of the examples from a place on in every cell, in small types.

    The pictures are decoded once, and corrupted where they are classified, cell after cell.
    Corruptions are numbered by their place in the config.
    """
    oracle, progress, cells = objects.oracle, objects.progress, _cells(config)
    ids = objects.examples.dataset.ids
    for x, indices, batch in objects.batches(place):
        labels = objects.examples.labels[indices]
        clean = _outcomes(oracle, x, labels)
        progress.message = "Classifying"
        progress.add(len(x), clean_accuracy=right_of(clean))
        progress.tell()
        common: Columns = {
            "index": indices.astype(np.int32),
            "label": labels.astype(np.int16),
            "clean_prediction": clean["prediction"].astype(np.int16),
            "clean_confidence": clean["confidence"].astype(np.float32),
        }
        seeds = example_seeds([ids[i] for i in indices], config.seed).to(x.device)
        corrupted = worse(oracle, objects.examples.dataset, x, indices, seeds)
        for number, (name, severity) in enumerate(cells[batch.step :], batch.step + 1):
            changed = corrupted(name, severity)
            cell = _outcomes(oracle, changed, labels)
            corruption = config.corruptions.index(name)
            progress.message = f"{KNOWN[name].title}, severity {severity}"
            progress.add(len(x), corruption_accuracy=right_of(cell))
            progress.tell()
            is_last = number == len(cells)
            stop = objects.after(batch) if is_last else Place(batch.example, number)
            found = common | _columns(cell, corruption, severity, changed.shape)
            if oracle.model.kind == "text":
                found["is_unchanged"] = same_texts(x, changed)
            yield Step(found, stop)


def worse(
    oracle: Oracle, dataset: Dataset, x: Tensor, indices: Indices, seeds: Tensor
) -> Callable[[str, int], Tensor]:
    """Return what corrupts a batch (n, …), by a corruption's name and its severity."""
    if oracle.model.kind == "picture":
        return corrupter(x, seeds)
    return text_corrupter(oracle.model, [dataset[int(i)][0] for i in indices], seeds)


def _cells(config: CorruptionConfig) -> list[tuple[str, int]]:
    """Return the corruptions at their severities."""
    return [(name, severity) for name in config.corruptions for severity in config.severities]


def _outcomes_of(config: CorruptionConfig) -> int:
    """Return in how many forms each example is classified."""
    return len(_cells(config)) + 1


def _pieces(config: CorruptionConfig, batch: int) -> int:
    """Return how many steps a batch takes."""
    return len(_cells(config))


def _remarks(input_size: tuple[int, int], config: CorruptionConfig) -> tuple[str, ...]:
    """Return sentences on what the numbers may not be compared with."""
    remarks = []
    height, width = input_size
    if (height, width) not in {(side, side) for side in _PUBLISHED_SIZES}:
        which = "CIFAR-C (32)" if max(height, width) <= SMALL else "ImageNet-C (224)"
        remarks.append(
            f"Images were corrupted at {height} x {width} pixels with the constants of {which}: "
            "at another size the same severity is another strength."
        )
    if "frost" in config.corruptions:
        remarks.append(
            "Frost is drawn by a procedure, not taken from the photographs of ImageNet-C, so its "
            "numbers are not comparable with published ones."
        )
    return tuple(remarks)


def _outcomes(oracle: Oracle, x: Tensor, labels: np.ndarray) -> Columns:
    return outcomes(oracle.logits(x).cpu().double().numpy(), labels)


def _columns(outcome: Columns, place: int, severity: int, shape: torch.Size) -> Columns:
    n = shape[0]
    return {
        "corruption": np.full(n, place, dtype=np.int8),
        "severity": np.full(n, severity, dtype=np.int8),
        "prediction": outcome["prediction"].astype(np.int16),
        "confidence": outcome["confidence"].astype(np.float32),
        "nll": outcome["nll"].astype(np.float32),
        "height": np.full(n, shape[2], dtype=np.int16),
        "width": np.full(n, shape[3], dtype=np.int16),
    }
