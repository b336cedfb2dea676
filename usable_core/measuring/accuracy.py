"""How often a model is right and how sure it is, example by example, in one streamed pass."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from usable_core.asking.oracle import Oracle
from usable_core.asking.outputs import PROBABILITIES_WARNING, look_like_probabilities
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.accuracy import ACCURACY_COLUMNS, AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import Provenance, Report, silent
from usable_core.measuring.provenance import provenance
from usable_core.measuring.streaming import Examples, Objects, Plan, Progress, answers, examples_of
from usable_core.models.model import Model

_PART = 2**14  # examples: on one machine nearly every data set is a single part


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: AccuracyConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> AccuracyResult:
    """Return the outcome of every example that `config.dataset` asks for.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Not used: this task leaves no artifacts.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate.
        ImageRefused: a picture cannot be decoded.
        OutputsRefused: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    examples = examples_of(model, dataset, config.dataset)
    progress = Progress(len(examples), report, "Classifying")
    with Oracle(model, fixed_size=config.batch_size, precision=config.precision) as oracle:
        objects, planned = Objects(oracle, examples, progress), plan(examples)
        tables = [part(objects, config, planned, rows) for rows in planned.parts]
    source = provenance(
        model,
        examples.dataset,
        seconds=time.perf_counter() - started,
        batch_size=oracle.size().current,
        warnings=oracle.halvings,
    )
    return merge(examples, config, tables, source)


def plan(examples: Examples) -> Plan:
    """Return which parts there are."""
    return Plan(len(examples), _PART)


def part(objects: Objects, config: AccuracyConfig, plan: Plan, rows: slice) -> pd.DataFrame:
    """Return the outcomes of some examples, and whether their outputs look like probabilities."""
    tables: list[dict[str, np.ndarray]] = []
    for indices, logits in answers(objects.oracle, objects.examples, rows):
        table = outcomes(logits.numpy(), objects.examples.labels[indices])
        right = int((table["rank"] == 0).sum())
        tables.append(table | {"index": indices})
        objects.progress.add(len(indices), accuracy=(right, len(indices)))
        objects.progress.tell()
    return pd.DataFrame({name: np.concatenate([t[name] for t in tables]) for name in tables[0]})


def merge(
    examples: Examples, config: AccuracyConfig, tables: list[pd.DataFrame], source: Provenance
) -> AccuracyResult:
    """Return the result of all parts, with what its reader must know."""
    table = pd.concat(tables, ignore_index=True)
    table["id"] = np.array(examples.dataset.ids, dtype=object)[table["index"]]
    if table["is_softmax"].all():
        source = replace(source, warnings=(*source.warnings, PROBABILITIES_WARNING))
    return AccuracyResult(config, source, table[list(ACCURACY_COLUMNS)])


def outcomes(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return label, prediction, rank, confidence, nll, brier and is_softmax (each (N,)).

    Ties are broken by the lower class index, so rank 0 and a right prediction are the same thing.

    Args:
        logits: Float64 (N, classes).
        labels: True classes (N,), indices into the logits.
    """
    rows = np.arange(len(labels))
    log_probabilities = logits - logits.max(1, keepdims=True)
    log_probabilities -= np.log(np.exp(log_probabilities).sum(1, keepdims=True))
    probabilities = np.exp(log_probabilities)
    true_logit = logits[rows, labels][:, None]
    is_before = np.arange(logits.shape[1]) < labels[:, None]
    is_ahead = (logits > true_logit) | ((logits == true_logit) & is_before)
    confidence = probabilities.max(1)
    probabilities[rows, labels] -= 1  # now the errors
    return {
        "label": labels,
        "prediction": logits.argmax(1),
        "rank": is_ahead.sum(1),
        "confidence": confidence,
        "nll": -log_probabilities[rows, labels],
        "brier": (probabilities**2).sum(1),
        "is_softmax": look_like_probabilities(logits),
    }
