"""The heatmap viewer: a map over its picture, drawn by the browser.

Opacity, mode and scale are the browser's alone: one set of controls tells every map of the page by
an event, nothing is computed again and the server is not asked.
"""

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from usable_core.plots import heatmap

_HERE = Path(__file__).parent
_CSS = (_HERE / "overlay.css").read_text(encoding="utf-8")

_MAP_HTML = """
<figure class="map">
  <div class="panes">
    <div class="pane" role="img" tabindex="0">
      <img alt=""><canvas class="over"></canvas><canvas class="mark"></canvas>
    </div>
    <div class="pane alone" role="img" tabindex="0">
      <canvas></canvas><canvas class="mark"></canvas>
    </div>
  </div>
  <div class="scale">
    <span class="low"></span><span class="bar"></span><span class="high"></span>
  </div>
  <p class="readout" aria-live="polite"></p>
</figure>
"""

_CONTROLS_HTML = """
<div class="controls" role="group" aria-label="How the heatmaps are shown">
  <label class="opacity">Opacity
    <input type="range" min="0" max="100" step="5" aria-label="Opacity of the heatmaps">
    <output></output></label>
  <fieldset aria-label="View">
    <label><input type="radio" name="usable-view" value="over"> Overlay</label>
    <label><input type="radio" name="usable-view" value="beside"> Side by side</label>
  </fieldset>
  <label><input type="checkbox" value="grey"> Picture in grey</label>
  <label><input type="checkbox" value="shared"> Same colour scale for all backbones</label>
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
class HeatmapFiles:
    """What the lane wrote for one map.

    Attributes:
        values: The map (H, W) float32.
        segments: Superpixel of each pixel (H, W) from 0; None where the method has none.
        picture: What the model saw, a PNG file of H x W pixels.
        version: Changes when the map does.
    """

    values: np.ndarray
    segments: np.ndarray | None
    picture: bytes
    version: str


def controls(key: str) -> None:
    """Show opacity, mode and colour scale, for every map of the page."""
    _controls(key=key)


def heatmap_view(key: str, files: HeatmapFiles, shared_limit: float, alt: str) -> None:
    """Show one map over its picture; hovering or the arrow keys tell the value of a place.

    Args:
        key: Of the element; the same map keeps its place on the page.
        files: The map.
        shared_limit: Magnitude of full colour for all the backbones' maps of one method.
        alt: The map in words.
    """
    levels, top = heatmap.compact(files.values)
    height, width = files.values.shape
    data: dict[str, object] = {
        "version": files.version,
        "image": "data:image/png;base64," + base64.b64encode(files.picture).decode(),
        "width": width,
        "height": height,
        "levels": _packed(levels),
        "top": top,
        "shared": shared_limit,
        "own": heatmap.colour_limit(files.values),
        "empty": heatmap.is_empty(files.values),
        "for": heatmap.FOR,
        "against": heatmap.AGAINST,
        "alt": alt,
        "hint": "Point at the map, or focus it and press the arrow keys, to read values.",
        "segments": None,
    }
    if files.segments is not None:
        table = heatmap.values_frame(files.values, files.segments)
        data["segments"] = _packed(files.segments.astype("<u2"))
        data["superpixels"] = {
            str(row.superpixel): (float(row.value), int(row.rank)) for row in table.itertuples()
        }
        data["count"] = len(table)
    _map(key=key, data=data)


def _packed(array: np.ndarray) -> str:
    """Return the bytes of an array, deflated, as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode()
