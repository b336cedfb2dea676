"""Class-per-folder texts: `CLASS/text.txt`, `PART/CLASS/text.txt`, as in IMDB and 20 Newsgroups."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import PurePosixPath

from usable_core.datasets.class_folders import labelling
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.labelled_files import Labelling
from usable_core.datasets.tables import text_in
from usable_core.datasets.text_columns import TextTable
from usable_core.datasets.texts import dataset_of
from usable_core.datasets.tree import Tree
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.images import suffixes

ENDINGS = (".txt", ".text")
_NO_CLASS = {"unsup", "unsupervised", "unlabeled", "unlabelled"}  # of texts that nobody labelled


def read_text_folders(tree: Tree) -> Dataset | None:
    """Return the data set whose classes are folders of text files, None where it is none.

    Texts end in .txt, or are numbered, as the messages of 20 Newsgroups, and are most of what lies
    in folders; where there are pictures, texts are only about them.

    Raises:
        DatasetRefused: fewer than two classes, a class without a text, or a layout that can be read
            in two ways.
    """
    inside = [path for path in tree.files if len(path.parts) > 1]
    texts = {path for path in inside if path.suffix.lower() in ENDINGS or path.name.isdecimal()}
    if 2 * len(texts) <= len(inside) or any(p.suffix.lower() in suffixes() for p in tree.files):
        return None
    found = labelling(tree, texts.__contains__)
    table, left = _table(tree, found, texts)
    classes = set(table.labels)
    missing = sorted(set(found.classes) - classes - _NO_CLASS)
    if len(classes) < 2 or missing:
        without = f" Without a text: {', '.join(missing)}." if missing else ""
        raise DatasetRefused(
            f"{tree.name} holds texts of {len(classes)} classes. Expected is one folder per class "
            "with its texts (.txt) inside, at least two classes; or train, validation and test "
            f"folders of those.{without}"
        )
    notes = [f"{left:,} texts in folders called unlabelled were left out."] if left else []
    data = dataset_of(tree.name, [table])
    refused = (*tree.refused, *data.refused)
    return replace(data, refused=refused, notes=(*tree.notes, *found.notes, *notes, *data.notes))


def _table(tree: Tree, found: Labelling, texts: Collection[PurePosixPath]) -> tuple[TextTable, int]:
    """Return the texts that have a class, and how many lie in folders of texts without one."""
    named = [path for path in sorted(texts) if path in found.labels]
    paths = [path for path in named if found.labels[path].name.lower() not in _NO_CLASS]
    table = TextTable(
        path=PurePosixPath(tree.name),
        texts=[_read(tree, path) for path in paths],
        labels=[found.labels[path].name for path in paths],
        names=None,
        parts=[found.labels[path].part for path in paths],
        about={},
        notes=(),
        places=[str(path) for path in paths],
    )
    return table, len(named) - len(paths)


def _read(tree: Tree, path: PurePosixPath) -> str:
    """Return the text of a file; an empty one, which is refused as such, where it has none."""
    try:
        return text_in(tree.read(path))
    except ImageRefused as error:
        raise DatasetRefused(f"{error} Delete it, or make it readable.") from error
