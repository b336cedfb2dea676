"""The heatmap viewer: a map over its picture, drawn by the browser.

Opacity, mode and scale are the browser's alone: one set of controls tells every map of the page by
an event, nothing is computed again and the server is not asked.
"""

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.images import encode_png
from usable_core.plots import heatmap

_HERE = Path(__file__).parent
_CSS = (_HERE / "overlay.css").read_text(encoding="utf-8")

_MAP_HTML = """
<figure class="map">
  <div class="panes">
    <div class="pane first" role="img" tabindex="0">
      <img alt=""><div class="veil"></div>
      <canvas class="over"></canvas><canvas class="mark"></canvas>
      <input class="wipe" type="range" min="0" max="100" aria-label="Divider: picture | heatmap">
      <div class="divider"></div>
    </div>
    <div class="pane alone" role="img" tabindex="0">
      <canvas></canvas><canvas class="mark"></canvas>
    </div>
    <p class="readout" aria-live="polite"></p>
  </div>
  <div class="scale">
    <span class="low"></span><span class="bar"></span><span class="high"></span>
  </div>
</figure>
"""

_CONTROLS_HTML = """
<div class="controls" role="group" aria-label="How the heatmaps are shown">
  <fieldset aria-label="View">
    <label><input type="radio" name="usable-view" value="over"> Overlay</label>
    <label><input type="radio" name="usable-view" value="beside"> Side by side</label>
    <label><input type="radio" name="usable-view" value="wipe"> Wipe</label>
    <label><input type="radio" name="usable-view" value="top"> Top superpixels</label>
  </fieldset>
  <label class="slider">Opacity
    <input type="range" name="opacity" min="0" max="100" step="5"
      aria-label="Opacity of the heatmaps"><output></output></label>
  <label class="slider count">How many
    <input type="range" name="top" min="1" max="20" step="1"
      aria-label="How many superpixels"><output></output></label>
  <label><input type="checkbox" value="grey"> Picture in grey</label>
  <label class="shared"><input type="checkbox" value="shared">
    Same colour scale for all backbones</label>
  <label class="unsettled"><input type="checkbox" value="unsettled">
    Stripe what is not settled</label>
  <span class="hint">Point at a map, or focus it and press arrow keys, to read its values.</span>
</div>
"""

_map = st.components.v2.component(
    "usable_heatmap",
    html=_MAP_HTML,
    css=_CSS,
    js=(_HERE / "overlay_map.js").read_text(encoding="utf-8"),
)
_controls = st.components.v2.component(
    "usable_heatmap_controls",
    html=_CONTROLS_HTML,
    css=_CSS,
    js=(_HERE / "overlay_controls.js").read_text(encoding="utf-8"),
)


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
    """

    explanation: Explanation
    version: str
    is_per_pixel: bool = False
    is_signed: bool = True
    is_final: bool = True
    options: ExplainerOptions = ExplainerOptions()

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


def heatmap_view(key: str, view: MapView, shared_limit: float, alt: str) -> None:
    """Show one map over its picture; hovering or the arrow keys tell the value of a place.

    Args:
        key: Of the element; the same map keeps its place on the page.
        view: The map.
        shared_limit: Magnitude of full colour for all the backbones' maps of one method.
        alt: The map in words.
    """
    _map(key=key, data={**_data(view, view.version), "shared": shared_limit, "alt": alt})


@st.cache_data(max_entries=128, show_spinner=False)
def _data(_view: MapView, version: str) -> dict[str, object]:
    """Return what the browser needs of a map; the page asks every second while others grow."""
    del version  # the cache's key
    levels, top = heatmap.compact(_view.values)
    height, width = _view.values.shape
    table = superpixel_table(_view)
    return {
        "version": _view.version,
        "image": "data:image/png;base64," + base64.b64encode(_view.picture).decode(),
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


def _packed(array: np.ndarray) -> str:
    """Return the bytes of an array, deflated, as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode()
