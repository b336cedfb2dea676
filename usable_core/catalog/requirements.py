"""What can be required of a model: which evaluation measures it, and which way is better."""

from dataclasses import dataclass
from typing import Literal

Place = Literal["", "epsilon", "method", "corruption", "batch"]


@dataclass(frozen=True)
class RequirementRow:
    """One number that a requirement can bound.

    Attributes:
        task: The evaluation that measures it, a key of `TASKS`.
        metric: Its key in `METRICS`.
        is_better: Whether more of it is better, or less.
        place: What it is measured at, which the requirement then names: a budget ε, an explanation
            method, a corruption, a batch size; empty where it is one number.
        example: As it is written.
    """

    task: str
    metric: str
    is_better: Literal["higher", "lower"]
    place: Place = ""
    example: str = ""


REQUIREMENTS = {
    "accuracy": RequirementRow("accuracy", "accuracy", "higher", "", "accuracy >= 90 %"),
    "worst_class": RequirementRow("accuracy", "worst_class", "higher", "", "worst_class >= 70 %"),
    "balanced_accuracy": RequirementRow(
        "accuracy", "balanced_accuracy", "higher", "", "balanced_accuracy >= 85 %"
    ),
    "top5": RequirementRow("accuracy", "top5", "higher", "", "top5 >= 95 %"),
    "ece": RequirementRow("accuracy", "ece", "lower", "", "ece <= 5 %"),
    "brier": RequirementRow("accuracy", "brier", "lower", "", "brier <= 0.2"),
    "nll": RequirementRow("accuracy", "nll", "lower", "", "nll <= 0.5"),
    "robust_accuracy": RequirementRow(
        "robustness", "robust_accuracy", "higher", "epsilon", "robust_accuracy at 1/255 >= 60 %"
    ),
    "noise_accuracy": RequirementRow(
        "robustness", "noise_accuracy", "higher", "epsilon", "noise_accuracy at 8/255 >= 80 %"
    ),
    "corruption_accuracy": RequirementRow(
        "corruption",
        "corruption_accuracy",
        "higher",
        "corruption",
        "corruption_accuracy at fog >= 70 %",
    ),
    "mean_corruption_accuracy": RequirementRow(
        "corruption",
        "mean_corruption_accuracy",
        "higher",
        "",
        "mean_corruption_accuracy >= 60 %",
    ),
    "faithfulness": RequirementRow(
        "explanation", "deletion_gain", "higher", "method", "faithfulness at lime >= 0"
    ),
    "parameters": RequirementRow("cost", "parameters", "lower", "", "parameters <= 10 M"),
    "macs": RequirementRow("cost", "macs", "lower", "", "macs <= 4 G"),
    "file_size": RequirementRow("cost", "file_size", "lower", "", "file_size <= 50 MB"),
    "latency_p50": RequirementRow(
        "cost", "latency_p50", "lower", "batch", "latency_p50 at batch 1 <= 20 ms"
    ),
    "latency_p95": RequirementRow(
        "cost", "latency_p95", "lower", "batch", "latency_p95 at batch 1 <= 50 ms"
    ),
    "forward_p95": RequirementRow(
        "cost", "forward_p95", "lower", "batch", "forward_p95 at batch 16 <= 0.5 s"
    ),
    "energy": RequirementRow("cost", "energy", "lower", "", "energy <= 50 mJ"),
    "throughput": RequirementRow("cost", "throughput", "higher", "", "throughput >= 100 /s"),
    "peak_memory": RequirementRow(
        "cost", "peak_memory", "lower", "batch", "peak_memory at batch 1 <= 500 MB"
    ),
}
