"""Requirements to start from, by what a wrong answer costs: to be changed, no standard of any kind.

`write a requirement first` is easier where there is something to change.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class StartRow:
    """One set of requirements to start from.

    Attributes:
        title: As people call it.
        help: What it is for, in one sentence.
        require: The requirements of models of pictures, as they are written.
        of_texts: Those of models of texts that stand for what is of pictures alone.
    """

    title: str
    help: str
    require: tuple[str, ...]
    of_texts: tuple[str, ...] = ()


STARTS = {
    "first_look": StartRow(
        "First look",
        "What an ordinary model should reach before anybody looks closer.",
        (
            "accuracy >= 90 %",
            "worst_class >= 70 %",
            "ece <= 10 %",
            "mean_corruption_accuracy >= 60 %",
            "robust_accuracy at 1/255 >= 50 %",
            "faithfulness at lime >= 0",
        ),
        ("robust_accuracy at 10 % >= 50 %",),
    ),
    "internal_tool": StartRow(
        "Internal tool",
        "A person sees every answer and can correct it: often right, no class forgotten, and "
        "honest about how sure it is. Attacks are not expected.",
        (
            "accuracy >= 90 %",
            "worst_class >= 75 %",
            "ece <= 5 %",
            "mean_corruption_accuracy >= 70 %",
        ),
    ),
    "safety_relevant": StartRow(
        "Safety relevant",
        "A wrong answer can hurt somebody. Strict, and still only a start: what is safe enough is "
        "said by those who know the use and its rules.",
        (
            "accuracy >= 98 %",
            "worst_class >= 95 %",
            "ece <= 2 %",
            "nll <= 0.1",
            "mean_corruption_accuracy >= 90 %",
            "robust_accuracy at 2/255 >= 90 %",
            "noise_accuracy at 8/255 >= 95 %",
            "faithfulness at lime >= 0",
        ),
        ("robust_accuracy at 10 % >= 80 %", "noise_accuracy at 30 % >= 90 %"),
    ),
}
USUAL = "first_look"  # where nobody says otherwise
