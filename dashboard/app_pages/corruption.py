"""Corruptions: does the model stay right when its input gets worse?"""

import math
from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.corrupted_pictures import cells_section
from dashboard.components.measure.corruption_settings import restore, settings
from dashboard.components.measure.measured_runs import Found
from dashboard.components.measure.measuring_page import MeasuringPage, measuring_page
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.metrics import (
    figure,
    headings,
    metric_card,
    metric_cards,
    numbers_of,
)
from dashboard.components.shared.once import once
from usable_core.errors import UsableError
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.plots.corruption import accuracy_by_severity

CARDS = ("clean_accuracy", "mean_corruption_accuracy", "relative_drop")


def results(found: Found, names: Sequence[str]) -> None:
    answers = [result for _, result in found]
    for column, result in zip(headings(found, names), answers, strict=True):
        with column:
            metric_cards(numbers_of(result, CARDS), models=len(found))
            if result is not answers[0]:
                _relative(result, answers[0], names[0])
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Accuracy against severity")
        plot = once(accuracy_by_severity, answers, names=names, theme=state.theme())
        figure(plot, key="severities", alt="Accuracy against severity")
    with right:
        st.subheader("Each corruption")
        cells_section(found, names)


def _relative(result: CorruptionResult, reference: CorruptionResult, name: str) -> None:
    """Show the numbers that are relative to another model, or say why there are none."""
    try:
        for number in result.relative_to(reference):
            if math.isnan(number.found.value):
                st.caption(
                    f"No mCE: it divides by the errors of {escaped(name)}, which has none under "
                    f"one of the corruptions on these {result.examples}."
                )
            else:
                metric_card(number.metric, number.found, where=f", {name} = 100 %")
    except UsableError as error:
        st.caption(escaped(str(error)))


measuring_page(
    MeasuringPage(
        task="corruption",
        title="Corruptions",
        sentence="Does it stay right when its input gets worse, though nobody aims: noise, blur, "
        "weather and compression of a picture, typing errors and lost words of a text?",
        nothing="These models have not been measured under corruptions of this data.",
        hint="Press Evaluate: each corruption at each severity is one pass of every example, "
        "without gradients.",
        settings=settings,
        results=results,
        restore=restore,
    )
)
