"""`usable calibrate`: how sure a model may be, and which images it does not know."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from usable_core import api
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, progress_bar, remark
from usable_core.errors import StorageError
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.files import write_bytes
from usable_core.records import to_json


def calibrate(
    model: ModelSpec,
    dataset: DatasetSpec,
    card: Annotated[
        Path | None,
        typer.Option(help="Put it into this card (a JSON file) instead of keeping it here."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Fit a model's temperature, and the energy below which an image is unlike its task's."""
    with progress_bar() as report:
        found = api.calibrate(model, dataset, report=report, keep=card is None)
    for warning in found.warnings:
        remark(f"Note: {warning}")
    if card is not None:
        _put_into(card, found)
    lines: list[str | Table] = [
        f"{model.reference} on {found.data}",
        f"temperature {found.temperature:.3f}: negative log-likelihood {found.nll:.4f} "
        f"to {found.nll_calibrated:.4f}",
        f"An image whose log-sum-exp of the logits is below {found.energy_threshold:.2f} is unlike "
        "95 % of these.",
        *(f"Note: {warning}" for warning in found.warnings),
    ]
    answer(to_json(found), json, lines)


def _put_into(card: Path, found: Calibration) -> None:
    try:
        content = json_module.loads(card.read_text(encoding="utf-8"))
        content["calibration"] = to_json(found)
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"The card {card} cannot be read: {error}.") from error
    write_bytes(card, (json_module.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
