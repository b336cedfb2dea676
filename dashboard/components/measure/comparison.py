"""Several results of one kind together: verdicts and tests of each pair, and the common figure."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Measured
from dashboard.components.shared.formats import download_csv, errors_shown, escaped
from dashboard.components.shared.metrics import figure, frame
from usable_core.comparison import Comparison
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.tasks import TASKS


def pairs(kind: str, found: Comparison) -> None:
    """Show verdicts, the figure of differences, the flips."""
    from usable_core.plots.comparison import difference_forest

    epsilon = None
    if kind == "robustness":
        norm, grid = found.results[0].config.norm, found.results[0].epsilons
        epsilon = st.select_slider(
            "ε",
            grid,
            value=grid[len(grid) // 2],
            key=state.COMPARE_AT,
            format_func=lambda e: epsilon_label(e, norm),
        )
    for sentence in found.verdicts(epsilon):
        st.markdown(f"- {escaped(sentence)}")
    if any(getattr(result, "is_upper_bound_only", False) for result in found.results):
        st.warning(
            "A check of an attack failed: what it left is an upper bound only. It is drawn hatched "
            "and is not ranked.",
            icon=":material/warning:",
        )
    for note in found.notes:
        st.info(escaped(note))
    plot = difference_forest(found, epsilon=epsilon, theme=state.theme())
    figure(plot, key=f"forest_{kind}", alt="Difference of each pair with its interval")
    with st.expander("Pairs, and the images that tell the models apart"):
        frame(found.pairs, alt="Every pair with its test")
        frame(found.disagreements, alt="Images on which the models disagree")
        with st.container(horizontal=True):
            download_csv(found.pairs, f"pairs-{kind}", key=f"pairs_{kind}", label="Pairs, CSV")
            download_csv(
                found.disagreements, f"flips-{kind}", key=f"flips_{kind}", label="Images, CSV"
            )


def curves(kind: str, results: Sequence[Measured], names: Sequence[str]) -> None:
    """Show the overview figure of a kind."""
    from usable_core.plots.accuracy import accuracy_bars
    from usable_core.plots.robustness import accuracy_versus_epsilon

    draw = {"accuracy": accuracy_bars, "robustness": accuracy_versus_epsilon}[kind]
    with errors_shown():
        plot = draw(results, names=names, theme=state.theme())
        figure(plot, key=f"overview_{kind}", alt=f"{TASKS[kind].title} of the chosen models")
