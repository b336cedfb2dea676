"""One time for the whole assessment, told before it is started."""

import streamlit as st

from dashboard import stored
from dashboard.components.measure.estimate import POLL, speed_here
from dashboard.components.shared.formats import escaped
from usable_core.evaluations.robustness_cost import Speed
from usable_core.jobs.planning import known_parts
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.estimate import Pace, estimate
from usable_core.verdicts.plan import questions


def estimate_line(config: AssessmentConfig) -> None:
    """Show how long an assessment will take; time the models that nobody has timed."""
    known = known_parts(config)
    unknown = [
        m for m in config.models if any((m, task) not in known for task in questions(m, config))
    ]
    examples = _counted(config)
    is_open = any(speed_here(model) is None for model in unknown)

    @st.fragment(run_every=POLL if is_open else None)
    def watch() -> None:
        speeds = {model: speed_here(model) for model in unknown}
        if None in speeds.values():
            st.caption(":material/timer: Timing the models on this machine …")
            return
        paces = {
            m: Pace(s, examples) if config.kind == "picture" else Pace(s, examples, pixels=0)
            for m, s in speeds.items()
            if isinstance(s, Speed)
        }
        st.caption(f":material/timer: **{escaped(estimate(config, paces, known).sentence)}**")
        for failure in dict.fromkeys(s for s in speeds.values() if isinstance(s, str)):
            st.caption(f"No estimate: {escaped(failure)}")
        if is_open:
            st.rerun()  # stops the timer

    watch()


def _counted(config: AssessmentConfig) -> int | None:
    """Return how many examples an accuracy on the same data had; None where there was none."""
    for run in stored.runs("accuracy", only_done=True):
        if run.config.dataset == config.dataset and run.summary:
            n = run.summary.get("n")
            return n if isinstance(n, int) else None
    return None
