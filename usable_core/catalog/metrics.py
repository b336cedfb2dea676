"""The numbers that are shown: what each is called, and its definition for a tooltip."""

from dataclasses import dataclass

from usable_core.catalog.units import Unit


@dataclass(frozen=True)
class MetricRow:
    """One number.

    Attributes:
        title: On a card.
        help: Definition in Markdown, formulas between dollar signs.
        unit: What it is kept in and how it is written, see `catalog.units`.
    """

    title: str
    help: str
    unit: Unit = "share"


def _number(title: str, help_text: str) -> MetricRow:
    return MetricRow(title, help_text, "number")


_INTERVAL = (
    "Interval: order statistics of the timings, whatever their distribution. It is of this machine "
    "as it was, and says nothing of other machines or loads."
)
_ANSWERED = f"are decoded, preprocessed and answered within this time. {_INTERVAL}"
_PASSED = f"pass through the network within this time. {_INTERVAL}"

METRICS = {
    "accuracy": MetricRow(
        "Accuracy",
        r"Share of images whose most probable class is the true one: "
        r"$\frac{1}{n}\sum_i \mathbb{1}[y_i=\hat{y}_i]$. Interval: Wilson.",
    ),
    "top5": MetricRow(
        "Top-5",
        r"Share of images whose true class is among the five most probable. Interval: Wilson.",
    ),
    "balanced_accuracy": MetricRow(
        "Balanced accuracy",
        r"Mean recall of the classes, each counting the same: "
        r"$\frac{1}{C}\sum_c \frac{\mathrm{right}_c}{n_c}$. It differs from accuracy when some "
        r"classes have more images. Interval: from the classes' Wilson intervals.",
    ),
    "worst_class": MetricRow(
        "Worst class",
        r"The smallest recall of the classes: $\min_c \mathrm{right}_c/n_c$. Interval: of all "
        r"classes together, so that it holds whichever is the worst.",
    ),
    "majority_baseline": MetricRow(
        "Most frequent class", "Accuracy of always answering the most frequent class."
    ),
    "ece": MetricRow(
        "Calibration error (ECE)",
        r"How far confidence is from accuracy, over 15 bins $b$ of equal width: "
        r"$\sum_b \frac{n_b}{n}\,|\mathrm{acc}_b-\mathrm{conf}_b|$. Too high for small n. "
        r"Interval: bootstrap; from 0 while chance alone may explain it.",
    ),
    "ece_equal_mass": MetricRow(
        "Calibration error, equal bins", "The same over 15 bins that hold equally many images."
    ),
    "brier": _number(
        "Brier score",
        r"$\frac{1}{n}\sum_i\sum_c (p_{ic}-\mathbb{1}[y_i=c])^2$, from 0 (certain and right) to 2.",
    ),
    "nll": _number(
        "Negative log likelihood", r"$-\frac{1}{n}\sum_i \log p_{i,y_i}$, in nats; lower is better."
    ),
    "clean_accuracy": MetricRow(
        "Clean accuracy",
        r"Accuracy on the unchanged images: "
        r"$\frac{1}{n}\sum_i \mathbb{1}[y_i=\hat{y}_i]$. Interval: Wilson.",
    ),
    "robust_accuracy": MetricRow(
        "Under attack",
        r"Share of images that are right and stay right whatever the attack finds within ε: "
        r"$\frac{1}{n}\sum_i \mathbb{1}[y_i=\hat{y}'_i]$. An upper bound: a stronger attack may "
        r"find more. Interval: Wilson.",
    ),
    "robustness": MetricRow(
        "Robustness score",
        r"$\frac{1}{n}\sum_i \left(\mathbb{1}[y_i=\hat{y}'_i]-\mathbb{1}[y_i=\hat{y}_i]\right)$: "
        r"what the attack takes away, in points, from 0 (nothing) down. A model that is never "
        r"right also has 0, so read it beside clean accuracy. Interval: paired (Tango).",
        unit="points",
    ),
    "conditional_success": MetricRow(
        "Attack success",
        r"Share of the images that were right when clean which the attack turns wrong. "
        r"Interval: Wilson.",
    ),
    "noise_accuracy": MetricRow(
        "Under random noise",
        "Accuracy under random noise of the same size: what the same budget does without an "
        "adversary.",
    ),
    "median_smallest_epsilon": MetricRow(
        "Median smallest ε",
        r"Half of the images that are right when clean break at this ε of the grid or below. "
        r"Interval: order statistics, which take images that no ε breaks (censored) for larger "
        r"than all others.",
    ),
    "censored": MetricRow(
        "Not broken",
        r"Share of the images that are right when clean which no ε of the grid breaks: their "
        r"smallest ε is beyond it (censored). Interval: Wilson.",
    ),
    "mean_corruption_accuracy": MetricRow(
        "Under corruptions",
        r"Accuracy averaged over all corruptions and severities. It is no mCE, which is relative "
        r"to another model. Interval: clustered by image.",
    ),
    "relative_drop": MetricRow(
        "Relative drop",
        r"$1-\mathrm{acc}_\mathrm{corrupted}/\mathrm{acc}_\mathrm{clean}$: which part of the clean "
        r"accuracy corruptions take away. Interval: bootstrap over images.",
    ),
    "area": MetricRow(
        "Mean over ε",
        "Accuracy under attack, averaged over the range of ε (trapezoid rule). One number to rank "
        "by; it depends on the range.",
    ),
    "corruption_accuracy": MetricRow(
        "Under one corruption",
        "Accuracy under one corruption, averaged over severities. Interval: clustered by image.",
    ),
    "mce": MetricRow(
        "mCE",
        r"Errors of every corruption, summed over severities and divided by the reference's, "
        r"averaged: below 100 % it errs less than the reference. Interval: bootstrap over images.",
    ),
    "doubtful": _number(
        "Doubtful maps",
        "Share of maps with a reason against them; the reasons are written under the worst "
        "explained.",
    ),
    "deletion_gain": _number(
        "Deletion gain",
        "By how much hiding in the map's order beats random orders on the same network, as a "
        "share of what either changes: 0 is chance, 1 the most. Median over the examples. Of texts "
        "(comprehensiveness) behind the model's mask; where it has none, with words left out.",
    ),
    "insertion_gain": _number(
        "Insertion gain",
        "The same where parts are shown: 0 is chance. Median over the examples. Of texts it is "
        "called sufficiency.",
    ),
    "deletion_gain_delete": _number(
        "Deletion gain, left out",
        "Deletion gain of texts (comprehensiveness) whose hidden words are left out, beside that "
        "behind the mask: a map that is good behind one alone may tell of the mask.",
    ),
    "insertion_gain_delete": _number(
        "Insertion gain, left out",
        "Insertion gain of texts (sufficiency) whose hidden words are left out.",
    ),
    "deletion_gain_neutral": _number(
        "Deletion gain, ellipsis",
        "Deletion gain of texts (comprehensiveness) with an ellipsis for each hidden word: the "
        "second background of models that have no mask.",
    ),
    "insertion_gain_neutral": _number(
        "Insertion gain, ellipsis",
        "Insertion gain of texts (sufficiency) with an ellipsis for each hidden word.",
    ),
    "road_gain": _number(
        "ROAD gain",
        "As deletion, with hidden parts filled in from around: 0 is chance. Median over the "
        "images.",
    ),
    "r2": _number(
        "Local R²",
        "How much of what the network does LIME's linear model tells; 1 is all of it. Median over "
        "the images.",
    ),
    "error_share": _number(
        "Monte Carlo error",
        "Largest standard error over largest value: what another seed would change. Lower is "
        "better. Median.",
    ),
    "randomised": _number(
        "Random weights",
        "Rank correlation with the map of the same network with random weights: near 0 is sound. "
        "Median.",
    ),
    "other_class": _number(
        "Another class",
        "Rank correlation with the map of the next most probable class: near 0 is sound. Median.",
    ),
    "agreement": _number(
        "Agreement",
        "Mean rank correlation with the other methods' maps of the same image. Median over the "
        "images.",
    ),
    "additivity_gap": _number(
        "Additivity gap",
        "How far the values miss their due sum, in units of the output: 0 is exact. Median.",
    ),
    "seconds": _number("Seconds", "Mean wall time of a map."),
    "probe_accuracy": MetricRow(
        "Linear probe",
        "How often a ridge regression on the frozen features is right about examples that it was "
        "not fitted on, in 10-fold cross-validation. Interval: Wilson.",
    ),
    "neighbour_accuracy": MetricRow(
        "Nearest neighbours",
        "How often most of the nearest other examples, by the cosine of the frozen features, are "
        "of the same class. Of the three hints before tuning it ordered backbones best "
        "(`benchmarks.transferability`). Interval: Wilson.",
    ),
    "logme": _number(
        "LogME",
        "Mean log evidence per example and class of Bayesian linear models on the frozen features "
        "(You et al. 2021), in nats; higher is better, and only differences on the same examples "
        "mean anything. Interval: jackknife by tenths of the examples.",
    ),
    "parameters": MetricRow("Parameters", "How many numbers the network learned.", "count"),
    "macs": MetricRow(
        "Multiply-adds",
        "Multiply-adds of matrix products and convolutions for one picture, or for one text of "
        "median length (MACs; half of the floating point operations). Activations, normalisation, "
        "pooling and the look-up of embeddings are not in them.",
        "count",
    ),
    "file_size": MetricRow(
        "Size of the weights",
        "Bytes of the file of weights; of downloaded ones those of the weights as they are held.",
        "bytes",
    ),
    "latency_p50": MetricRow("Latency, median", f"Half of the batches {_ANSWERED}", "seconds"),
    "latency_p95": MetricRow("Latency, p95", f"95 % of the batches {_ANSWERED}", "seconds"),
    "forward_p50": MetricRow("Forward, median", f"Half of the batches {_PASSED}", "seconds"),
    "forward_p95": MetricRow("Forward, p95", f"95 % of the batches {_PASSED}", "seconds"),
    "throughput": MetricRow(
        "Throughput",
        "Pictures or texts a second at the best batch size, by the median batch: opening, "
        "preprocessing and the forward pass one after another. Batches of texts are of like "
        "length.",
        "rate",
    ),
    "forward_throughput": MetricRow(
        "Forward throughput",
        "Pictures or texts a second at the best batch size, by the median of the forward pass "
        "alone.",
        "rate",
    ),
    "peak_memory": MetricRow(
        "Peak memory",
        "Weights and whatever tensors are there at once during a forward pass, of texts of the "
        "longest that were timed. On CUDA by torch's allocator, elsewhere counted tensor by "
        "tensor, without scratch memory inside operations. "
        "Libraries and data are not in it.",
        "bytes",
    ),
    "energy": MetricRow(
        "Energy of an example",
        "What the meter of the device counted while examples went through at the best batch size, "
        "divided by their number; idling and other work are in it.",
        "joules",
    ),
    "energy_estimate": MetricRow(
        "Energy, estimated",
        "Multiply-adds times 4.6 pJ: a multiplication and an addition of 32-bit "
        "floating point numbers at 45 nm (Horowitz 2014, ISSCC, figure 1.1.9). Arithmetic alone: "
        "moving numbers costs several times as much, so it is a floor, and never beside a "
        "measured energy.",
        "joules",
    ),
}
