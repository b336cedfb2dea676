"""Cost: what does an answer take, in time, memory and multiply-adds, on this machine?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found
from dashboard.components.measure.measuring_page import MeasuringPage, measuring_page
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.metrics import figure
from dashboard.components.shared.once import once
from usable_core.catalog.units import written
from usable_core.evaluations.cost import CostConfig, CostResult
from usable_core.plots.cost import latency_figure

BATCHES = (2, 4, 8, 16, 32, 64)


def settings() -> partial[CostConfig]:
    sizes = st.multiselect(
        "Examples at once, beside one and the fastest",
        BATCHES,
        key=state.of_page("cost", "batches"),
        placeholder="only these",
    )
    return partial(CostConfig, batch_sizes=tuple(sorted(sizes)))


def results(found: Found, names: Sequence[str]) -> None:
    answers = [result for _, result in found]
    for result, name in zip(answers, names, strict=True):
        st.markdown(f"**{escaped(name)}** {escaped(sentence(result))}")
    plot = once(latency_figure, answers, names=names, theme=state.theme())
    figure(plot, key="cost_latency", alt="Time of a batch with median and 95th percentile")
    st.caption(
        "Filled: the median; hollow: the 95th percentile; each with its 95 % interval. "
        "Small points are single batches. Times say nothing of other machines and loads."
    )
    with st.expander("Where it was measured"):
        for result, name in zip(answers, names, strict=True):
            facts = result.facts
            st.markdown(f"**{escaped(name)}**: {escaped(result.pictures_in_words)}")
            st.caption(
                escaped(
                    f"{result.machine.words}. Memory: {facts.memory_by}. Energy: "
                    f"{result.energy_in_words}. Size of the weights: of the {facts.file_size_of}. "
                    f"Load before: {loaded(result)}."
                )
            )


def sentence(result: CostResult) -> str:
    """Return the cost of an answer in one sentence."""
    part, facts = result.parts[0], result.facts
    middle, late = (written(result.time(part, 1, share).value, "seconds") for share in (0.5, 0.95))
    one = result.kind
    what = f"answers one {one}" if part == "latency" else f"passes one {one} forward"
    return (
        f"{what} in {middle} (95 % within {late}), and at best "
        f"{written(result.throughput(part).value, 'rate')} at {result.best(part)} at once. It has "
        f"{written(facts.parameters, 'count')} parameters, {written(facts.macs, 'count')} "
        f"multiply-adds a {one} and {written(facts.file_size, 'bytes')} of weights."
    )


def loaded(result: CostResult) -> str:
    """Return how busy the machine was before."""
    load = result.machine.load
    return "not known" if load is None else f"{load:.1f}"


def restore(question: CostConfig) -> None:
    """Put the batch sizes of a question into the form."""
    known = [size for size in question.batch_sizes if size in BATCHES]
    st.session_state[state.of_page("cost", "batches")] = known


measuring_page(
    MeasuringPage(
        task="cost",
        title="Cost",
        sentence="What does an answer take on this machine, in time, memory and multiply-adds?",
        nothing="The cost of these models has not been measured on this machine.",
        hint="Press Evaluate: it takes seconds. Leave the machine alone meanwhile; other work is "
        "noticed, and said.",
        settings=settings,
        results=results,
        restore=restore,
        needs_classes=False,
    )
)
