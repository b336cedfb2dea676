"""Corruptions beside attacks: their runs on the same data, and whether both rank alike."""

import math
from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import answers, names_of
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.metrics import figure, metric_card
from dashboard.components.shared.run_panel import run_panel
from usable_core import jobs
from usable_core.comparison.corruption_and_attack import (
    LEAST_MODELS,
    agreement_across_models,
    agreement_by_example,
)
from usable_core.evaluations.corruption import CorruptionConfig, CorruptionResult
from usable_core.evaluations.robustness import RobustnessResult
from usable_core.metrics.intervals import Estimate
from usable_core.plots.corruption import (
    accuracy_by_severity,
    attack_versus_corruption,
    corruption_heat_map,
)
from usable_core.runs.run import Run, Status


def corruption_section(attacks: Sequence[RobustnessResult]) -> None:
    """Show the corruption runs of the attacked models on their data, and offer the missing ones."""
    st.subheader("Corruptions")
    st.markdown("Noise, blur, weather and compression: the picture gets worse, but nobody aims.")
    runs = {_question(r): _newest(_question(r)) for r in attacks}
    missing = [asked for asked, run in runs.items() if run is None or _has_failed(run)]
    if missing:
        st.button(
            "Evaluate corruptions",
            key=state.CORRUPTION_START,
            on_click=_start,
            args=(missing,),
            help="15 corruptions at 5 severities: 75 passes of every image, without gradients.",
        )
    for run in runs.values():
        if run is not None and run.status is not Status.DONE:
            run_panel(run.id)
    found = answers([run for run in runs.values() if run and run.status is Status.DONE])
    if found:
        _results(attacks, [result for _, result in found])


def _question(attack: RobustnessResult) -> CorruptionConfig:
    return CorruptionConfig(attack.config.model, attack.config.dataset)


def _newest(asked: CorruptionConfig) -> Run | None:
    """Return the newest run of this question, however it ended."""
    return next((run for run in state.runs("corruption") if run.config == asked), None)


def _has_failed(run: Run) -> bool:
    return run.status.is_over and run.status is not Status.DONE


def _start(asked: Sequence[CorruptionConfig]) -> None:
    with errors_shown():
        for config in asked:
            jobs.start(config)


def _results(attacks: Sequence[RobustnessResult], found: Sequence[CorruptionResult]) -> None:
    names, theme = names_of(found), state.theme()
    place = 0
    if len(found) > 1:
        titles = dict(enumerate(names))
        place = st.segmented_control(
            "Heat map of",
            titles,
            format_func=titles.get,
            default=0,
            required=True,
            key=state.CORRUPTION_MODEL,
        )
    chosen = found[place if place < len(found) else 0]
    left, right = st.columns(2, gap="large")
    with left:
        metric_card("mean_corruption_accuracy", chosen.mean_corruption_accuracy)
        plot = corruption_heat_map(chosen, theme=theme)
        figure(plot, key="corruption_map", alt="Accuracy per corruption and severity")
    with right:
        metric_card("relative_drop", chosen.relative_drop)
        plot = accuracy_by_severity(found, names=names, theme=theme)
        figure(plot, key="severities", alt="Accuracy against severity")
    st.markdown("**Do attack and corruptions rank alike?**")
    with errors_shown():
        _across_models(attacks, found)
        attack = next(a for a in attacks if _question(a).model == chosen.config.model)
        agreement = agreement_by_example(attack, chosen)
        for attacked, corrupted, name in zip(attacks, found, names, strict=False):
            if attacked.config.model == corrupted.config.model:
                both = agreement_by_example(attacked, corrupted).correlation
                st.markdown(f"- {escaped(name)}: {verdict(both)}")
        plot = attack_versus_corruption(agreement, norm=attack.config.norm, theme=theme)
        plot.update_layout(title=None)  # the sentence stands above
        figure(plot, key="rank_agreement", alt="Smallest epsilon against corruptions survived")


def verdict(found: Estimate) -> str:
    """Return one sentence on the rank agreement over the examples of a model."""
    if math.isnan(found.value):
        return f"rank agreement is undefined: nothing tells the {found.n} examples apart."
    said = f"rank agreement {found.value:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}), "
    said += f"n = {found.n} examples right when clean: "
    if found.low > 0:
        return said + "examples that break at a smaller ε also fall to more corruptions."
    if found.high < 0:
        return said + "examples that break at a smaller ε fall to fewer corruptions."
    return said + "no agreement is shown; the two may tell of different weaknesses."


def _across_models(attacks: Sequence[RobustnessResult], found: Sequence[CorruptionResult]) -> None:
    """Say whether models rank alike, where there are enough that may be ranked."""
    ranked = [attack for attack in attacks if not attack.is_upper_bound_only]
    if len(ranked) < LEAST_MODELS or len(found) < LEAST_MODELS:
        return
    across = agreement_across_models(ranked, found).correlation
    left_out = len(attacks) - len(ranked)
    note = f" {left_out} with a failed check is left out." if left_out else ""
    st.markdown(
        f"- Over {across.n} models: rank agreement {across.value:.2f}, without an interval, for "
        f"models are no sample of anything.{note}"
    )
