"""Toy turns: does it mind pictures on their head?"""

from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.measure.measuring_page import MeasuringPage, measuring_page
from dashboard.components.shared.metrics import metric_card
from toys.evaluation import ToyConfig


def settings():
    turns = st.number_input("Quarters", 0, 3, 2, key=state.of_page("toy", "turns"))
    return partial(ToyConfig, turns=int(turns))


def results(found, names):
    for _, result in found:
        metric_card("accuracy", result.accuracy)


measuring_page(
    MeasuringPage(
        task="toy",
        title="Toy turns",
        sentence="Does it mind pictures on their head?",
        nothing="Nothing was turned yet.",
        hint="Press Evaluate.",
        settings=settings,
        results=results,
    )
)
