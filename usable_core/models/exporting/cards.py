"""What an export says of its model: the card it had, brought up to what the model is now."""

from dataclasses import asdict
from typing import Any, cast

from usable_core.evaluations.calibration import Calibration
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.inputs.tokens import Tokens
from usable_core.models.model import Model
from usable_core.models.sources.saved_tokens import said_of
from usable_core.models.weights.checkpoints import HASH
from usable_core.records import to_json
from usable_core.versions import versions

EXPORT = "export"  # the entry of a card that says what was exported


def card_of(model: Model, calibration: Calibration | None) -> dict[str, Any]:
    """Return what is known of a model, as a card.

    Args:
        model: Which.
        calibration: What was fitted for it.
    """
    card = {k: v for k, v in model.card.items() if k not in (HASH, "preprocessing", "tokens")}
    own = {"title": model.name, "architecture": type(model.network).__name__}
    said: dict[str, Any] = {
        "labels": list(model.labels.names),
        "labels_named": model.labels.is_named,
        "warnings": list(dict.fromkeys([*card.get("warnings", ()), *model.notes])),
        "versions": versions(),
        **_passport(model.input),
    }
    card.pop("calibration", None)
    if calibration is not None:
        said["calibration"] = to_json(calibration)
    return {**own, **cast(dict[str, Any], to_json(card)), **said}


def of_fingerprint(card: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Return a card whose calibration is that of a fingerprint: the model's as it is read again."""
    known = card.get("calibration")
    if known is None:
        return card
    return {**card, "calibration": {**known, "model_fingerprint": fingerprint}}


def _passport(takes: Input) -> dict[str, Any]:
    if isinstance(takes, Tokens):
        return {"tokens": said_of(takes)}
    return {"preprocessing": asdict(cast(Preprocessing, takes))}
