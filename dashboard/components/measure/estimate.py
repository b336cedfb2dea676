"""How long an evaluation will take, told before it begins: from the model's own measured speed."""

from collections.abc import Sequence

import streamlit as st

from dashboard import stored
from dashboard.components.shared import lane
from dashboard.components.shared.formats import escaped
from usable_core import settings
from usable_core.errors import UsableError
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.robustness import Cost, RobustnessConfig
from usable_core.evaluations.robustness_cost import (
    START_SECONDS,
    Speed,
    Work,
    most_work,
    seconds,
    speed_of,
    spoken,
)
from usable_core.evaluations.specs import ModelSpec

POLL = "1s"
TOO_LONG = 3600.0  # seconds from which fewer examples are recommended


def estimate(configs: Sequence[RobustnessConfig]) -> None:
    """Show the time that the questions will take together, as a range; measure what is unknown."""
    if not configs:
        return
    if any(config.dataset.limit is None for config in configs):
        st.caption("How long it takes depends on how many examples there are; choose a number.")
        return
    is_open = any(speed_here(config.model) is None for config in configs)

    @st.fragment(run_every=POLL if is_open else None)
    def watch() -> None:
        speeds = [speed_here(config.model) for config in configs]
        if None not in speeds:
            _tell(configs, [speed for speed in speeds if isinstance(speed, Speed)], speeds)
            if is_open:
                st.rerun()  # stops the timer
        else:
            st.caption(":material/timer: Timing the model on this machine …")

    watch()


def _tell(
    configs: Sequence[RobustnessConfig],
    known: Sequence[Speed],
    speeds: Sequence[Speed | str | None],
) -> None:
    for failure in dict.fromkeys(s for s in speeds if isinstance(s, str)):
        st.caption(f"No estimate: {escaped(failure)}")
    if len(known) < len(configs):
        return
    works = [most_work(config, config.dataset.limit or 0) for config in configs]
    spans = [seconds(work, speed) for work, speed in zip(works, known, strict=True)]
    low, high = (sum(span[end] for span in spans) for end in (0, 1))
    whole = Work()
    for work in works:
        whole = whole + work
    many = f" for {len(configs)} models, one after another" if len(configs) > 1 else ""
    st.caption(
        f":material/timer: **Estimate: {spoken((low, high))}**{many}. At most about "
        f"{whole.passes:,} passes of single images, the checks among them; other work on this "
        "machine makes it longer.",
        help="Every example pays at most one failure of all attacks; those that break early pay "
        "less. The time of a pass is that of this model's newest run here, or was just measured "
        f"with a small batch. {START_SECONDS[0]:.0f} to {START_SECONDS[1]:.0f} seconds are for "
        "loading.",
    )
    if high > TOO_LONG:
        st.caption(":material/lightbulb: Fewer examples, or Glance, give a first answer sooner.")


def speed_here(model: ModelSpec) -> Speed | str | None:
    """Return the model's speed here, a sentence why there is none, or None while it is measured."""
    return _speed_of_a_run(model, str(settings.home())) or _measured_speed(model)


@st.cache_data(ttl=30, max_entries=64, show_spinner=False)
def _speed_of_a_run(model: ModelSpec, home: str) -> Speed | None:
    """Return the speed of the newest finished run of this model; None where there is none."""
    del home  # part of the cache's key
    for run in stored.runs("robustness", only_done=True):
        if run.config.model == model and run.summary and "cost" in run.summary:
            speed = speed_of(Cost(**run.summary["cost"]))
            if speed:
                return speed
    return None


def _measured_speed(model: ModelSpec) -> Speed | str | None:
    """Return what the interactive lane says; the question is asked once per session."""
    try:
        answer = lane.ask_one(ImageRequest("time", model)).answer
    except UsableError as error:
        return str(error)
    if answer.state == "failed":
        return answer.error or "the model could not be timed."
    if answer.forward_seconds is None or answer.gradient_seconds is None:
        return None
    return Speed(answer.forward_seconds, answer.gradient_seconds)
