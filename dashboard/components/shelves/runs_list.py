"""All runs, a page at a time: searched, filtered, chosen for their details or to be deleted."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import escaped, link
from dashboard.components.shelves.choosing import delete_button
from dashboard.components.shelves.run_words import tag_several
from dashboard.components.shelves.runs_table import runs_table, status_text
from usable_core.errors import UnknownName, UsableError
from usable_core.runs.run import Listing, RunHead, Status, Wanted
from usable_core.tasks import TASKS

ON_A_PAGE = 50
MOST_TAGS = MOST_OWNERS = 20  # that can be chosen among; a search finds each
COMPARED = tuple(name for name, task in TASKS.items() if task.figure)
QUESTION = "Delete these runs, their parts and their files for good?"
_REFUSED = "runs_refused"  # why runs could not be deleted


def runs_list() -> None:
    """Show the list; the one run that is chosen in it goes into the address."""
    wanted = _choose()
    for sentence in st.session_state.pop(_REFUSED, []):
        st.warning(escaped(sentence), icon=":material/warning:")
    found, number = _page(wanted)
    if not found.total:
        st.info("No run matches. Take back a word or a filter above.", icon=":material/search_off:")
        return
    chosen = runs_table(found.runs, key=state.RUNS_TABLE) if found.runs else []
    pages = -(-found.total // ON_A_PAGE)
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(pages, key=state.RUNS_PAGE)
        first = (number - 1) * ON_A_PAGE + 1
        last = min(number * ON_A_PAGE, found.total)
        st.caption(f"{first:,} to {last:,} of {found.total:,} runs, newest first")
    _note_unreadable(found.unreadable)
    if len(chosen) == 1:
        st.query_params[state.RUN] = chosen[0]
    elif chosen:
        st.query_params.pop(state.RUN, None)
        _several([run for run in found.runs if run.id in chosen])


def _page(wanted: Wanted) -> tuple[Listing, int]:
    """Return the chosen page of the list and its number, the last one where it has shrunk."""
    number = st.session_state.get(state.RUNS_PAGE, 1)
    found = stored.listing(wanted, ON_A_PAGE, (number - 1) * ON_A_PAGE)
    last = max(1, -(-found.total // ON_A_PAGE))
    if number > last:
        number = st.session_state[state.RUNS_PAGE] = last
        found = stored.listing(wanted, ON_A_PAGE, (number - 1) * ON_A_PAGE)
    return found, number


def _choose() -> Wanted:
    """Ask for words, tasks and states; the address holds them, so that a list can be sent."""
    state.read_address(state.RUNS_SEARCH, [""])
    words = st.text_input(
        "Search",
        key=state.RUNS_SEARCH,
        placeholder="Words of its name, tags, note, title, model, data, task, state, owner or id",
        icon=":material/search:",
        on_change=_first_page,
        label_visibility="collapsed",
    )
    state.write_address(state.RUNS_SEARCH, [words] if words else [])
    titles = {name: task.title for name, task in TASKS.items()}
    tasks = _pills("Task", titles, state.RUNS_TASK)
    looks = {str(status): status_text(status) for status in Status}
    statuses = _pills("Status", looks, state.RUNS_STATUS)
    tags = _pills(
        "Tags", {tag: f"#{tag}" for tag in stored.store().tags()[:MOST_TAGS]}, state.RUNS_TAGS
    )
    owners = _pills("Owner", _owners(), state.RUNS_OWNERS)
    wanted = [Status(name) for name in statuses] or None
    return Wanted(tasks or None, wanted, words, tags, owners or None)


def _owners() -> dict[str, str]:
    """Return who asked runs, the visitor first; nobody where all runs are the visitor's."""
    me = visitor.name()
    others = [name for name in stored.store().owners() if name != me]
    return {me: "Mine", **{name: escaped(name) for name in others[:MOST_OWNERS]}} if others else {}


def _pills(label: str, titles: dict[str, str], key: str) -> list[str]:
    if not titles:
        return []
    state.read_address(key, [], most=len(titles) + 1)  # of one, too, a list
    st.session_state[key] = [name for name in st.session_state[key] if name in titles]
    chosen = st.pills(
        label,
        list(titles),
        selection_mode="multi",
        key=key,
        wrap=True,
        format_func=titles.get,
        on_change=_first_page,
        label_visibility="collapsed",
    )
    state.write_address(key, list(chosen))
    return list(chosen)


def _first_page() -> None:
    """Begin anew with other runs than before."""
    st.session_state[state.RUNS_PAGE] = 1


def _several(runs: Sequence[RunHead]) -> None:
    """Offer to compare, tag and delete the chosen runs."""
    over = [run for run in runs if run.status.is_over]
    compared = [r.id for r in runs if r.status is Status.DONE and r.task in COMPARED]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(compared) > 1:
            link("compare", f"Compare {len(compared)} runs", "balance", {state.RUN: compared})
        tag_several(runs)
        if over:
            ids = [run.id for run in over]
            delete_button(
                f"Delete {len(over)} runs", QUESTION, _delete, ids, state.RUNS_DELETE_SEVERAL
            )
        if len(over) < len(runs):
            st.caption(f"{len(runs) - len(over)} of the chosen are not over: cancel them first.")


def _note_unreadable(ids: Sequence[str]) -> None:
    """Say which rows of the page are left out, and offer to delete them."""
    if ids:
        with st.container(horizontal=True, vertical_alignment="center"):
            label = f"Delete {len(ids)} unreadable"
            delete_button(label, QUESTION, _delete, ids, state.RUNS_DELETE_UNREADABLE)
            st.caption(
                f"{len(ids)} runs of this page were stored by another version of Usable, or are "
                f"damaged, and are not listed: {escaped(', '.join(ids))}."
            )


def _delete(ids: Sequence[str]) -> None:
    """Delete runs; why one cannot be is said by the next look."""
    refused = []
    for run_id in ids:
        try:
            stored.store().delete(run_id)
        except UnknownName:  # another tab was quicker, or it was a part of one of these
            continue
        except UsableError as error:
            refused.append(str(error))
    st.session_state[_REFUSED] = list(dict.fromkeys(refused))
