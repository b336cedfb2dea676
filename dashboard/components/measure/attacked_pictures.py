"""Robustness runs at one epsilon: their numbers; pictures clean, attacked, and the change."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.explain_button import explain_button
from dashboard.components.shared.formats import choose_one, escaped
from dashboard.components.shared.metrics import bound_mark, headings, metric_cards
from dashboard.components.shared.pictures import png_of
from dashboard.components.shared.selection import nearest, not_measured
from usable_core.attacked_images import (
    amplified_difference,
    enlarged,
    kept_images,
    open_image,
    side_by_side,
)
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.plots.robustness import EPSILON
from usable_core.runs.run import Run

EXAMPLES = "Examples"  # the section's title
FACTORS = (1, 5, 10, 20)
PER_MODEL = {1: 3, 2: 4}  # pictures of one model, by how many stand in a row
MODES = {"fragile": "Most fragile", "firm": "Least fragile", "broken": "Broken first at this ε"}
Found = Sequence[tuple[Run, RobustnessResult]]


def choose_clicked() -> None:
    """Show the examples that break at the epsilon of the clicked point of the curve."""
    epsilon = clicked_epsilon(st.session_state.get(state.ROBUSTNESS_CURVE))
    if epsilon is not None:
        st.session_state[state.ROBUSTNESS_TAB] = EXAMPLES
        st.session_state[state.ROBUSTNESS_AT] = epsilon
        st.session_state[state.ROBUSTNESS_EXAMPLES] = "broken"


def clicked_epsilon(event: object) -> float | None:
    """Return the epsilon of the last clicked point; None where no point of a curve is."""
    selection = event.get("selection", {}) if isinstance(event, Mapping) else {}
    for point in reversed(selection.get("points", [])):
        about = point.get("customdata")
        values = list(about.values()) if isinstance(about, Mapping) else list(about or [])
        if len(values) > EPSILON:
            return float(values[EPSILON])
    return None


@st.fragment
def numbers_section(
    found: Found,
    names: Sequence[str],
    more: Callable[[RobustnessResult, float], None] = lambda result, epsilon: None,
) -> None:
    """Show the numbers at one epsilon; moving the slider runs nothing else.

    Args:
        found: The runs.
        names: What to call their models.
        more: Shows what else is known of a result at an epsilon.
    """
    epsilon = choose_epsilon(found)
    for column, (_, result) in zip(headings(found, names), found, strict=True):
        numbers = result.numbers()
        at = {n.metric: n.found for n in numbers if n.metric == "clean_accuracy"}
        at |= {n.metric: n.found for n in numbers if n.epsilon == epsilon}
        with column:
            metric_cards(at, models=len(found))
            more(result, epsilon)


@st.fragment
def examples_section(found: Found, names: Sequence[str]) -> None:
    """Show, per model, kept examples: clean, attacked at one epsilon, and the change."""
    left, right = st.columns([3, 1])
    with left:
        epsilon = choose_epsilon(found)
    with right:
        factor = st.segmented_control(
            "Change shown ×",
            FACTORS,
            default=FACTORS[2],
            key=state.ROBUSTNESS_FACTOR,
            required=True,
        )
    columns = 2 if len(found) == 1 else 1
    of_each_model(
        found,
        names,
        lambda run, result, mode: _of_one_model(run, result, mode, epsilon, factor, columns),
    )


def of_each_model(
    found: Found, names: Sequence[str], show: Callable[[Run, RobustnessResult, str], None]
) -> None:
    """Ask which examples (a key of `MODES`), and show those of each model in its own column."""
    st.session_state.setdefault(state.ROBUSTNESS_EXAMPLES, "fragile")  # a click sets it too
    mode = choose_one("Examples", MODES, key=state.ROBUSTNESS_EXAMPLES, is_labelled=False)
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            if len(found) > 1:
                st.markdown(f"**{escaped(name)}**{bound_mark(result)}")
            show(run, result, mode)


def choose_epsilon(found: Found) -> float:
    """Ask for one of the budgets that were measured."""
    norm, epsilons = found[0][1].config.norm, found[0][1].epsilons
    if (place := nearest(state.ROBUSTNESS_AT, epsilons)) is not None:
        st.session_state[state.ROBUSTNESS_AT] = epsilons[place]
    if st.session_state.get(state.ROBUSTNESS_AT) not in epsilons:
        st.session_state[state.ROBUSTNESS_AT] = _nearest(
            epsilons, st.session_state.get(state.ROBUSTNESS_AT)
        )
    chosen: float = st.select_slider(
        "At ε",
        epsilons,
        key=state.ROBUSTNESS_AT,
        format_func=lambda e: epsilon_label(e, norm),
        help="A click on a point of the curve above chooses its ε too.",
    )
    not_measured(epsilons)
    return chosen


def _nearest(epsilons: Sequence[float], wanted: float | None) -> float:
    if wanted is None:
        return epsilons[len(epsilons) // 2]
    return min(epsilons, key=lambda epsilon: abs(epsilon - wanted))


def _of_one_model(
    run: Run, result: RobustnessResult, mode: str, epsilon: float, factor: int, columns: int
) -> None:
    kept = kept_images(stored.store().folder(run.id))
    rows, total = chosen_examples(result, kept, mode, epsilon)
    if mode == "broken":
        label = epsilon_label(epsilon, result.config.norm)
        st.caption(
            f"{total} of {len(result.smallest_epsilon)} right when clean break first at {label}."
        )
    if rows.empty:
        st.caption("This run kept no pictures of such examples.")
    for place, row in enumerate(rows.head(PER_MODEL[columns]).to_dict("records")):
        if place % columns == 0:
            cells = st.columns(columns, gap="medium")
        with cells[place % columns]:
            _example(run, result, kept, row, epsilon, factor)


def chosen_examples(
    result: RobustnessResult, kept: pd.DataFrame, mode: str, epsilon: float
) -> tuple[pd.DataFrame, int]:
    """Return the rows of `smallest_epsilon` that have pictures, in order, and how many there are.

    Args:
        result: The answer.
        kept: Its pictures.
        mode: A key of `MODES`.
        epsilon: Where the examples of the mode `broken` break first.
    """
    table = result.smallest_epsilon
    if mode == "broken":
        table = table[np.isclose(table["breaks"], epsilon, rtol=1e-9)]
    table = table.sort_values(
        "breaks",
        ascending=mode != "firm",
        na_position="first" if mode == "firm" else "last",
        kind="stable",
    )
    return table[table["index"].isin(kept["index"])], len(table)


def _example(
    run: Run,
    result: RobustnessResult,
    kept: pd.DataFrame,
    row: Mapping[str, object],
    epsilon: float,
    factor: int,
) -> None:
    folder, own = stored.store().folder(run.id), kept[kept["index"] == row["index"]]
    at = own[np.isclose(own["epsilon"], epsilon, rtol=1e-9)]
    start = own[own["epsilon"] == 0]
    if at.empty or start.empty:
        st.caption("This run kept no picture at this ε.")
        return
    shown = at.iloc[0].to_dict()
    files = str(start.iloc[0]["file"]), str(shown["file"])
    sentence = f"{_sentence(result, shown)} {breaking(result, row)}"
    st.image(
        _in_a_row(folder, *files, factor),
        f"original · adversarial · change × {factor}",
        width="stretch",
        output_format="PNG",
        alt=f"Original, adversarial, change: {sentence}",
    )
    st.caption(escaped(sentence))
    names = result.provenance.class_names
    label = names[table_label(result, shown)]
    with st.container(horizontal=True):
        for title, file in zip(("original", "adversarial"), files, strict=True):
            explain_button(
                partial(open_image, folder, file),
                f"Explain the {title}",
                {state.MODELS: [run.config.model.reference], state.EXPLAIN_TRUE: label},
                name=f"{label}, {title}",
                key=f"explain_{run.id}_{shown['index']}_{title}",
            )


@st.cache_data(max_entries=256, show_spinner=False)
def _in_a_row(folder: Path, start: str, attacked: str, factor: int) -> bytes:
    """Return a clean picture, the attacked one and the change side by side, PNG."""
    pictures = [open_image(folder, file) for file in (start, attacked)]
    pictures.append(amplified_difference(*pictures, factor))
    return png_of(side_by_side([enlarged(picture) for picture in pictures]))


def table_label(result: RobustnessResult, shown: Mapping[str, object]) -> int:
    """Return the true class of a kept picture's example."""
    at = result.records_at(float(str(shown["epsilon"])))
    return int(at.loc[at["index"] == shown["index"], "label"].iloc[0])


def _sentence(result: RobustnessResult, shown: Mapping[str, object]) -> str:
    """Return what it is and what it is called at the chosen epsilon."""
    names = result.provenance.class_names
    label = names[table_label(result, shown)]
    after, saved = names[int(str(shown["prediction"]))], names[int(str(shown["saved_prediction"]))]
    outcome = "still right" if after == label else f"called {after}"
    rounded = "" if saved == after else f"; this 8-bit picture is called {saved}"
    return f"{label}, {outcome}{rounded}."


def breaking(result: RobustnessResult, row: Mapping[str, object]) -> str:
    """Return where the example breaks first, and what found it."""
    breaks = float(str(row["breaks"]))
    if breaks != breaks:
        return "No ε of the grid breaks it."
    by = f" by {row['attack']}, question {row['step']}" if row["attack"] else ""
    return f"Breaks first at {epsilon_label(breaks, result.config.norm)}{by}."
