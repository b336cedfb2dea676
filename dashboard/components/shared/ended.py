"""Telling that a long job has ended, on whichever page one is, and in another tab or window.

A toast stands on the page; the tab's title begins with a tick until somebody looks; and the system
tells it where that was allowed by a click.
"""

import streamlit as st

from dashboard import memory, stored
from dashboard.components.shared.formats import escaped
from usable_core.errors import UsableError
from usable_core.runs.run import Status

LONG = 30.0  # s, from which on an end is told
LOOK_EVERY = "3s"
_RUNNING = "jobs_running"
_MARKS = {Status.DONE: "✓", Status.FAILED: "✗"}
_HTML = '<button type="button" class="ask" hidden>Notify me when long jobs end</button>'
_CSS = """
.ask { font: inherit; font-family: var(--st-font); font-size: 0.875rem; cursor: pointer;
  color: var(--st-text-color); background: transparent; padding: 0.25rem 0.75rem;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); }
.ask:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
_JS = """
const told = new Set()
const tick = /^[✓✗] /
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector(".ask")
  const canAsk = "Notification" in window && Notification.permission === "default"
  button.hidden = !(canAsk && data.isBusy)
  button.onclick = async () => { await Notification.requestPermission(); button.hidden = true }
  for (const { id, mark, words } of data.ended.filter(({ id }) => !told.has(id))) {
    told.add(id)
    document.title = `${mark} ${document.title.replace(tick, "")}`
    const look = () => {
      if (document.hidden) return
      document.title = document.title.replace(tick, "")
      document.removeEventListener("visibilitychange", look)
      window.removeEventListener("pointermove", look)
    }
    document.addEventListener("visibilitychange", look)
    window.addEventListener("pointermove", look)
    if ("Notification" in window && Notification.permission === "granted") {
      new Notification("Usable", { body: words, tag: id })
    }
  }
}
"""
_notice = st.components.v2.component("usable_ended", html=_HTML, css=_CSS, js=_JS)


def watch_jobs() -> None:
    """Tell each long job that ends from now on; where none is on its way, nothing looks again."""
    is_busy = bool(_active())

    @st.fragment(run_every=LOOK_EVERY if is_busy else None)
    def watch() -> None:
        ended = _ended()
        for one in ended:
            st.toast(escaped(f"{one['mark']} {one['words']}"))
        if is_busy or ended:  # else it would only take time: a component imports pandas
            _notice(key="ended", data={"isBusy": is_busy, "ended": ended})

    watch()


def _active() -> set[str]:
    try:
        return {row["id"] for row in stored.store().active_rows() if not row["parent"]}
    except UsableError:
        return set()


def _ended() -> list[dict[str, str]]:
    """Return the long jobs that were on their way when this tab looked last and are over."""
    before, now = memory.of_tab(_RUNNING), _active()
    ended = [run_id for run_id in before if run_id not in now]
    for run_id in ended:
        del before[run_id]
    before.update(dict.fromkeys(now))
    found = []
    for run_id in ended:
        try:
            run = stored.store().get(run_id)
        except UsableError:  # it was deleted
            continue
        if run.status in _MARKS and (run.seconds or 0) >= LONG:
            how = "is done" if run.status is Status.DONE else "has failed"
            words = f"{run.called} {how}."
            found.append({"id": run.id, "mark": _MARKS[run.status], "words": words})
    return found
