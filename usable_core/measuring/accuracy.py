"""How often a model is right and how sure it is, example by example, in one streamed pass."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.accuracy import ACCURACY_COLUMNS, AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring.about_pictures import about_pictures
from usable_core.measuring.kept_pictures import keep_wrong
from usable_core.measuring.provenance import without_leaked
from usable_core.measuring.streaming import Kind, Objects, measured
from usable_core.measuring.work import Columns, Place, Step, joined
from usable_core.models.model import Model


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
        folder: Where finished parts and pictures of wrong answers go; None keeps none.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate, or no picture can be decoded.
        OutputsRefused: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    examples, table, source = measured(model, dataset, config, Kind(steps), report, folder)
    table = table.sort_values("index", ignore_index=True)  # texts were sorted by their length
    table["id"] = np.array(examples.dataset.ids, dtype=object)[table["index"]]
    source = without_leaked(source, table["id"], table["rank"].to_numpy() == 0)
    pictures = about_pictures(examples.dataset, table["index"].to_numpy())
    table = table[list(ACCURACY_COLUMNS)].assign(**pictures)
    result = AccuracyResult(config, source, table)
    if folder is not None and model.kind == "picture":
        keep_wrong(examples, model.preprocessing, result.records, folder)
    return result


def steps(objects: Objects, config: AccuracyConfig, place: Place) -> Iterator[Step]:
    """Yield the outcomes of the examples from a place on, one batch in memory after the other."""
    for x, indices, batch in objects.batches(place):
        found = []
        for piece, logits in objects.oracle.stream(len(x), x.__getitem__):
            which = indices[piece]
            table = outcomes(logits.cpu().double().numpy(), objects.examples.labels[which])
            found.append(table | {"index": which})
            objects.progress.add(len(which), accuracy=right_of(table))
            objects.progress.tell()
        yield Step(joined(found), objects.after(batch))


def outcomes(logits: np.ndarray, labels: np.ndarray) -> Columns:
    """Return label, prediction, rank, confidence, nll and brier (each (N,)).

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
    }


def right_of(outcomes: Columns) -> tuple[int, int]:
    """Return how many outcomes are right, of how many."""
    return int((outcomes["rank"] == 0).sum()), len(outcomes["rank"])
