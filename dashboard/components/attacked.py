"""Robustness runs at one epsilon: their numbers, and pictures clean, attacked, and the change."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.numbers import headings, metric_card
from dashboard.components.results import escaped
from usable_core.attacked_images import amplified_difference, enlarged, kept_images, open_image
from usable_core.evaluations.robustness import RobustnessResult
from usable_core.plots.style import epsilon_label
from usable_core.runs.run import Run

FACTORS = (1, 5, 10, 20)
PER_MODEL = 4  # pictures of one model at first sight


@st.fragment
def at_one_epsilon(found: Sequence[tuple[Run, RobustnessResult]], names: Sequence[str]) -> None:
    """Show cards and pictures at one epsilon; moving the slider runs nothing else."""
    norm, epsilons = found[0][1].config.norm, found[0][1].epsilons
    st.subheader("At one ε")
    left, right = st.columns([3, 1])
    epsilon = left.select_slider(
        "ε", epsilons, value=epsilons[len(epsilons) // 2], key=state.ROBUSTNESS_AT,
        format_func=lambda e: epsilon_label(e, norm),
    )  # fmt: skip
    factor = right.segmented_control(
        "Change shown ×", FACTORS, default=FACTORS[2], key=state.ROBUSTNESS_FACTOR, required=True
    )
    where = f", ε = {epsilon_label(epsilon, norm)}"
    for column, (_, result) in zip(headings(found, names), found, strict=True):
        with column:
            metric_card("clean_accuracy", result.clean_accuracy)
            for metric, value in result.at(epsilon).items():
                metric_card(metric, value, where=where)
    attacked_pictures(found, names, epsilon, factor)


def attacked_pictures(
    found: Sequence[tuple[Run, RobustnessResult]],
    names: Sequence[str],
    epsilon: float,
    factor: int,
) -> None:
    """Show, per model, kept examples at `epsilon` beside their clean picture and the change."""
    for column, (run, result), name in zip(st.columns(len(found)), found, names, strict=True):
        with column:
            st.markdown(f"**{escaped(name)}**")
            kept = kept_images(state.store().folder(run.id))
            at = kept[kept["epsilon"] == epsilon].head(PER_MODEL)
            if at.empty:
                st.caption("This run kept no pictures at this ε.")
            for row in at.to_dict("records"):
                _example(run, result, kept, row, factor)


def _example(
    run: Run, result: RobustnessResult, kept: pd.DataFrame, row: dict[str, object], factor: int
) -> None:
    folder = state.store().folder(run.id)
    clean_rows = kept[(kept["index"] == row["index"]) & (kept["epsilon"] == 0)]
    attacked = open_image(folder, str(row["file"]))
    pictures = [attacked]
    captions = ["attacked"]
    if len(clean_rows):
        clean = open_image(folder, str(clean_rows.iloc[0]["file"]))
        pictures = [clean, attacked, amplified_difference(clean, attacked, factor)]
        captions = ["clean", "attacked", f"change × {factor}"]
    sentence = _sentence(result, row)
    for column, picture, caption in zip(
        st.columns(3, gap="small"), pictures, captions, strict=False
    ):
        column.image(
            enlarged(picture), caption, width="stretch", output_format="PNG",
            alt=f"{caption}: {sentence}",
        )  # fmt: skip
    st.caption(escaped(sentence))


def _sentence(result: RobustnessResult, row: dict[str, object]) -> str:
    names = result.provenance.class_names
    at = result.outcomes(float(str(row["epsilon"])))
    label = names[int(at.loc[at["index"] == row["index"], "label"].iloc[0])]
    after, saved = names[int(str(row["prediction"]))], names[int(str(row["saved_prediction"]))]
    outcome = "still right" if after == label else f"called {after}"
    rounded = "" if saved == after else f"; this 8-bit picture is called {saved}"
    return f"{label}, {outcome}{rounded}"
