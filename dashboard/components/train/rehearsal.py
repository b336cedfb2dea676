"""How long a training will take, from its first steps, and what its network will see of pictures.

Both are told before it is started, while nothing is trained: the lane takes the steps.
"""

from dataclasses import replace

import streamlit as st

from dashboard import state
from dashboard.components.shared import lane
from dashboard.components.shared.formats import escaped, percent
from dashboard.components.shared.pictures import enlarged_png
from dashboard.components.shared.reading import Answers, read
from dashboard.components.shared.run_panel import run_of
from usable_core import tasks
from usable_core.catalog.fitting import is_at_hand
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.rehearsal import FOLDER, STEPS, Seen, seen_by, timed_by
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import interactive
from usable_core.runs.run import Run, Status

SIDE = 68  # px: four beside one another on a telephone
_ASKED = "fine_tune_rehearsed"
HELP = (
    "The lane takes the first steps of this very training and stops. Other work on this machine "
    "makes it longer; reading the examples takes from as long as it took for these to as long for "
    "each."
)


def rehearsal(config: FineTuningConfig, *, is_text: bool) -> None:
    """Show what to expect of a training that is not started."""
    config = tasks.placed(config)  # the lane lives elsewhere
    data = [spec.reference for spec in (config.dataset, config.source) if spec is not None]
    is_here = all(map(is_at_hand, data))
    run_id = state.chosen_run_id()
    run = run_of(run_id) if run_id else None
    questions = _questions(config, run, is_text=is_text) if is_here else []
    for old in st.session_state.get(_ASKED, ()):
        if old not in questions:
            lane.withdraw(old)
    st.session_state[_ASKED] = questions
    if not is_here:
        st.caption(":material/timer: How long it takes can be told once the data are here.")
    if not questions:
        return
    epochs = config.schedule.epochs
    waiting = f"Taking {STEPS} steps on this machine, to tell how long it takes …"
    read(questions, lambda answers: _show(answers, epochs), waiting=waiting, failed="No estimate")


def _questions(config: FineTuningConfig, run: Run | None, *, is_text: bool) -> list[ImageRequest]:
    """Return what is asked beside a run that the page shows.

    While it is on its way nothing is, for both would share a device; of the same training that is
    done it is known how long it took.
    """
    if run is not None and not run.status.is_over:
        return []
    time = ImageRequest("rehearsal", config.model, training=timed_by(config))
    seen = ImageRequest("augmented", config.model, training=seen_by(config))
    is_known = run is not None and run.status is Status.DONE and _is_of(run, config)
    return ([] if is_text else [seen]) + ([] if is_known else [time])


def _is_of(run: Run, config: FineTuningConfig) -> bool:
    """Tell whether a run is the training that the form asks for."""
    asked = run.config
    if not isinstance(asked, FineTuningConfig):
        return False
    augmentation = asked.schedule.augmentation or config.schedule.augmentation
    return config == replace(asked, schedule=replace(asked.schedule, augmentation=augmentation))


def _show(answers: Answers, epochs: int | None) -> None:
    for asked in answers.values():
        if asked.answer.rehearsal is not None:
            sentence = asked.answer.rehearsal.sentence(epochs)
            st.caption(f":material/timer: **{escaped(sentence)}**", help=HELP)
        if asked.answer.seen:
            _pictures(asked)


def _pictures(asked: lane.Asked) -> None:
    st.caption("**What the network will see**: the first pictures of the first step.")
    folder = interactive.files(asked.key) / FOLDER
    with st.container(horizontal=True, gap="small"):
        for k, seen in enumerate(asked.answer.seen):
            file = folder / f"{k}.png"
            with st.container(width=SIDE, gap="xsmall"):
                if file.is_file():
                    words = _words(seen)
                    st.image(enlarged_png(file.read_bytes(), SIDE), output_format="PNG", alt=words)
                    st.caption(escaped(words))


def _words(seen: Seen) -> str:
    """Return what a picture counts as, such as `cat` or `cat 70 %, dog 30 %`."""
    if len(seen.classes) == 1:
        return seen.classes[0]
    pairs = zip(seen.classes, seen.shares, strict=True)
    return ", ".join(f"{name} {percent(share, 0)}" for name, share in pairs)
