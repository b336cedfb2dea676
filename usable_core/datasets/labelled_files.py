"""Class-per-folder pictures, wherever the files lie: `CLASS/picture` or `SPLIT/CLASS/picture`."""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from usable_core import images
from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.evaluations.specs import Refused
from usable_core.labels import LabelSpace

# What people call the parts of a data set, and what we call them.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}


def is_litter(path: PurePosixPath) -> bool:
    """Tell whether an operating system left this file, not a person."""
    return any(part in _LITTER or part.startswith(".") for part in path.parts)


def from_files(
    name: str,
    files: Iterable[PurePosixPath],
    folders: Iterable[PurePosixPath],
    read: Callable[[PurePosixPath], bytes],
) -> Dataset:
    """Return the data set of pictures whose folder is their class; classes sorted by name.

    Args:
        name: The reference of the data set.
        files: Every file, relative to the data set's top.
        folders: Every folder, so that an empty class is noticed.
        read: Returns a file's bytes; may raise `ImageRefused`.

    Raises:
        DatasetRefused: fewer than two classes, or a class without a usable picture.
    """
    files, folders = sorted(files), sorted(folders)
    top = _wrapping(files)
    has_parts = _has_split_folders([p.relative_to(top) for p in files])
    depth = len(top.parts) + (2 if has_parts else 1)
    refused: list[Refused] = []
    kept: list[tuple[PurePosixPath, str]] = []
    for path in files:
        try:
            if len(path.parts) <= depth:
                raise ImageRefused("It is in no class folder.")
            data = read(path)
            images.verify(data, path.name)
            kept.append((path, hash_bytes(data)))
        except ImageRefused as error:
            refused.append(Refused(str(path), str(error)))
    classes = sorted({p.parts[depth - 1] for p in folders if len(p.parts) >= depth})
    _check_classes(name, classes, {p.parts[depth - 1] for p, _ in kept}, refused)
    targets = np.array([classes.index(p.parts[depth - 1]) for p, _ in kept], dtype=np.int64)
    own = _own_split([p.parts[depth - 2] for p, _ in kept]) if has_parts else None
    if own is not None:
        learnt = {classes[t] for t in np.unique(targets[own["train"]])}
        _check_classes(f"The train folder of {name}", classes, learnt, refused)

    def open_picture(position: int) -> Image.Image:
        path = kept[position][0]
        return images.decode(read(path), str(path))

    return Dataset(
        name=name,
        labels=LabelSpace(tuple(classes)),
        targets=targets,
        ids=tuple(identity for _, identity in kept),
        open=open_picture,
        fingerprint=hash_all(
            [f"{identity} {path.parent.relative_to(top)}" for path, identity in kept]
        ),
        refused=tuple(refused),
        own_split=own,
    )


def _wrapping(files: list[PurePosixPath]) -> PurePosixPath:
    """Return the folder that wraps all class folders; zips often have one, named like the zip."""
    top = PurePosixPath()
    while files and any(len(p.relative_to(top).parts) > 2 for p in files):
        inner = {p.relative_to(top).parts[0] for p in files}
        if len(inner) > 1:
            break
        top /= inner.pop()
    return top


def _has_split_folders(files: list[PurePosixPath]) -> bool:
    tops = {path.parts[0].lower() for path in files if len(path.parts) > 1}
    deep = all(len(path.parts) > 2 for path in files if len(path.parts) > 1)
    return deep and "train" in {SPLIT_FOLDERS.get(t) for t in tops} and tops <= set(SPLIT_FOLDERS)


def _own_split(tops: list[str]) -> dict[str, np.ndarray]:
    parts = np.array([SPLIT_FOLDERS[top.lower()] for top in tops])
    return {str(part): np.flatnonzero(parts == part) for part in np.unique(parts)}


def _check_classes(name: str, classes: list[str], filled: set[str], refused: list[Refused]) -> None:
    layout = "Expected is one folder per class with its pictures inside, at least two classes"
    first = f" First refusal: {refused[0].name}: {refused[0].reason}" if refused else ""
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no class folder"
        raise DatasetRefused(f"{name} holds {found}. {layout}.{first}")
    empty = [c for c in classes if c not in filled]
    if empty:
        shown = ", ".join(repr(c) for c in empty[:5])
        raise DatasetRefused(
            f"{name} has no usable picture of {len(empty)} of its {len(classes)} classes "
            f"({shown}). Put pictures there or remove the folder.{first}"
        )
