"""Several results of one kind together: verdicts and tests of each pair, and the common figure."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import download_csv, errors_shown, escaped, percent
from dashboard.components.shared.metrics import figure, frame
from usable_core.catalog import implementation
from usable_core.catalog.metrics import METRICS
from usable_core.comparison import Comparison
from usable_core.evaluations.result import Condition, Measured
from usable_core.plots.comparison import difference_forest
from usable_core.tasks import TASKS


def pairs(kind: str, found: Comparison) -> None:
    """Show verdicts, the figure of differences, the flips."""
    condition = _condition(kind, found)
    for row in found.relative.to_dict("records"):
        st.markdown(
            f"- {METRICS[row['metric']].title} of {escaped(row['model'])} relative to "
            f"{escaped(row['reference'])}: {percent(row['value'])} ({percent(row['low'])} to "
            f"{percent(row['high'])})"
        )
    for sentence in found.verdicts(condition):
        st.markdown(f"- {escaped(sentence)}")
    if any(result.is_upper_bound_only for result in found.results):
        st.warning(
            "A check of an attack failed: what it left is an upper bound only. It is drawn hatched "
            "and is not ranked.",
            icon=":material/warning:",
        )
    for note in found.notes:
        st.info(escaped(note))
    plot = difference_forest(found, condition=condition, theme=state.theme())
    figure(plot, key=f"forest_{kind}", alt="Difference of each pair with its interval")
    with st.expander("Pairs, and the images that tell the models apart"):
        frame(found.pairs, alt="Every pair with its test")
        frame(found.disagreements, alt="Images on which the models disagree")
        with st.container(horizontal=True):
            download_csv(found.pairs, f"pairs-{kind}", key=f"pairs_{kind}", label="Pairs, CSV")
            download_csv(
                found.disagreements, f"flips-{kind}", key=f"flips_{kind}", label="Images, CSV"
            )


def _condition(kind: str, found: Comparison) -> Condition | None:
    """Ask for one of the conditions, such as ε; None where there is only one."""
    conditions = found.pairs[list(found.conditions)].drop_duplicates().to_dict("records")
    if len(conditions) == 1:
        return None
    place = st.select_slider(
        "Compared at",
        range(len(conditions)),
        value=len(conditions) // 2,
        key=state.of_page(state.COMPARE_AT, kind),
        format_func=lambda k: found.said(conditions[k]),
    )
    return {name: value for name, value in conditions[place].items() if value == value}


def overview(kind: str, results: Sequence[Measured], names: Sequence[str]) -> None:
    """Show the figure of a kind."""
    draw = implementation(TASKS[kind].figure)
    with errors_shown():
        plot = draw(results, names=names, theme=state.theme())
        figure(plot, key=f"overview_{kind}", alt=f"{TASKS[kind].title} of the chosen models")
