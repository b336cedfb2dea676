"""What corruptions do to each example, streamed: decoded once, corrupted where it is classified."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.asking.outputs import PROBABILITIES_WARNING
from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.corruptions.corruption import SMALL, Corruption
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.corruption import CORRUPTION_COLUMNS, CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.specs import Provenance, Report, silent
from usable_core.measuring.accuracy import outcomes
from usable_core.measuring.provenance import provenance
from usable_core.measuring.streaming import Examples, Objects, Plan, Progress, examples_of, pictures
from usable_core.models.model import Model
from usable_core.randomness import example_seeds

_PART = 2**14  # examples: on one machine nearly every data set is a single part
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
    started = time.perf_counter()
    examples = examples_of(model, dataset, config.dataset)
    progress = Progress(
        len(examples) * (len(config.corruptions) * len(config.severities) + 1), report
    )
    with Oracle(model, fixed_size=config.batch_size) as oracle:
        objects, planned = Objects(oracle, examples, progress), plan(examples)
        tables = [part(objects, config, planned, rows) for rows in planned.parts]
    source = provenance(
        model,
        examples.dataset,
        seconds=time.perf_counter() - started,
        batch_size=oracle.size().current,
        warnings=(*_remarks(model.input_size, config), *oracle.halvings),
    )
    return merge(examples, config, tables, source)


def plan(examples: Examples) -> Plan:
    """Return which parts there are."""
    return Plan(len(examples), _PART)


@torch.inference_mode()
def part(objects: Objects, config: CorruptionConfig, plan: Plan, rows: slice) -> pd.DataFrame:
    """Return the outcomes of some examples in every cell, in small types, cell after cell.

    The pictures are decoded once, and corrupted where they are classified. Corruptions are numbered
    by their place in the config; `is_softmax` says whether outputs look like probabilities.
    """
    oracle, progress = objects.oracle, objects.progress
    ids = objects.examples.dataset.ids
    tables: list[dict[str, np.ndarray]] = []
    for x, indices in pictures(oracle, objects.examples, rows, oracle.size().largest):
        labels = objects.examples.labels[indices]
        clean = _outcomes(oracle, x, labels)
        progress.message = "Classifying"
        progress.add(len(x), clean_accuracy=_right(clean))
        progress.tell()
        common: dict[str, np.ndarray] = {
            "index": indices.astype(np.int32),
            "label": labels.astype(np.int16),
            "clean_prediction": clean["prediction"].astype(np.int16),
            "clean_confidence": clean["confidence"].astype(np.float32),
        }
        seeds = example_seeds([ids[i] for i in indices], config.seed).to(x.device)
        for place, name in enumerate(config.corruptions):
            corrupt: Corruption = implementation(CORRUPTIONS[name].function)
            for severity in config.severities:
                cell = _outcomes(oracle, corrupt(x, severity, seeds), labels)
                tables.append(common | _columns(cell, place, severity, x.shape))
                progress.message = f"{CORRUPTIONS[name].title}, severity {severity}"
                progress.add(len(x), corruption_accuracy=_right(cell))
                progress.tell()
    return pd.DataFrame({name: np.concatenate([t[name] for t in tables]) for name in tables[0]})


def merge(
    examples: Examples, config: CorruptionConfig, tables: list[pd.DataFrame], source: Provenance
) -> CorruptionResult:
    """Return the result of all parts, by example, corruption and severity."""
    table = pd.concat(tables, ignore_index=True)
    ids = list(dict.fromkeys(examples.dataset.ids))
    place = {identity: i for i, identity in enumerate(ids)}
    codes = np.array([place[identity] for identity in examples.dataset.ids], dtype=np.int32)
    table["id"] = pd.Categorical.from_codes(codes[table["index"]], ids)
    table["corruption"] = pd.Categorical.from_codes(table["corruption"], list(config.corruptions))
    if table["is_softmax"].all():
        source = replace(source, warnings=(PROBABILITIES_WARNING, *source.warnings))
    order = np.argsort(table["index"], kind="stable")  # cells were made in their order
    records = table[list(CORRUPTION_COLUMNS)].iloc[order].reset_index(drop=True)
    return CorruptionResult(config, source, records)


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


def _outcomes(oracle: Oracle, x: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    return outcomes(oracle.logits(x).cpu().double().numpy(), labels)


def _right(outcome: dict[str, np.ndarray]) -> tuple[int, int]:
    """Return how many are right, of how many."""
    return int((outcome["rank"] == 0).sum()), len(outcome["rank"])


def _columns(
    outcome: dict[str, np.ndarray], place: int, severity: int, shape: torch.Size
) -> dict[str, np.ndarray]:
    n = shape[0]
    return {
        "corruption": np.full(n, place, dtype=np.int8),
        "severity": np.full(n, severity, dtype=np.int8),
        "prediction": outcome["prediction"].astype(np.int16),
        "confidence": outcome["confidence"].astype(np.float32),
        "nll": outcome["nll"].astype(np.float32),
        "height": np.full(n, shape[2], dtype=np.int16),
        "width": np.full(n, shape[3], dtype=np.int16),
        "is_softmax": outcome["is_softmax"],
    }
