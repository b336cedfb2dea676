"""One heatmap: the view, in words whether to believe it, its figures, its files."""

import io
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from dashboard.components.explain.hero_picture import as_seen
from dashboard.components.explain.map_facts import NO_EVIDENCE, badges, facts, warnings
from dashboard.components.explain.overlay import (
    Hideable,
    MapView,
    heatmap_view,
    superpixel_table,
)
from dashboard.components.explain.questions import (
    Cell,
    Questions,
    hide,
    name_of,
    spend_more,
    title_of,
)
from dashboard.components.shared.formats import download, escaped
from dashboard.components.shared.lane import Asked, Board
from usable_core import images, settings
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.comparison.maps import with_agreement
from usable_core.evaluations.explained import PICTURE, Explanation
from usable_core.jobs import interactive
from usable_core.plots import heatmap
from usable_core.reports.page import Picture


def show_map(questions: Questions, cell: Cell, view: MapView, shared: float, board: Board) -> None:
    """Show a map over its picture, and in a line what its own figures say about it."""
    explanation, name, what = view.explanation, name_of(*cell), title_of(questions, *cell)
    alt = f"{what}, for the class {explanation.target}: {heatmap.describe(view.values)}"
    heatmap_view(f"map_{name}", view, shared, alt, _hideable(questions, cell, view, board))
    said = warnings(view)
    if heatmap.is_empty(view.values):
        st.info(NO_EVIDENCE, icon=":material/visibility_off:")
        said = []
    doubt = [":orange-badge[:material/warning: doubtful]"] if said else []
    help = "\n\n".join(said) or None
    words = [f"for **{escaped(explanation.target or '?')}**", *badges(explanation), *doubt]
    st.markdown(" ".join(words), help=help)


def _hideable(questions: Questions, cell: Cell, view: MapView, board: Board) -> Hideable | None:
    """Return what a click on the map does: hide the superpixel from all backbones."""
    numbers = view.explanation.superpixels
    hidden = questions.hidden()
    asked = board.get(questions.without(cell[0])) if hidden else None
    png = None
    if asked is not None and asked.answer.state == "done":
        with suppress(OSError):  # it is gone
            png = (interactive.files(asked.key) / PICTURE).read_bytes()
    return Hideable(
        tuple(int(k) for k in np.flatnonzero(np.isin(numbers, hidden))),
        png,
        lambda k: hide(questions.image, questions.options.segments, int(numbers[k])),
    )


def show_figures(
    questions: Questions, cell: Cell, asked: Asked, board: Board, view: MapView, shared: float
) -> None:
    """Say whether a map is to be believed, and offer its figures and files."""
    explanation, name = view.explanation, name_of(*cell)
    is_empty = heatmap.is_empty(view.values)
    table = superpixel_table(view)
    open_signs = int((~table.is_settled).sum())
    for sentence in [] if is_empty else warnings(view):
        st.warning(sentence, icon=":material/warning:")
    if open_signs and not is_empty:
        st.caption(
            f"{open_signs} of {len(table)} superpixels may speak for the class or against it: more "
            "evaluations would tell. They are drawn with stripes."
        )
    if view.is_final and not is_empty and not warnings(view):
        st.caption("Nothing that was measured speaks against this map.")
    with st.container(horizontal=True):
        with st.popover("Details", icon=":material/info:"):
            st.markdown(facts(explanation, view.options))
            _downloads(name, questions.image, view, shared)
        _more_button(questions, cell, asked, board, open_signs > 0)


def _more_button(
    questions: Questions, cell: Cell, asked: Asked, board: Board, has_open_signs: bool
) -> None:
    """Offer more evaluations for a map that another seed would change; tell how far that is."""
    newest = questions.newest(*cell)
    if newest != asked.request:
        later = board.get(newest)
        if later is not None and not later.is_over:
            count = f" {later.answer.done:,}/{later.answer.total:,}" if later.answer.total else ""
            st.caption(f"Making it more exact{count} …")
        return
    stability = asked.explanation.stability
    is_open = stability is not None and (not stability.is_stable or has_open_signs)
    is_poor = bool(asked.explanation.doubts())
    if asked.answer.state == "done" and EXPLAINERS[cell[1]].is_random and (is_open or is_poor):
        st.button(
            "Make it more exact",
            key=f"more_{name_of(*cell)}",
            icon=":material/add:",
            on_click=spend_more,
            args=(asked.request,),
            help="Four times the evaluations, or fewer where the error falls below 5 % of the "
            "largest value before. The map stays until the better one is there.",
        )


def _downloads(name: str, image: str, view: MapView, shared: float) -> None:
    """Offer a map as a picture and as its values, under a name that no other picture's has."""
    plain = f"{name.replace('/', '_')}-{image[:8]}"
    files = {
        "PNG": (png_of, "The picture with the map at 80 % opacity, on the shared colour scale."),
        "CSV": (_csv, "The exact values, one row per superpixel or pixel."),
    }
    with st.container(horizontal=True):
        for kind, (make, help) in files.items():
            end = kind.lower()
            data = partial(make, view, shared)
            download(kind, data, f"{plain}.{end}", key=f"{end}_{name}", help=help)


def _csv(view: MapView, _limit: float) -> str:
    table = heatmap.values_frame(view.values) if view.is_per_pixel else superpixel_table(view)
    return str(table.to_csv(index=False))


def png_of(view: MapView, limit: float) -> bytes:
    """Return the picture with the map over it, PNG."""
    return images.encode_png(over_fine(view, limit))


def over_fine(view: MapView, limit: float) -> np.ndarray:
    """Return the picture as it was brought with the map over it, RGB (H, W, 3) uint8."""
    picture = fine_pixels(view)
    fine = Image.fromarray(np.ascontiguousarray(view.values, np.float32))
    values = np.asarray(fine.resize(picture.shape[1::-1], Image.Resampling.NEAREST))
    return heatmap.blend(picture, values, limit, 0.8)


def fine_pixels(view: MapView) -> np.ndarray:
    """Return what the model saw of the picture as it was brought, RGB (H, W, 3) uint8."""
    if not view.fine:
        return view.explanation.x
    return np.asarray(Image.open(io.BytesIO(view.fine)).convert("RGB"))


def still(view: MapView, title: str, limit: float | None = None) -> Picture:
    """Return a map over its picture for the report, on its own colour scale unless told."""
    limit = heatmap.colour_limit(view.values) if limit is None else limit
    words = f"{title}: {heatmap.describe(view.values)}"
    return Picture(png_of(view, limit), words, f"Full colour at ±{limit:.3g}")


def views(questions: Questions, board: Board) -> dict[Cell, MapView]:
    """Return the maps that are there, with all that is known about them.

    Evidence and the agreement of a backbone's methods are other questions' answers.
    """
    found = {
        cell: _view(questions, asked, board.get(replace(asked.request, kind="evidence")))
        for cell, asked in questions.all_shown(board).items()
        if asked.has_map
    }
    for model in questions.titles:
        final = [cell for cell, view in found.items() if cell[0] == model and view.is_final]
        explanations = [found[cell].explanation for cell in final]
        if len({one.target for one in explanations}) == 1:
            for cell, one in zip(final, with_agreement(explanations), strict=True):
                found[cell] = replace(found[cell], explanation=one)
    return found


def _view(questions: Questions, asked: Asked, evidence: Asked | None) -> MapView:
    """Return the map of an answer, with its evidence where that is known."""
    explanation = load(asked)
    if evidence is not None:
        explanation = replace(explanation, evidence=evidence.explanation.evidence)
    return replace(
        MapView.of(explanation, _version(asked)),
        is_final=asked.answer.state == "done",
        options=asked.request.options,
        fine=as_seen(questions.jpeg, questions.image, explanation.seen),
    )


def load(asked: Asked) -> Explanation:
    """Return an answer's explanation with its arrays, read once.

    Raises:
        StorageError: it is not there any more.
    """
    return _loaded(asked.key, _version(asked))


@st.cache_data(max_entries=128, show_spinner=False)
def _loaded(key: str, version: str) -> Explanation:
    del version  # part of the cache's key
    return Explanation.load(interactive.files(key))


def _version(asked: Asked) -> str:
    """Return what changes when the files of an answer do."""
    found = asked.explanation
    drifted = 0 if found.drift is None else len(found.drift.epsilons)
    return f"{settings.home()} {asked.key} {asked.answer.state} {found.evaluations} {drifted}"
