"""Columns of a table that hold texts and their labels, as people call them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from usable_core.datasets.label_columns import PARTS, Value, first_of, label_column
from usable_core.datasets.parts import part_of
from usable_core.datasets.unlabelled import NOTE, columns_said
from usable_core.errors import DatasetRefused

# As people call them, without case and signs; the first that is there counts.
TEXTS = (
    *("text", "sentence", "review", "reviewtext", "content", "tweet", "document", "comment"),
    *("message", "utterance", "question", "query", "headline", "title", "body", "description"),
)
MORE_LABELS = ("sentiment", "polarity", "emotion", "intent", "topic", "stars", "rating", "language")
_NAMES = ("labelname", "labeltext")  # of the classes, beside their numbers
_PAIRS = (
    *(("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2")),
    *(("question", "sentence"), ("question", "context"), ("texta", "textb"), ("text1", "text2")),
)
EXPECTED = (
    f"Expected are a column of texts (called {', '.join(TEXTS[:4])} …) and one of labels (label, "
    f"class, category, target, {', '.join(MORE_LABELS[:2])} …), their names in the first line"
)


@dataclass(frozen=True)
class TextTable:
    """What a file says.

    Attributes:
        path: The file.
        texts: One of each row (N,), as it is written.
        labels: Label of each row (N,).
        names: Name of each row's class (N,), where labels are numbers; None where nobody gave any.
        parts: Part of each row (N,); None where nobody says.
        about: Other columns (N,), by name.
        notes: What a reader of numbers must know of how it was read.
        is_labelled: It has a column of labels.
        places: What each row is called (N,); its number when not given.
    """

    path: PurePosixPath
    texts: Sequence[object]
    labels: Sequence[Value]
    names: Sequence[str | None] | None
    parts: Sequence[str | None]
    about: Mapping[str, Sequence[object]]
    notes: tuple[str, ...]
    is_labelled: bool = True
    places: Sequence[str] | None = None


@dataclass(frozen=True)
class Chosen:
    """Which columns of a table are what; all but `text` are None where there are none."""

    text: str
    label: str | None
    names: str | None
    split: str | None
    notes: tuple[str, ...]

    def table(
        self,
        path: PurePosixPath,
        columns: Mapping[str, Sequence[object]],
        labels: Sequence[Value],
        known: Sequence[str] | None,
        part: str | None,
    ) -> TextTable:
        """Return the table; `known` are names of classes by number that the file itself says."""
        names: list[str | None] | None = None
        if self.names is not None:
            names = [None if v is None else str(v) for v in columns[self.names]]
        elif known:
            is_known = [isinstance(i, int) and 0 <= i < len(known) for i in labels]
            names = [known[int(i)] if k else None for i, k in zip(labels, is_known, strict=True)]  # type: ignore[arg-type]
        parts: list[str | None] = [part] * len(labels)
        if self.split is not None:
            parts = [part_of(str(value)) for value in columns[self.split]]
        others = {self.text, self.label, self.names, self.split}
        about = {name: values for name, values in columns.items() if name not in others}
        texts, is_labelled = columns[self.text], self.label is not None
        return TextTable(path, texts, labels, names, parts, about, self.notes, is_labelled)


def chosen_of(columns: Sequence[str], name: str) -> Chosen | None:
    """Return which columns hold what; None where none holds texts.

    Raises:
        DatasetRefused: each example is of two texts.
    """
    for pair in _PAIRS:
        if len(two := first_of(columns, pair)) == 2:
            raise DatasetRefused(
                f"{name} has pairs of texts ({two[0]} and {two[1]}), and models here read one text "
                "at a time. Give data with one column of texts."
            )
    texts = first_of(columns, TEXTS)
    rest = [column for column in columns if column not in texts[:1]]
    label, notes = label_column(rest, MORE_LABELS)
    if not texts:
        return None
    names = next((c for c in first_of(rest, _NAMES) if c != label), None)
    if label is None:
        notes = (NOTE, columns_said(columns, texts[0]))
    elif others := list(_others(texts)):
        notes = (*notes, f"The texts are those of the column {texts[0]}, not of {others[0]}.")
    split = next(iter(first_of(rest, PARTS)), None)
    return Chosen(texts[0], label, names, split if split != label else None, notes)


def _others(texts: Sequence[str]) -> Iterator[str]:
    """Yield the columns of texts that are not read, in words."""
    if texts[1:]:
        yield " and ".join(texts[1:])
