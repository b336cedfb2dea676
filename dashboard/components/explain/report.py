"""The answers of the Explain page as one HTML file that opens offline, and as a link."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.components.explain.blocks import BLOCKS
from dashboard.components.explain.gathered import Gathered
from dashboard.components.shared.copy_link import copy_link
from usable_core.records import to_json
from usable_core.reports.page import Block, Data, Section, Table, Text, page
from usable_core.versions import versions


def keep_it(gathered: Gathered) -> None:
    """Offer the link and the file."""
    copy_link("explain_link")
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
