"""The main number of each kind of answer, as a list of runs writes it, out of its summary."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.units import written
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.specs import Norm

Summary = Mapping[str, Any]


def accuracy(summary: Summary) -> str:
    """Return the accuracy: `86.7 %`."""
    return _share(summary["accuracy"]["value"])


def robustness(summary: Summary) -> str:
    """Return the accuracy under the largest attack: `12.0 % at ε = 8/255`."""
    norm: Norm = summary["norm"]
    largest = epsilon_label(summary["epsilons"][-1], norm)
    bound = "at most " if summary["is_upper_bound_only"] else ""
    return f"{bound}{_share(summary['robust_accuracy'][-1]['value'])} at ε = {largest}"


def corruption(summary: Summary) -> str:
    """Return the mean accuracy over corruptions: `61.2 %`."""
    return _share(summary["mean_corruption_accuracy"]["value"])


def explanation(summary: Summary) -> str:
    """Return the deletion gain of the first method that has one: `LIME gains 0.12`."""
    for row in summary["methods"]:
        gain = row["deletion_gain"]
        if gain is not None:
            return f"{EXPLAINERS[row['method']].title} gains {gain:.2f}"
    return ""


def cost(summary: Summary) -> str:
    """Return how long a picture takes, as the 95th percentile: `12.3 ms (p95)`."""
    one = next(row for row in summary["batches"] if row["batch"] == 1)
    found = one.get("latency_p95") or one["forward_p95"]
    return f"{written(found['value'], 'seconds')} (p95)"


def transferability(summary: Summary) -> str:
    """Return how often the nearest neighbours are right: `91.2 % by neighbours`."""
    return f"{_share(summary['neighbour_accuracy']['value'])} by neighbours"


def rate(summary: Summary) -> str:
    """Return the rate that is suggested: `0.012`."""
    found = summary["suggested"]
    return "a flat curve" if found is None else f"{found:.2g}"


def look(summary: Summary) -> str:
    """Return how many problems were found: `2 problems`."""
    count = len(summary["problems"])
    return "no problem" if not count else f"{count} problem" + "s" * (count > 1)


def training(summary: Summary) -> str:
    """Return the accuracy of the weights that were kept in validation; of a start, its loss.

    That of texts is `perplexity 24.8`, that of pictures `loss 4.03, no labels`.
    """
    if summary.get("objective") == "contrastive":
        return f"loss {summary['last_epoch']['validation_loss']:.2f}, no labels"
    if summary.get("perplexity") is not None:
        return f"perplexity {summary['perplexity']:.1f}"
    measured = {**summary["last_epoch"], **summary.get("measured", {})}
    return _share(measured.get("validation_accuracy"))


def sweep(summary: Summary) -> str:
    """Return which λ are on the Pareto front; without one, how many were trained."""
    front = [f"{weight:g}" for weight in summary["front"]]
    return f"front: λ = {', '.join(front)}" if front else f"{len(summary['lambdas'])} λ"


def learning_curve(summary: Summary) -> str:
    """Return the best accuracy with the most labels: `97.2 % with 1,000`."""
    last = [one for curve in summary["curves"] for one in curve["sizes"][-1:] if one["seeds"]]
    if not last:
        return ""
    best = max(last, key=lambda one: one["over_seeds"]["accuracy"]["value"])
    return f"{_share(best['over_seeds']['accuracy']['value'])} with {best['size']:,}"


def assessment(summary: Summary) -> str:
    """Return the verdict, or how many models have which: `1 fit, 2 not fit`."""
    found = Counter(str(one["verdict"]) for one in summary["models"])
    if found.total() == 1:
        return next(iter(found))
    return ", ".join(f"{count} {verdict}" for verdict, count in found.items())


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
