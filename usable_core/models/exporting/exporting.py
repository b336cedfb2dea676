"""`export`: a model in one format, read again and compared before it takes its name."""

import copy
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from usable_core import files
from usable_core.catalog import implementation, lookup
from usable_core.catalog.exports import EXPORTS, ExportRow
from usable_core.errors import CheckpointError, ExportError
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.exported import TOLERANCE, Exported
from usable_core.evaluations.specs import Report, silent
from usable_core.models.exporting.cards import EXPORT, card_of, of_fingerprint
from usable_core.models.exporting.comparing import Difference, difference, loaded
from usable_core.models.model import Model
from usable_core.models.programs import black_box, is_program

STEPS = 4  # the card that is compared at last says how near the first file was
KERAS = "KerasNetwork"  # by name: its module asks for Keras


def export(
    model: Model,
    format: str,
    path: Path,
    calibration: Calibration | None = None,
    report: Report = silent,
) -> Exported:
    """Write a model in a format and return how near to it the file is.

    It is written beside the place that is asked for, read again by Usable's own reader of it,
    compared with the model, and takes its name only then.

    Args:
        model: Which.
        format: A key of `EXPORTS`.
        path: The file, or the folder, absolute; nothing is there.
        calibration: What was fitted for the model, which goes along.
        report: Told before each step; may raise `Cancelled`, and nothing is left then.

    Raises:
        UnknownName: no such format.
        ExportError: the model cannot be exported so, or what was written is not the model.
        StorageError: something is there already, or it cannot be written.
    """
    row = lookup(EXPORTS, "export format", format)
    _check(model, row)
    model = _on_cpu(model)
    write = implementation(row.write)(model)
    with _beside(path) as place:
        card = card_of(model, calibration)
        card[EXPORT] = {"format": format, "model": model.name, "fingerprint": model.fingerprint}
        report(0, STEPS, "Writing")
        write(place, card)
        report(1, STEPS, "Comparing")
        found, fingerprint = _compared(model, row, place)
        card[EXPORT] |= {"tolerance": TOLERANCE, **asdict(found)}
        report(2, STEPS, "Writing")
        write(place, of_fingerprint(card, fingerprint))
        report(3, STEPS, "Comparing")
        found, _ = _compared(model, row, place)
        size = _flushed(place)
    reference = f"{row.source}/{path}"
    own = reference, model.name, model.fingerprint
    return Exported(str(path), format, *own, size, **asdict(found))


def _on_cpu(model: Model) -> Model:
    """Return a model whose weights are on the CPU, where files are written and compared."""
    if model.device.type == "cpu":
        return model
    own = copy.copy(model)
    own.network = copy.deepcopy(model.network).cpu()
    return own


def _check(model: Model, row: ExportRow) -> None:
    """Check that there is something to export in a format.

    Raises:
        ExportError: there is not.
    """
    model.require_classes()
    if model.kind not in row.kinds:
        others = [name for name, one in EXPORTS.items() if model.kind in one.kinds]
        raise ExportError(
            f"{model.name} reads {model.kind}s, and the format {row.title} is of "
            f"{' and '.join(row.kinds)}s. Choose {', '.join(others)}."
        )
    box = black_box(model.network)
    if box is not None or is_program(model.network):
        what = "an exported program" if box is None else box.title
        raise ExportError(
            f"{model.name} is {what} already, whose layers are not known: it stays as it is. "
            "Export the model that it was made of."
        )
    if any(type(module).__name__ == KERAS for module in model.network.modules()):
        raise ExportError(
            f"{model.name} is a model of Keras, which exports its own: model.export(PATH, "
            'format="onnx"), or model.save for a .keras file.'
        )


def _compared(model: Model, row: ExportRow, place: Path) -> tuple[Difference, str]:
    """Return how far what was written is from the model, and its fingerprint.

    Raises:
        ExportError: too far, or it cannot be read.
    """
    try:
        other = loaded(f"{row.source}/{place}")
    except CheckpointError as error:
        raise ExportError(
            f"{model.name} as {row.title} cannot be read again, so nothing was kept. {error}"
        ) from error
    found = difference(model, other)
    if not found.is_small:
        raise ExportError(
            f"The logits of {model.name} as {row.title} differ from its own by up to "
            f"{found.largest_difference:.2g}; the largest is {found.largest_logit:.3g}, of which "
            f"{TOLERANCE:g} may differ. Nothing was kept: choose another format."
        )
    return found, other.fingerprint


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a place of the same name in a folder beside `path`, which takes the name at the end.

    Raises:
        StorageError: it cannot be written; nothing is left then.
    """
    folder = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    try:
        with files.refusing(folder):
            files.make_folder(folder)
        yield folder / path.name
        with files.refusing(path):
            if os.path.lexists(path):
                raise FileExistsError(17, "something was put there meanwhile")
            (folder / path.name).rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _flushed(place: Path) -> int:
    """Return the bytes of a file or of a folder's files, all of them on the disk."""
    found = [place] if place.is_file() else sorted(place.iterdir())
    with files.refusing(place):
        for path in found:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return sum(path.stat().st_size for path in found)
