"""`usable runs`: what was asked before."""

import socket
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from usable_core import jobs, settings
from usable_core.catalog import lookup
from usable_core.cli.ask import give
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, columns, remark, run_task, table
from usable_core.records import to_json
from usable_core.runs import RunStore
from usable_core.runs.description import checked_tags
from usable_core.runs.run import RunHead, Wanted
from usable_core.tasks import TASKS

app = typer.Typer(help="List, show, name, tag, repeat, cancel or delete runs.")
MOST = 1_000_000  # runs in a list
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context, json: JsonOption = None) -> None:
    """List the newest runs."""
    jobs.recover()  # what is said of runs is true
    if context.invoked_subcommand is None:
        list_runs(json=json)


@app.command("list")
def list_runs(
    task: Annotated[str | None, typer.Option(help=f"Only these runs: {', '.join(TASKS)}.")] = None,
    search: Annotated[
        str,
        typer.Option(
            help="Only runs with these words in id, title, name, note, tags, task, status, model, "
            "data, owner."
        ),
    ] = "",
    mine: Annotated[
        bool, typer.Option("--mine", help="Only your own runs, by your user name here.")
    ] = False,
    owner: Annotated[
        list[str] | None, typer.Option(help="Only runs of this owner; several: of any of them.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only runs with this tag; several: with all of them.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most this many.")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=MOST, help="Pass over so many newer ones.")] = 0,
    json: JsonOption = None,
) -> None:
    """List the newest runs."""
    if task is not None:
        lookup(TASKS, "task", task)
    me = settings.user()
    owners = [*(owner or ()), *([me] if mine else ())]
    wanted = Wanted(task and (task,), search=search, tags=tag or (), owners=owners or None)
    found = RunStore().listing(wanted, limit, offset)
    left = found.total - offset - len(found.runs) - len(found.unreadable)
    if left > 0:
        remark(f"{left:,} older runs are not shown. --limit, --offset and --search show them.")
    if found.unreadable:
        remark(_unreadable(found.unreadable))
    is_chosen = task or search or tag or owners or found.total
    nothing = "No run matches." if is_chosen else "No runs yet."
    shown = [_table(found.runs) if found.runs else nothing]
    data = {"runs": [_as_json(run) for run in found.runs], "total": found.total} if json else None
    answer(data, json, shown)


@app.command("show")
def show(run_id: RunId, json: JsonOption = None) -> None:
    """Show one run: its question, its state, and its answer's numbers."""
    store = RunStore()
    run = store.get(run_id)
    data = {**_as_json(run), "summary": run.summary, "config": to_json(run.config)}
    if told := store.elsewhere(run_id):
        remark(told)
    data["gone"] = () if told else store.gone(run_id)  # files of the answer that were deleted
    apart = ("summary", "config", "gone", "tags")
    rows = [(k, v) for k, v in data.items() if k not in apart and v is not None]
    rows += [("gone", name) for name in data["gone"]]
    rows += [("tag", tag) for tag in run.tags]
    rows += [(f"config.{k}", v) for k, v in data["config"].items()]
    rows += [(k, v) for k, v in (run.summary or {}).items() if not isinstance(v, (list, dict))]
    answer(data, json, [table("", "", rows=rows)])


@app.command("where")
def where(json: JsonOption = None) -> None:
    """Say where runs are kept: the database, and the folder of their files."""
    from usable_core.runs.database import place_of

    store = RunStore()
    data = {"database": place_of(settings.database_url()), "files": str(store.home)}
    data |= {"machine": socket.gethostname(), "runs": str(store.listing(limit=0).total)}
    answer(data, json, [table("", "", rows=list(data.items()))])


@app.command("edit")
def edit(
    run_id: RunId,
    name: Annotated[
        str | None, typer.Option(help="What it is called; empty gives its title back.")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="What is said about it; empty takes it back.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Give it this tag, too.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take this tag from it.")] = None,
    json: JsonOption = None,
) -> None:
    """Give a run a name, a note or tags, or take them back."""
    if name is None and note is None and not tag and not untag:
        raise typer.BadParameter("Give --name, --note, --tag or --untag.")
    store = RunStore()
    tags: list[str] | None = None
    if tag or untag:
        gone = {one.casefold() for one in checked_tags(untag or ())}
        tags = [
            one for one in (*store.get(run_id).tags, *(tag or ())) if one.casefold() not in gone
        ]
    run = store.describe(run_id, name=name, note=note, tags=tags)
    answer(_as_json(run), json, [f"{run.id}  {_called(run)}"])


@app.command("rerun")
def rerun(run_id: RunId, json: JsonOption = None) -> None:
    """Ask the question of a run again; one that ended early goes on from its finished parts."""
    store = RunStore()
    before = store.get(run_id)
    run, result = run_task(before.config)
    if run.id:
        run = store.describe(run.id, name=before.name, note=before.note, tags=before.tags)
    give(run, result, json)


@app.command("cancel")
def cancel(run_id: RunId, json: JsonOption = None) -> None:
    """Stop a run that waits or works."""
    jobs.cancel(run_id)
    answer({"run": run_id, "cancel": "requested"}, json, [f"Asked run {run_id} to stop."])


@app.command("delete")
def delete(run_id: RunId, json: JsonOption = None) -> None:
    """Delete a run and its files."""
    RunStore().delete(run_id)
    answer({"run": run_id, "deleted": True}, json, [f"Deleted run {run_id}."])


def _unreadable(ids: Sequence[str]) -> str:
    """Return the sentence about rows that another version wrote, or that are damaged."""
    named = ", ".join(ids[:3]) + ", …" * (len(ids) > 3)
    return (
        f"Note: {len(ids)} of these runs cannot be read by this version of Usable and are left out "
        f"({named}). `usable runs show ID` says why, `usable runs delete ID` deletes one."
    )


def _table(runs: Sequence[RunHead]) -> str:
    """Return runs as lines; those of several machines or of other owners say which."""
    heads = ["Run", "Status", "Asked (UTC)", "Result", ""]
    rows = [
        [r.id, r.status, f"{r.created:%Y-%m-%d %H:%M}", r.result or "", _called(r)] for r in runs
    ]
    if any(run.owner not in (None, settings.user()) for run in runs):
        heads.append("Owner")
        rows = [[*row, run.owner or ""] for row, run in zip(rows, runs, strict=True)]
    if len({run.host for run in runs}) > 1:
        heads.append("Machine")
        rows = [[*row, run.host or ""] for row, run in zip(rows, runs, strict=True)]
    return columns(*heads, rows=rows)


def _called(run: RunHead) -> str:
    """Return what a run is called, and its tags: `Accuracy of bundled/vgg on Digits  #first`."""
    return "  ".join([run.called, *(f"#{tag}" for tag in run.tags)])


def _as_json(run: RunHead) -> dict[str, Any]:
    """Return what a list says of a run."""
    times = {
        name: moment.isoformat() if (moment := getattr(run, name)) is not None else None
        for name in ("created", "started", "finished")
    }
    of_work = ("id", "task", "title", "seconds", "done", "total", "message", "error", "answered_by")
    names = (*of_work, "parent", "name", "note", "result", "owner", "host")
    facts = {name: getattr(run, name) for name in names}
    facts["tags"] = list(run.tags)
    about = {"model": run.model_name, "data": run.data_name}
    return {**facts, **about, "status": str(run.status), **times}
