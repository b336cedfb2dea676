"""A model in a format, with what was fitted for it here."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from usable_core.catalog import lookup
from usable_core.catalog.exports import EXPORTS
from usable_core.evaluations.exported import Exported
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.specs import ModelSpec, Report, silent
from usable_core.measuring.calibration import known_calibration
from usable_core.models.exporting.exporting import export
from usable_core.models.model import Model


def exported(model: Model, format: str, path: Path, report: Report = silent) -> Exported:
    """Write a model in a format at a place where nothing is; errors are those of `export`."""
    return export(model, format, path, known_calibration(model), report)


def save_export(
    request: ImageRequest,
    load: Callable[[ModelSpec], Model],
    folder: Path,
    publish: Callable[[Answer], None],
) -> Exported:
    """Write the model of a request into a folder, as one file: a folder of a format as a zip.

    Raises:
        Cancelled: through `publish`, which is told of each step.
    """
    row = lookup(EXPORTS, "export format", request.format)
    name = f"model{row.ending}"
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).unlink(missing_ok=True)

    def report(done: int, total: int, message: str, **_: float) -> None:
        publish(Answer("working", done=done, total=total))

    found = exported(load(request.model), request.format, folder / name, report)
    if row.ending:
        return found
    whole = shutil.make_archive(str(folder / name), "zip", folder, name)
    shutil.rmtree(folder / name)
    return replace(found, path=whole, size=Path(whole).stat().st_size)
