"""The cards of the bundled backbones: what they were trained on and what was measured.

Read as JSON alone, so that a page can show them without loading a model.
"""

from dataclasses import dataclass
from typing import Any

from usable_core import settings
from usable_core.catalog.architectures import BUNDLED, BundledRow
from usable_core.catalog.models import CARD_FILE
from usable_core.json_files import read_json


@dataclass(frozen=True)
class BundledCard:
    """One bundled backbone as it is shown.

    Attributes:
        name: Key of `BUNDLED`; the model's reference is `bundled/NAME`.
        row: Its row.
        card: The file's content; None when the backbone is not in this installation.
    """

    name: str
    row: BundledRow
    card: dict[str, Any] | None

    @property
    def reference(self) -> str:
        """The name that `load_model` takes."""
        return f"bundled/{self.name}"

    @property
    def proportions(self) -> dict[str, dict[str, float]]:
        """Return the measured shares: name to `{"value", "low", "high", "n"}`."""
        measured = (self.card or {}).get("measured", {})
        keys = {"value", "low", "high", "n"}
        return {k: v for k, v in measured.items() if isinstance(v, dict) and keys <= set(v)}

    @property
    def attack(self) -> str:
        """Return what the accuracy under attack was measured with; empty where no card says it."""
        return str((self.card or {}).get("measured", {}).get("attack", ""))


def bundled_cards() -> list[BundledCard]:
    """Return all bundled backbones, in the order of `BUNDLED`."""
    return [BundledCard(name, row, _read(name)) for name, row in BUNDLED.items()]


def _read(name: str) -> dict[str, Any] | None:
    folder = settings.assets() / "models"
    own = folder / name / CARD_FILE  # of a model of texts, which is a folder
    path = own if own.is_file() else folder / f"{name}.json"
    try:
        card = read_json(path)
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) else None
