"""One heatmap: the view, whether to believe it, its files and downloads."""

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components.lane import Asked
from dashboard.components.overlay import HeatmapFiles, heatmap_view
from dashboard.components.results import duration, escaped
from usable_core import images
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.interactive import Answer
from usable_core.jobs import interactive
from usable_core.plots import heatmap

LEAST_R2 = 0.3  # below it LIME's linear model misses most of what the network does
LARGEST_GAP = 0.05  # of |f(x) − f(background)|


def show_map(name: str, what: str, answer: Answer, files: HeatmapFiles, shared: float) -> None:
    """Show a map over its picture, and below it what its own figures say about it.

    Args:
        name: Part of the element's key.
        what: Method and backbone in words.
        answer: The answer that the map belongs to.
        files: The map.
        shared: Magnitude of full colour for all the backbones' maps of the method.
    """
    alt = f"{what} for the class {answer.target}: {heatmap.describe(files.values)}"
    heatmap_view(f"map_{name}", files, shared, alt)
    _captions(answer, files)


def _captions(answer: Answer, files: HeatmapFiles) -> None:
    """Show what the map explains, and by its own figures whether to believe it."""
    height, width = files.values.shape
    facts = [f"explains **{escaped(answer.target or '?')}**"]
    if answer.r2 is not None:
        facts.append(f"local R² {answer.r2:.2f}")
    if answer.additivity_gap is not None:
        facts.append(f"additivity gap {answer.additivity_gap:.2g}")
    if answer.unit:
        facts.append(f"in units of {answer.unit}")
    facts += [
        f"{answer.evaluations:,} evaluations",
        f"{answer.seconds:.1f} s" if answer.seconds < 60 else duration(answer.seconds),
        f"{width} × {height} pixels",
    ]
    st.caption(" · ".join(facts))
    if heatmap.is_empty(files.values):
        st.info(
            "No evidence: hiding parts of this picture does not change this class.",
            icon=":material/visibility_off:",
        )
    if answer.r2 is not None and answer.r2 < LEAST_R2:
        st.warning(
            f"Local R² is {answer.r2:.2f}, below {LEAST_R2}: do not rely on this map. "
            "More evaluations or fewer superpixels may help.",
            icon=":material/warning:",
        )
    if _misses_its_sum(answer):
        st.warning(
            f"The values miss their due sum by {answer.additivity_gap:.2g} of "
            f"{abs(answer.output - answer.base):.2g}: read this map with care. "
            "More evaluations may help.",
            icon=":material/warning:",
        )


def _misses_its_sum(answer: Answer) -> bool:
    if answer.additivity_gap is None or answer.output is None or answer.base is None:
        return False
    return answer.additivity_gap > LARGEST_GAP * abs(answer.output - answer.base)


def downloads(name: str, files: HeatmapFiles, shared: float) -> None:
    """Offer a map as a picture and as its values."""
    plain = name.replace("/", "_")
    with st.container(horizontal=True):
        st.download_button(
            "PNG",
            lambda: _png(files, shared),
            f"{plain}.png",
            "image/png",
            key=f"png_{name}",
            on_click="ignore",
            icon=":material/download:",
            help="The picture with the map at 80 % opacity, on the shared colour scale.",
        )
        st.download_button(
            "CSV",
            lambda: heatmap.values_frame(files.values, files.segments).to_csv(index=False),
            f"{plain}.csv",
            "text/csv",
            key=f"csv_{name}",
            on_click="ignore",
            icon=":material/download:",
            help="The exact values, one row per superpixel or pixel.",
        )


def _png(files: HeatmapFiles, limit: float) -> bytes:
    picture = np.asarray(images.decode(files.picture, "input.png"))
    return images.encode_png(heatmap.blend(picture, files.values, limit, 0.8))


def files_of(asked: Asked) -> HeatmapFiles | None:
    """Return the map of an answer, None while there is none."""
    if asked.answer.state not in ("coarse", "done"):
        return None
    version = f"{asked.key} {asked.answer.state} {asked.answer.evaluations}"
    by_superpixel = EXPLAINERS[asked.request.method or ""].uses_superpixels
    return _read(asked.key, by_superpixel, str(state.settings.home()), version)


@st.cache_data(max_entries=64, show_spinner=False)
def _read(key: str, by_superpixel: bool, home: str, version: str) -> HeatmapFiles:
    del home  # part of the cache's key
    folder = interactive.files(key)
    return HeatmapFiles(
        values=np.load(folder / "map.npy"),
        # every method stores them, but only some credit them
        segments=np.load(folder / "segments.npy") if by_superpixel else None,
        picture=(folder / "input.png").read_bytes(),
        version=version,
    )
