"""Overview: what is at hand, and one button that shows all of it at work."""

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.explain.gallery import gallery_links
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shelves.cards import backbone_card
from dashboard.components.shelves.runs_table import run_lines, status_badge
from usable_core.catalog.cards import bundled_cards
from usable_core.catalog.datasets import DATASETS
from usable_core.runs.run import Run
from usable_core.samples import digit_strip
from usable_core.verdicts.demo import demo as question

RECENT = 5
CARDS_IN_A_ROW = 2


def page() -> None:
    st.title("Is this model fit for use?")
    st.markdown(
        "Measure how often it is right, whether it stays right when a picture or a text is "
        "disturbed, and what in it decides."
    )
    demo()
    own()
    st.subheader("Backbones")
    st.caption("Measured on test examples, with 95 % intervals and their number.")
    columns = st.columns(CARDS_IN_A_ROW)
    for place, card in enumerate(bundled_cards()):
        with columns[place % CARDS_IN_A_ROW]:
            backbone_card(card)
    st.subheader("Photographs")
    gallery_links()
    st.subheader("Data")
    digits()
    st.subheader("Recent runs")
    recent()


def demo() -> None:
    """The button; what it starts is an assessment as any other, on its own page."""
    newest = next((run for run in stored.runs("assess") if run.config == question()), None)
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = st.button(
            "Run the demo",
            key=state.OVERVIEW_DEMO,
            type="primary",
            icon=":material/play_arrow:",
            disabled=visitor.read_only() is not None,
            help=visitor.read_only(),
        )
        st.caption(
            "Are two models that read handwritten digits fit for a first use? Measures all of it, "
            "to the verdict. At most 2 minutes on 2 cores."
        )
    if is_pressed:
        with errors_shown():
            is_live = newest is not None and not newest.status.is_over
            run = newest.id if newest is not None and is_live else visitor.start(question())
            st.switch_page(state.page_file("assess"), query_params={state.RUN: run})
    if newest is not None:
        demo_line(newest)


def demo_line(newest: Run) -> None:
    """Show how far the newest demo is, or its verdict, and the way to it."""
    said = str((newest.summary or {}).get("sentence", "")) or newest.error or newest.message
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{status_badge(newest.status)} {escaped(said)}", width="content")
        link("assess", "**See the demo**", "verified", {state.RUN: newest.id})


def own() -> None:
    """Show where a visitor's own things go in."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Or bring your own:", width="content")
        link("explain", "a picture or a text", "image_search")
        link("models", "a model", "deployed_code")
        link("data", "data", "photo_library")
        link("assess", "and ask: is it fit?", "verified")


def digits() -> None:
    row = DATASETS["digits"]
    with st.container(border=True):
        left, right = st.columns([2, 3], vertical_alignment="center")
        with left:
            st.markdown(f"**{escaped(row.title)}**")
            st.caption(row.help)
            link(
                "fine_tune",
                "Fine-tune a backbone on it",
                "tune",
                {state.FINE_TUNE_DATASET: "digits"},
            )
        strip = digit_strip()
        if strip is not None:
            right.image(strip, width="stretch", alt="The first ten digits, 0 to 9")


def recent() -> None:
    runs = stored.runs(limit=RECENT)
    if runs:
        run_lines(runs)
        link("runs", "All runs", "list_alt")
    else:
        st.caption("None yet. The demo makes the first ones.")


page()
