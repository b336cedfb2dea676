"""Examples without labels: a network can be pre-trained on them, and none be measured.

Texts are read as they are, and refused by what needs labels. Pictures are refused when they are
read, for folders that are no classes are mostly a mistake; who needs none takes them all the same.
"""

from collections.abc import Callable, Sequence

from usable_core.datasets.dataset import Dataset
from usable_core.errors import DatasetRefused

ONE_CLASS = "unlabelled"  # which all examples are of
NOTE = "The texts have no labels: a network can be pre-trained on them, and none be measured."
PICTURES_NOTE = (
    "Nothing says the classes of the pictures: a network can be pre-trained on them, and none be "
    "measured."
)
_SHOWN = 8  # columns in a sentence


class WithoutClasses(DatasetRefused):
    """Pictures whose classes nothing says.

    Attributes:
        pictures: Reads them as they are, as of one class.
    """

    def __init__(self, sentence: str, pictures: Callable[[], Dataset]) -> None:
        super().__init__(sentence)
        self.pictures = pictures


def columns_said(columns: Sequence[str], text: str) -> str:
    """Return which columns a table has, none of which is called as those of labels are."""
    others = [column for column in columns if column != text]
    more = ["…"] * (len(others) > _SHOWN)
    said = f"; its others are {', '.join(others[:_SHOWN] + more)}" if others else ""
    return f"The texts are those of the column {text}{said}."


def require_labels(dataset: Dataset) -> None:
    """Check that a data set says of each example what it is.

    Raises:
        DatasetRefused: it does not.
    """
    if dataset.labels.names == (ONE_CLASS,):
        how = " ".join(note for note in dataset.notes if note != NOTE)
        raise DatasetRefused(
            f"{dataset.name} has no column of labels, and labels are needed here. {how} Name one "
            "label, class, category, target, sentiment …; without labels a network can only be "
            "pre-trained (usable pretrain)".replace("  ", " ")
            + "."
        )
