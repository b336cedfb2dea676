"""One heatmap: the view, in words whether to believe it, its figures, its files."""

from dataclasses import replace

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components.explain.map_facts import badges, facts, warnings
from dashboard.components.explain.overlay import HeatmapFiles, heatmap_view, superpixel_table
from dashboard.components.explain.questions import Questions, name_of, spend_more, title_of
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.lane import Asked, Board
from usable_core import images
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive
from usable_core.plots import heatmap


def show_map(
    questions: Questions,
    model: ModelSpec,
    method: str,
    asked: Asked,
    board: Board,
    files: HeatmapFiles,
    shared: float,
) -> None:
    """Show a map over its picture, and below it what its own figures say about it."""
    answer, name = asked.answer, name_of(model, method)
    what = title_of(questions, model, method)
    alt = f"{what}, for the class {answer.target}: {heatmap.describe(files.values)}"
    heatmap_view(f"map_{name}", files, shared, alt)
    is_empty = heatmap.is_empty(files.values)
    open_signs = 0 if files.segments is None else int((~superpixel_table(files).is_settled).sum())
    st.markdown(" ".join([f"for **{escaped(answer.target or '?')}**", *badges(answer)]))
    if is_empty:
        st.info(
            "No evidence: nothing that was hidden or changed in this picture changes this class.",
            icon=":material/visibility_off:",
        )
    for sentence in [] if is_empty else warnings(answer, method):
        st.warning(sentence, icon=":material/warning:")
    if open_signs and not is_empty:
        st.caption(
            f"{open_signs} of {len(superpixel_table(files))} superpixels could be for or "
            "against: striped."
        )
    with st.container(horizontal=True):
        with st.popover("Details", icon=":material/info:"):
            st.markdown(facts(answer, method, asked.request.options, files))
            _downloads(name, files, shared)
        _more_button(questions, model, method, asked, board, open_signs)


def _more_button(
    questions: Questions,
    model: ModelSpec,
    method: str,
    asked: Asked,
    board: Board,
    open_signs: int,
) -> None:
    """Offer to spend more on a map that another seed would change; tell how far that is."""
    newest = questions.newest(model, method)
    if newest != asked.request:
        later = board.get(newest)
        if later is not None and not later.is_over:
            count = f" {later.answer.done:,}/{later.answer.total:,}" if later.answer.total else ""
            st.caption(f"Spending more{count} …")
        return
    stability = asked.answer.stability
    is_open = stability is not None and (not stability.is_stable or open_signs)
    is_poor = bool(asked.answer.state == "done" and warnings(asked.answer, method))
    if asked.answer.state == "done" and EXPLAINERS[method].is_random and (is_open or is_poor):
        st.button(
            "Spend more",
            key=f"more_{name_of(model, method)}",
            icon=":material/add:",
            on_click=spend_more,
            args=(asked.request,),
            help="Four times the evaluations, or fewer where the error falls below 5 % of the "
            "largest value before. The map stays until the better one is there.",
        )


def _downloads(name: str, files: HeatmapFiles, shared: float) -> None:
    """Offer a map as a picture and as its values."""
    plain = name.replace("/", "_")
    with st.container(horizontal=True):
        st.download_button(
            "PNG",
            lambda: png_of(files, shared),
            f"{plain}.png",
            "image/png",
            key=f"png_{name}",
            on_click="ignore",
            icon=":material/download:",
            help="The picture with the map at 80 % opacity, on the shared colour scale.",
        )
        st.download_button(
            "CSV",
            lambda: _csv(files),
            f"{plain}.csv",
            "text/csv",
            key=f"csv_{name}",
            on_click="ignore",
            icon=":material/download:",
            help="The exact values, one row per superpixel or pixel.",
        )


def _csv(files: HeatmapFiles) -> str:
    if files.is_per_pixel or files.segments is None:
        return str(heatmap.values_frame(files.values).to_csv(index=False))
    return str(superpixel_table(files).to_csv(index=False))


def png_of(files: HeatmapFiles, limit: float) -> bytes:
    """Return the picture with the map over it, PNG."""
    picture = np.asarray(images.decode(files.picture, "input.png"))
    return images.encode_png(heatmap.blend(picture, files.values, limit, 0.8))


def files_of(asked: Asked) -> HeatmapFiles | None:
    """Return the map of an answer, None while there is none."""
    if asked.answer.state not in ("coarse", "done"):
        return None
    answer, method, key = asked.answer, asked.request.method or "", asked.key
    version = f"{answer.state} {answer.evaluations}"
    files = read_map((key, "map"), (key, "input"), method, str(state.settings.home()), version)
    return replace(files, stability=answer.stability)


@st.cache_data(max_entries=128, show_spinner=False)
def read_map(
    place: tuple[str, str], picture: tuple[str, str], method: str, home: str, version: str = ""
) -> HeatmapFiles:
    """Return a map on a picture, read once.

    Args:
        place: The answer's key, and the map's name in its folder.
        picture: The answer's key, and the picture's name in its folder.
        method: The map's method.
        home: Of the lane.
        version: Changes when the file does.

    Raises:
        OSError: there is no such file.
    """
    folder, row = interactive.files(place[0]), EXPLAINERS[method]
    segments, numbers = folder / "segments.npy", folder / "superpixels.npy"
    return HeatmapFiles(
        values=np.load(folder / f"{place[1]}.npy"),
        segments=np.load(segments) if segments.is_file() else None,
        superpixels=np.load(numbers) if numbers.is_file() else None,
        picture=(interactive.files(picture[0]) / f"{picture[1]}.png").read_bytes(),
        version=f"{home} {place} {picture} {version}",
        is_per_pixel=not row.uses_superpixels,
        is_signed=row.is_signed,
    )
