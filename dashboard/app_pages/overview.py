"""Overview: what is at hand, and one button that shows all of it at work."""

import streamlit as st

from dashboard import state
from dashboard.components.explain.gallery import gallery_links
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.run_panel import run_panel
from dashboard.components.shelves.cards import backbone_card
from dashboard.components.shelves.runs_table import run_lines
from usable_core import jobs
from usable_core.catalog.cards import bundled_cards
from usable_core.catalog.datasets import DATASETS
from usable_core.evaluations.demo import DemoConfig
from usable_core.runs.run import Run, Status
from usable_core.samples import digit_strip

RECENT = 5


def page() -> None:
    st.title("Is this image model fit for use?")
    st.markdown(
        "Measure how often it is right, whether it stays right when the image is disturbed, "
        "and what in the image it looks at."
    )
    demo()
    st.subheader("Backbones")
    cards = bundled_cards()
    for column, card in zip(st.columns(len(cards)), cards, strict=True):
        with column:
            backbone_card(card)
    st.subheader("Photographs")
    gallery_links()
    st.subheader("Data")
    digits()
    st.subheader("Recent runs")
    recent()


def demo() -> None:
    """The button, and the newest tour while it runs and after it has ended."""
    newest = next(iter(state.runs("demo", limit=1)), None)
    is_live = newest is not None and not newest.status.is_over
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = st.button(
            "Run the demo",
            key=state.OVERVIEW_DEMO,
            type="primary",
            icon=":material/play_arrow:",
            disabled=is_live,
        )
        st.caption(
            "Fine-tunes two backbones on handwritten digits, attacks and explains them. "
            "At most 3 minutes on 2 cores."
        )
    if is_pressed:
        with errors_shown():
            jobs.start(DemoConfig())
            st.rerun()
    if newest is not None:
        demo_panel(newest)


def demo_panel(newest: Run) -> None:
    run = run_panel(newest.id)
    if run is not None and run.status is Status.DONE:
        link("compare", "**Compare the two backbones**", "balance", {state.PARENT: run.id})


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
    runs = [run for run in state.runs(limit=RECENT) if run.task != "demo"]
    if runs:
        run_lines(runs)
        link("runs", "All runs", "list_alt")
    else:
        st.caption("None yet. The demo makes the first ones.")


page()
