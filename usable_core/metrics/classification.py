"""Right or wrong, overall and per class, from labels and predictions (N,)."""

import math
from dataclasses import dataclass

import numpy as np

from usable_core.metrics.arrays import Indices, Masks
from usable_core.metrics.intervals import (
    CONFIDENCE,
    Estimate,
    Proportion,
    exact,
    mean_of_proportions,
    wilson,
)


@dataclass(frozen=True)
class ClassScores:
    """One class: `precision` has n = times predicted, `recall` n = examples of the class."""

    index: int
    precision: Proportion
    recall: Proportion
    f1: float


def accuracy(labels: Indices, predictions: Indices) -> Proportion:
    """Return mean 1[y = ŷ]."""
    return share(labels == predictions)


def share(outcomes: Masks) -> Proportion:
    """Return the share of true outcomes (N,), with its interval."""
    return wilson(int(np.sum(outcomes)), len(outcomes))


def majority_baseline(labels: Indices) -> Proportion:
    """Return the accuracy of always answering the most frequent class."""
    most = int(np.max(np.unique(labels, return_counts=True)[1])) if len(labels) else 0
    return wilson(most, len(labels))


def class_scores(labels: Indices, predictions: Indices) -> list[ClassScores]:
    """Return precision, recall and F1 of every class that has examples, in order of index.

    A class that is never predicted has no precision (NaN); its F1 is 0.
    """
    scores = []
    for index in np.unique(labels):
        actual, predicted = labels == index, predictions == index
        hits = int(np.sum(actual & predicted))
        n, guesses = int(np.sum(actual)), int(np.sum(predicted))
        f1 = 2 * hits / (n + guesses)
        scores.append(ClassScores(int(index), wilson(hits, guesses), wilson(hits, n), f1))
    return scores


def balanced_accuracy(labels: Indices, predictions: Indices) -> Estimate:
    """Return the mean recall over the classes that have examples."""
    return mean_of_proportions([s.recall for s in class_scores(labels, predictions)])


def worst_class(labels: Indices, predictions: Indices) -> Estimate:
    """Return the smallest recall of the classes that have examples; n counts all examples.

    The interval holds for the smallest of the true recalls, whichever class has it: those of all
    classes hold together (exact, Bonferroni), and its ends are the smallest of theirs.
    """
    recalls = [s.recall for s in class_scores(labels, predictions)]
    if not recalls:
        return Estimate(math.nan, math.nan, math.nan, 0)
    confidence = 1 - (1 - CONFIDENCE) / len(recalls)
    ends = [exact(round(r.value * r.n), r.n, confidence) for r in recalls]
    worst = min(recall.value for recall in recalls)
    return Estimate(worst, min(e.low for e in ends), min(e.high for e in ends), len(labels))


def confusion(labels: Indices, predictions: Indices) -> tuple[Indices, Indices]:
    """Return (classes (C,), counts (C, C)): row is the true class, column the predicted.

    The classes are those that occur as a label or as a prediction, so every example is counted.
    """
    classes = np.union1d(labels, predictions)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    rows, columns = np.searchsorted(classes, labels), np.searchsorted(classes, predictions)
    np.add.at(counts, (rows, columns), 1)
    return classes, counts
