"""The answers of the Explain page to keep: a link, a PNG of its maps, an HTML file of it all."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.components.explain.blocks import BLOCKS
from dashboard.components.explain.gathered import Gathered
from dashboard.components.explain.map_grid import limits
from dashboard.components.explain.map_view import fine_pixels, over_fine
from dashboard.components.shared.copy_link import copy_link
from dashboard.components.shared.formats import download, percent
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.plots.sheet import Tile, sheet
from usable_core.records import to_json
from usable_core.reports.page import Block, Data, Section, Table, Text, page
from usable_core.versions import versions


def keep_it(gathered: Gathered) -> None:
    """Offer the link and the files."""
    copy_link("explain_link")
    if gathered.maps:
        download(
            "Maps, PNG",
            partial(_maps_png, gathered),
            f"explanation-{gathered.questions.image[:8]}.png",
            key="explain_png",
            help="All maps over the picture, side by side, in one file to be shown about.",
        )
    st.download_button(
        "Report, HTML",
        partial(_report, gathered, _link()),  # made later, outside of the session
        f"explanation-{gathered.questions.image[:8]}.html",
        "text/html",
        key=state.EXPLAIN_REPORT,
        on_click="ignore",
        icon=":material/description:",
        help="Pictures, maps, figures and every number in one file that opens without a network.",
    )


def _maps_png(gathered: Gathered) -> bytes:
    """Return all maps over the picture: a row for each backbone, its prediction first."""
    questions, limit_of, rows = gathered.questions, limits(gathered.questions, gathered.maps), []
    for model, title in questions.titles.items():
        tiles = [
            Tile(
                f"{EXPLAINERS[method].title}, {title}",
                f"for {view.explanation.target}, full colour at ±{limit_of[model, method]:.3g}",
                over_fine(view, limit_of[model, method]),
            )
            for method in questions.methods
            if (view := gathered.maps.get((model, method))) is not None
        ]
        if tiles:
            asked = gathered.board.get(questions.prediction(model))
            first = next(iter(asked.explanation.predictions if asked else ()), None)
            said = f"{title}: {first.name} {percent(first.probability)}" if first else title
            shown = gathered.maps[next(c for c in gathered.maps if c[0] == model)]
            rows.append([Tile(questions.title, said, fine_pixels(shown)), *tiles])
    return sheet(f"Why? {questions.title}", rows)


def _report(gathered: Gathered, link: str) -> str:
    """Return everything that is known of the picture as one HTML file."""
    sections = [section for block in BLOCKS for section in block.sections(gathered)]
    made = Section("How it was made", tuple(_settings(gathered, link)))
    return page(f"Why? {gathered.questions.title}", [*sections, made])


def _settings(gathered: Gathered, link: str) -> Iterator[Block]:
    settings = to_json(gathered.questions.options)
    yield Table((), tuple((name, str(value)) for name, value in settings.items()))
    yield Text(f"Asked again by {link}")
    yield Table(("library", "version"), tuple(versions().items()))
    answers = [
        {"question": to_json(a.request), "answer": to_json(a.answer)}
        for a in gathered.board.values()
    ]
    yield Data({"versions": versions(), "answers": answers}, "Every number as JSON")


def _link() -> str:
    """Return the page's address with all its parameters."""
    return f"{st.context.url or ''}?{urlencode(state.address(), doseq=True)}"
