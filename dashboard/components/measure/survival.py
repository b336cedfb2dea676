"""How much it takes to break an example: survival with its median, and the classes."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.broken_pictures import class_figure
from dashboard.components.measure.measured_runs import Found
from dashboard.components.shared.formats import choose_one, escaped
from dashboard.components.shared.metrics import bound_mark, figure, metric_card
from dashboard.components.shared.once import once
from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.plots.robustness import survival


def survival_section(results: Sequence[RobustnessResult], names: Sequence[str]) -> None:
    """Show the survival figure, and the median and the censored share of each model beside it."""
    has_raw = any(result.raw_curve for result in results)
    with_raw = has_raw and st.toggle(
        "Each ε attacked by itself, on a sample",
        key=state.ROBUSTNESS_RAW,
        help="Nothing is carried up from what smaller changes break.",
    )
    plot = once(survival, results, names=names, theme=state.theme(), with_raw=with_raw)
    figure(plot, key="survival", alt="Share of examples that withstand each epsilon")
    for column, result, name in zip(st.columns(len(results)), results, names, strict=True):
        with column:
            if len(results) > 1:
                st.markdown(f"**{escaped(name)}**{bound_mark(result)}")
            cells = st.columns(2 if len(results) < 3 else 1)
            with cells[0]:
                _median_card(result)
            with cells[-1]:
                metric_card("censored", result.censored)


def classes_section(found: Found, names: Sequence[str]) -> None:
    """Show the accuracy of each class at each epsilon, of one model at a time."""
    titles = {str(k): name for k, name in enumerate(names)}
    chosen = choose_one("Classes of", titles, key=state.ROBUSTNESS_CLASSES, default="0")
    class_figure(*found[int(chosen)], titles[chosen])


def _median_card(result: RobustnessResult) -> None:
    found, norm, row = result.median_smallest_epsilon, result.config.norm, METRICS
    with st.container(border=True):
        st.metric(
            row["median_smallest_epsilon"].title,
            _written(found.value, result),
            help=row["median_smallest_epsilon"].help,
        )
        st.caption(
            f"95 % interval {_written(found.low, result)} to {_written(found.high, result)}, "
            f"n = {found.n:,}"
            if found.n
            else f"nothing was right when clean, so nothing was attacked in {norm}"
        )


def _written(epsilon: float, result: RobustnessResult) -> str:
    """Return an epsilon, or that it lies beyond the grid."""
    norm = result.config.norm
    if epsilon != epsilon:
        return "–"
    if epsilon > result.epsilons[-1]:
        return f"> {epsilon_label(result.epsilons[-1], norm)}"
    return epsilon_label(epsilon, norm)
