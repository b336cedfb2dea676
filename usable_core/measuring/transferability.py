"""What the frozen features of a backbone say of a task, on the examples that tuning would see."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import unreadable
from usable_core.datasets.splits import require_classes, training_splits
from usable_core.errors import DatasetRefused, OutputsRefused
from usable_core.evaluations.accuracy import LETTERS
from usable_core.evaluations.specs import Provenance, Report, silent
from usable_core.evaluations.transferability import (
    FOLDS,
    TransferabilityConfig,
    TransferabilityResult,
)
from usable_core.measuring.data_doubts import data_doubts
from usable_core.measuring.examples import Examples, pictures
from usable_core.measuring.provenance import before_training, is_trained_on, ready
from usable_core.metrics.arrays import Floats, Indices
from usable_core.metrics.transferability import (
    logme,
    nearest_neighbours,
    stratified_folds,
    usual_neighbours,
)
from usable_core.models.model import Model
from usable_core.randomness import seed_of

BATCH = 64
# Of a ridge on standardised features, whose squared singular values sum to N times their number;
# each training of the probe chooses among them by its own examples, left out one by one.
PENALTIES = np.logspace(-2, 6, 17)
SEEN = (
    "The model was trained on this data set, so its features know these {examples}: the numbers "
    "are too good to tell what tuning would bring."
)


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: TransferabilityConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> TransferabilityResult:
    """Return how well the features of the examples that a training would see tell their classes.

    Args:
        model: The backbone; its head is not asked.
        dataset: The whole task; its training part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Not used: everything is in the records.

    Raises:
        CheckpointError: the network is a fixed program that shows only its logits.
        DatasetRefused: there are no two classes of two examples, or none can be read.
        OutputsRefused: features are not finite numbers.
        Cancelled: through `report`.
    """
    began = time.perf_counter()
    require_classes(dataset)
    part, _ = training_splits(dataset, config.dataset)
    features, places = _features(ready(model), part, report)
    labels = part.targets[places]
    _require_pairs(part, labels)
    folds = stratified_folds(labels, FOLDS, seed_of(config.dataset.seed, "folds"))
    neighbours = usual_neighbours(labels)
    report(len(part), len(part), "Comparing features")
    records = pd.DataFrame(
        {
            "index": places,
            "id": np.array(part.ids, dtype=object)[places],
            "label": labels,
            "fold": folds,
            "neighbour": nearest_neighbours(features, labels, neighbours),
            "probe": probed(features, labels, folds),
        }
    )
    if part.kind == "text":
        records["text"] = [part[place][0][:LETTERS] for place in places]
    kept = [folds != fold for fold in np.unique(folds)]
    return TransferabilityResult(
        config,
        _source(model, part, time.perf_counter() - began),
        records,
        logme=logme(features, labels),
        logme_without=tuple(logme(features[rows], labels[rows]) for rows in kept),
        neighbours=neighbours,
        width=features.shape[1],
    )


def probed(features: Floats, labels: Indices, folds: Indices) -> Indices:
    """Return the class (N,) that a ridge on the examples of all other folds gives each."""
    found = np.empty_like(labels)
    for fold in np.unique(folds):
        out = folds == fold
        ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
        found[out] = ridge.fit(features[~out], labels[~out]).predict(features[out])
    return found


def _features(model: Model, part: Dataset, report: Report) -> tuple[Floats, Indices]:
    """Return the features (n, D) of all examples that can be read, and which these are (n,)."""
    rows, places = [np.empty((0, 0))], [np.empty(0, dtype=np.int64)]
    ahead, done = max(BATCH, model.input.window), 0
    with Oracle(model, fixed_size=BATCH) as oracle:
        for x, indices in pictures(oracle, Examples(part, part.targets), slice(None), ahead):

            def of(piece: slice, x: Tensor = x) -> Tensor:
                with torch.inference_mode():
                    return model.features(x[piece]).float().cpu()

            rows += [found.double().numpy() for _, found in oracle.each(len(x), of)]
            places.append(indices)
            done += len(indices)
            report(done, len(part), "Computing features")
    if not done:
        raise unreadable(part)
    features, which = np.concatenate(rows[1:]), np.concatenate(places)
    if not np.isfinite(features).all():
        raise OutputsRefused(
            f"{model.name} gives features that are not finite numbers, so nothing can be said of "
            "them. Choose other weights."
        )
    order = np.argsort(which)
    return features[order], which[order]


def _require_pairs(part: Dataset, labels: Indices) -> None:
    """Refuse examples of which no two classes have two: nothing could be held out."""
    pairs = int((np.unique(labels, return_counts=True)[1] > 1).sum())
    if pairs < 2:
        raise DatasetRefused(
            f"At least 2 classes need 2 {part.examples} or more, but {pairs} of the "
            f"{len(labels)} {part.examples} of {part.name} ({part.split_name}) have. Raise the "
            "limit."
        )


def _source(model: Model, part: Dataset, seconds: float) -> Provenance:
    own = model.warnings if len(model.labels) else model.notes
    seen = (SEEN.format(examples=part.examples),) * is_trained_on(model, part)
    said = (*seen, *own, *part.notes, *data_doubts(part, {}).sentences)
    return before_training(model, part, seconds=seconds, batch_size=BATCH, warnings=said)
