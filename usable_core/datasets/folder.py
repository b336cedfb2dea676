"""A directory with one subfolder per class, or train/validation/test folders of those."""

from pathlib import Path, PurePosixPath

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.labelled_files import from_files, is_litter
from usable_core.errors import ImageRefused
from usable_core.images import MAX_BYTES


def read_folder(path: Path, name: str) -> Dataset:
    """Return the data set in the directory `path`.

    Raises:
        DatasetRefused: fewer than two classes, or a class without a usable picture.
    """
    files: list[PurePosixPath] = []
    folders: list[PurePosixPath] = []
    for found in path.rglob("*"):
        relative = PurePosixPath(found.relative_to(path).as_posix())
        if not is_litter(relative):
            (folders if found.is_dir() else files).append(relative)

    def read(relative: PurePosixPath) -> bytes:
        try:
            with (path / relative).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ImageRefused(f"{relative} cannot be read: {error.strerror}.") from error

    return from_files(name, files, folders, read)
