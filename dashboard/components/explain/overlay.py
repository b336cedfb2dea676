"""The heatmap viewer: a map over its picture, drawn by the browser.

Opacity, mode and scale are the browser's alone: one set of controls tells every map of the page by
an event, nothing is computed again and the server is not asked.
"""

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.images import encode_png
from usable_core.plots import heatmap

FEW_PIXELS = 96  # wide: of such pictures the pixels are shown
_HERE = Path(__file__).parent


def _component(name: str, part: str) -> ComponentRenderer:
    """Return the element of overlay_PART.html and overlay_PART.js, in the look of overlay.css."""
    html, css, js = (
        (_HERE / file).read_text(encoding="utf-8")
        for file in (f"overlay_{part}.html", "overlay.css", f"overlay_{part}.js")
    )
    return st.components.v2.component(name, html=html, css=css, js=js)


_map = _component("usable_heatmap", "map")
_controls = _component("usable_heatmap_controls", "controls")


@dataclass(frozen=True)
class MapView:
    """One map as the browser shows it.

    Attributes:
        explanation: The map, the picture below it and its superpixels.
        version: Changes when anything of this does.
        is_per_pixel: Pixels are credited; superpixels then sum them.
        is_signed: Values tell for from against; otherwise they are magnitudes.
        is_final: It is not being refined.
        options: How it was made.
        fine: What the model saw of the picture as it was brought, JPEG; empty shows its own.
    """

    explanation: Explanation
    version: str
    is_per_pixel: bool = False
    is_signed: bool = True
    is_final: bool = True
    options: ExplainerOptions = ExplainerOptions()
    fine: bytes = b""

    @classmethod
    def of(cls, explanation: Explanation, version: str) -> "MapView":
        """Return the view of a method's map."""
        row = EXPLAINERS[explanation.method or ""]
        return cls(explanation, version, not row.uses_superpixels, row.is_signed)

    @property
    def values(self) -> np.ndarray:
        """Return the map (H, W)."""
        return self.explanation.values

    @property
    def picture(self) -> bytes:
        """Return what the model saw, PNG."""
        return encode_png(self.explanation.x)


def controls(key: str, *, has_intervals: bool, is_shared: bool) -> None:
    """Show opacity, mode and colour scale, for every map of the page.

    Args:
        key: Of the element.
        has_intervals: The Monte Carlo error of some superpixel is known.
        is_shared: Several maps share a scale.
    """
    _controls(key=key, data={"hasIntervals": has_intervals, "isShared": is_shared})


@dataclass(frozen=True)
class Hideable:
    """What a click on a map does, and did.

    Attributes:
        segments: Which of the map's superpixels are hidden.
        png: What the model was shown without them; None while it is asked.
        on_pick: Told which superpixel was clicked.
    """

    segments: tuple[int, ...]
    png: bytes | None
    on_pick: Callable[[int], None]


def heatmap_view(
    key: str, view: MapView, shared_limit: float, alt: str, hideable: Hideable | None = None
) -> None:
    """Show one map over its picture; hovering or the arrow keys tell the value of a place.

    Args:
        key: Of the element; the same map keeps its place on the page.
        view: The map.
        shared_limit: Magnitude of full colour for all the backbones' maps of one method.
        alt: The map in words.
        hideable: A click hides a superpixel; None where it does not.
    """
    data = {**_data(view, view.version), "shared": shared_limit, "alt": alt}
    if hideable is None:
        _map(key=key, data=data)
        return

    def picked() -> None:
        told = st.session_state[key].get("picked")
        if isinstance(told, int) and 0 <= told < len(view.explanation.superpixels):
            hideable.on_pick(told)

    gone = None if hideable.png is None else _uri(hideable.png, "png")
    data |= {"pickable": True, "hidden": list(hideable.segments), "gone": gone}
    _map(key=key, data=data, on_picked_change=picked)


@st.cache_data(max_entries=128, show_spinner=False)
def _data(_view: MapView, version: str) -> dict[str, object]:
    """Return what the browser needs of a map; the page asks every second while others grow."""
    del version  # the cache's key
    levels, top = heatmap.compact(_view.values)
    height, width = _view.values.shape
    table = superpixel_table(_view)
    return {
        "version": _view.version,
        "image": _uri(_view.fine, "jpeg") if _view.fine else _uri(_view.picture, "png"),
        "isCoarse": not _view.fine and width <= FEW_PIXELS,
        "width": width,
        "height": height,
        "levels": _packed(levels),
        "top": top,
        "own": heatmap.colour_limit(_view.values),
        "empty": heatmap.is_empty(_view.values),
        "signed": _view.is_signed,
        "perPixel": _view.is_per_pixel,
        "for": heatmap.FOR,
        "against": heatmap.AGAINST,
        "segments": _packed(_view.explanation.segments.astype("<u2")),
        "superpixels": {
            str(row.superpixel): {
                "value": float(row.value),
                "rank": int(row.rank),
                "low": None if np.isnan(row.low) else float(row.low),
                "high": None if np.isnan(row.high) else float(row.high),
                "settled": bool(row.is_settled),
            }
            for row in table.itertuples()
        },
        "count": len(table),
    }


def superpixel_table(view: MapView) -> pd.DataFrame:
    """Return superpixel, pixels, value, rank, low, high and is_settled of a map."""
    make = heatmap.credits_frame if view.is_per_pixel else heatmap.values_frame
    explanation = view.explanation
    table = make(explanation.values, explanation.segments)
    return heatmap.with_stability(table, explanation.stability)


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _packed(array: np.ndarray) -> str:
    """Return the bytes of an array, deflated, as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode()
