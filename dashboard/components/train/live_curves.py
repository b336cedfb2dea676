"""The curves of a training, live and afterwards, with earlier ones on the same data behind."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.names import model_title
from dashboard.components.shared.run_panel import PLOT_CONFIG, said_unmoved
from usable_core.runs.run import Run, Status

NEWEST, MOST = 3, 5  # earlier trainings that are shown at first, and at most


def curves_with_earlier(run: Run | None) -> Callable[[Run], None]:
    """Ask which earlier trainings are drawn behind a run's curves, and return what draws them."""
    earlier = {} if run is None else _comparable(run)
    if run is None or not earlier:
        return partial(_curves, behind=())
    same = [name for name, one in earlier.items() if one.config.model == run.config.model]
    state.read_address(state.FINE_TUNE_BEHIND, same[:NEWEST], MOST)
    kept = [name for name in st.session_state[state.FINE_TUNE_BEHIND] if name in earlier]
    st.session_state[state.FINE_TUNE_BEHIND] = kept
    chosen = st.multiselect(
        "Earlier trainings on these data, behind",
        list(earlier),
        format_func=lambda name: _title(earlier[name]),
        max_selections=MOST,
        key=state.FINE_TUNE_BEHIND,
        placeholder="None",
        help="Their validation is drawn faintly. Those of the same backbone at first.",
    )
    state.write_address(state.FINE_TUNE_BEHIND, chosen)
    return partial(_curves, behind=[earlier[name] for name in chosen])


def _comparable(run: Run) -> dict[str, Run]:
    """Return the other finished trainings on the same data, newest first, by their ids."""
    return {
        one.id: one
        for one in stored.runs("finetune", only_done=True)
        if one.id != run.id
        and not one.answered_by
        and one.config.dataset.reference == run.config.dataset.reference
    }


def _title(run: Run) -> str:
    """Return what tells trainings on the same data apart."""
    config = run.config
    method = "probe" if config.method == "linear_probe" else "full"
    how = "from scratch" if config.from_scratch else f"λ {config.task_weight:g}"
    is_plain = not (config.from_scratch or config.is_joint)
    words = [run.name or model_title(config.model.reference), method]
    result = [run.result] if run.result else []
    return ", ".join([*words, *([] if is_plain else [how]), *result, f"{run.created:%d %b %H:%M}"])


def _curves(run: Run, behind: Sequence[Run]) -> None:
    if (not run.metrics and run.status is not Status.DONE) or said_unmoved(run):
        return
    from usable_core.plots.training import Behind, pace_curves, training_curves

    store = stored.store()
    events = store.events(run.id)
    drawn = [Behind(_title(one), store.events(one.id)) for one in behind]
    loss = training_curves(events, state.theme(), drawn)
    st.plotly_chart(
        loss,
        key=f"curves_{run.id}",
        config=PLOT_CONFIG,
        alt="Loss and accuracy after each epoch, in training and in validation",
    )
    pace = pace_curves(events, state.theme())
    if pace is not None:
        st.plotly_chart(
            pace,
            key=f"pace_{run.id}",
            config=PLOT_CONFIG,
            alt="Learning rate and examples a second against the epoch",
        )
