"""Usable from Python: a model as a file or folder that other programs read."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from usable_core import files
from usable_core.arguments import model_of
from usable_core.catalog import lookup
from usable_core.catalog.exports import EXPORTS, ExportRow
from usable_core.errors import ExportError, StorageError
from usable_core.evaluations.exported import Exported

if TYPE_CHECKING:
    from usable_core.arguments import ModelLike


def export_model(model: "ModelLike", path: str | Path, *, format: str) -> Exported:
    """Write a model in a format, read it again and compare it, and return how near it is.

    Args:
        model: A `Model`, a reference, or a `ModelSpec`.
        path: The file, or for some formats the folder, that is made; nothing may be there.
        format: A key of `catalog.exports.EXPORTS`: `safetensors`, `onnx`, `program`, `timm` or
            `transformers`. Calibration, labels and card go along in each.

    Raises:
        UnknownName: no such format.
        ExportError: the model has no counterpart in the format, or what was written differs from
            it by more than rounding; nothing is left then.
        StorageError: something is there already, or the place cannot be written.
        UsableError: the model cannot be loaded.
    """
    row = lookup(EXPORTS, "export format", format)
    place = _free(path, row)
    loaded = model_of(model)
    from usable_core.measuring.exports import exported

    return exported(loaded, format, place)


def _free(path: str | Path, row: ExportRow) -> Path:
    """Return a place for a format, at which nothing is yet.

    Raises:
        ExportError: its name does not end as the format's files do.
        StorageError: something is there, or it cannot be written.
    """
    place = files.placed(path)
    if row.ending and place.suffix.lower() != row.ending:
        raise ExportError(
            f"A file of the format {row.title} ends in {row.ending}, but {place.name} does not. "
            f"Name it {place.stem or 'model'}{row.ending}."
        )
    if os.path.lexists(place):
        raise StorageError(f"{place} is there already. Name another place, or remove it first.")
    files.check_folder(place.absolute().parent)
    return place.absolute()
