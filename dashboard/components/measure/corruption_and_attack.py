"""Corruptions beside attacks on the same data: do both rank alike?"""

import math
from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored
from dashboard.components.measure.measured_runs import answers
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.metrics import figure
from dashboard.components.shared.names import names_of
from usable_core.comparison.corruption_and_attack import (
    LEAST_MODELS,
    agreement_across_models,
    agreement_by_example,
)
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.metrics.intervals import Estimate
from usable_core.plots.corruption import attack_versus_corruption
from usable_core.runs.run import Run


def agreement_section(attacks: Sequence[RobustnessResult]) -> None:
    """Say whether the attacked models' corruption runs on the same data rank alike."""
    st.caption("Do attack and corruptions rank alike?")
    runs = {attack.config.model: _newest(attack.config) for attack in attacks}
    found = answers([run for run in runs.values() if run is not None])
    if len(found) < len(runs):
        st.caption("Not all of these models have been measured under corruptions on this data.")
        link(
            "corruption",
            "Measure them",
            "foggy",
            {
                state.MODELS: [model.reference for model in runs],
                state.DATA: attacks[0].config.dataset.reference,
            },
        )
    if found:
        _agreement(attacks, [result for _, result in found])


def _newest(attacked: RobustnessConfig) -> Run | None:
    """Return the newest finished corruption run of the model on the data."""
    return next(
        (
            run
            for run in stored.runs("corruption", only_done=True)
            if run.config.model == attacked.model
            and run.config.dataset.reference == attacked.dataset.reference
        ),
        None,
    )


def _agreement(attacks: Sequence[RobustnessResult], found: Sequence[CorruptionResult]) -> None:
    by_model = {result.config.model: result for result in found}
    pairs = [(a, by_model[a.config.model]) for a in attacks if a.config.model in by_model]
    with errors_shown():
        _across_models(attacks, found)
        agreements = [agreement_by_example(attack, result) for attack, result in pairs]
        names = names_of([result for _, result in pairs])
        for agreement, name in zip(agreements, names, strict=True):
            st.markdown(f"- {escaped(name)}: {verdict(agreement.correlation)}")
        norm = pairs[0][0].config.norm
        plot = attack_versus_corruption(agreements[0], norm=norm, theme=state.theme())
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
