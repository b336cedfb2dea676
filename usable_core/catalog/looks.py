"""How a model looks in every figure and beside its name: colour, dash and marker."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from usable_core.catalog.references import list_references

Theme = Literal["light", "dark"]

# Okabe & Ito 2008, told apart by colour-blind readers. Orange, sky and pink are darkened on white
# and blue and green lightened on dark, so that every line has a contrast of 3:1 or more.
COLORS: dict[Theme, tuple[str, ...]] = {
    "light": ("#0072B2", "#B87A00", "#008060", "#B5588F", "#3A8FC2", "#D55E00", "#6B6B6B"),
    "dark": ("#4FA8E0", "#E69F00", "#2BC79B", "#E29CC4", "#8CCBF0", "#F08A4B", "#B5B5B5"),
}
DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot")  # dotted means random noise
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
BAND_OPACITY = 0.15


@dataclass(frozen=True)
class ModelStyle:
    """Look of a model: colour, and dash and marker for those who do not see colours."""

    color: str
    dash: str
    symbol: str

    @property
    def band(self) -> str:
        """Return the colour of the interval's band."""
        red, green, blue = (int(self.color[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def model_styles(names: Iterable[str], theme: Theme = "light") -> list[ModelStyle]:
    """Return the look of each model of a selection, which no other of them has while there are any.

    A model has its own, by its place in the catalog or else a hash of its name; where a model
    before it has that already, it takes the next one.
    """
    places = [_places(name) for name in names]
    looks = (COLORS[theme], DASHES, SYMBOLS)
    chosen = [_chosen(look, [three[k] for three in places]) for k, look in enumerate(looks)]
    return [ModelStyle(*look) for look in zip(*chosen, strict=True)]


def _places(name: str) -> Sequence[int]:
    order = list_references()
    if name in order:
        return [order.index(name)] * 3
    return hashlib.sha256(name.encode()).digest()[:3]


def _chosen(looks: Sequence[str], places: Iterable[int]) -> list[str]:
    """Return the look at each place, or the next that fewer have."""
    found: list[str] = []
    for place in places:
        start = place % len(looks)
        found.append(min((*looks[start:], *looks[:start]), key=found.count))
    return found
