"""What came of a sweep of λ: its figures, every λ, and each training as a model to use."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import download_csv, download_json, escaped
from dashboard.components.shared.metrics import figure, frame
from dashboard.components.shared.once import once
from dashboard.components.train.refusals import refusals_and_warnings
from dashboard.components.train.trained_models import trained_models
from usable_core.evaluations.spread_words import ends, spread
from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.sweep_words import in_words, refusals
from usable_core.evaluations.training_axes import AXES, Spread
from usable_core.plots.sweep import front_figure, lambda_figure
from usable_core.runs.run import Run

BARS = "Bars: 95 % intervals over seeds. Bands: of the examples, of one training."


def sweep_view(run: Run, result: SweepResult) -> None:
    """Show what λ trades."""
    for sentence in in_words(result):
        st.markdown(escaped(sentence))
    refusals_and_warnings(refusals(result), result.warnings)
    figures(result)
    frame(
        pd.DataFrame([_row(point, result.axes) for point in result.points]), alt="What each λ gave"
    )
    with st.container(horizontal=True):
        download_csv(
            result.records, f"sweep-{run.id}", key="sweep_csv", label="Every training, CSV"
        )
        download_json(result.summary(), f"sweep-{run.id}", key="sweep_json")
    trained_models(result, state.SWEEP_USE)


def figures(result: SweepResult) -> None:
    """Show every axis against λ, and two of them against each other."""
    plot = once(lambda_figure, result, theme=state.theme())
    figure(plot, key="sweep_lambda", alt="What was measured against λ")
    st.caption(BARS)
    axes = _two_axes(result)
    if axes:
        plot = once(front_figure, result, axes, theme=state.theme())
        titles = [AXES[name].title for name in axes]
        figure(plot, key="sweep_front", alt=f"{titles[1]} against {titles[0]}")
        st.caption("Each point is a λ; filled ones are on the Pareto front, by their means.")


def _two_axes(result: SweepResult) -> tuple[str, ...]:
    """Ask which axes are set against each other, where there are more than two with several λ."""
    measured, front = result.axes, result.config.front
    if len(measured) < 2 or len(result.answered) < 2:
        return ()
    usual = [name for name in front if name in measured]
    usual += [name for name in measured if name not in usual]
    asked = zip(
        st.columns(2),
        ("To the right", "Up"),
        usual,
        (state.SWEEP_RIGHT, state.SWEEP_UP),
        strict=False,
    )
    chosen = [
        column.selectbox(label, measured, measured.index(one), _title, key=key)
        for column, label, one, key in asked
    ]
    if chosen[0] == chosen[1]:
        st.caption("Choose two different axes to see what one costs the other.")
        return ()
    return tuple(chosen)


def _title(name: str) -> str:
    return AXES[name].title[0].upper() + AXES[name].title[1:]


def axis_cells(found: Spread, axes: Sequence[str]) -> dict[str, str]:
    """Return the cells of several axes: head to what stands below it."""
    cells = {}
    for name in axes:
        title = AXES[name].title
        cells[title] = spread(found.over_seeds.get(name), name)
        cells[f"{title}, of the examples"] = ends(found.of_examples.get(name), name)
    return cells


def _row(point: Point, axes: Sequence[str]) -> dict[str, str]:
    known = {"λ": f"{point.task_weight:g}", "limit": point.limit, "seeds": str(point.spread.seeds)}
    front = "yes" if point.is_front else ""
    return known | axis_cells(point.spread, axes) | {"front": front}
