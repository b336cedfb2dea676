"""`usable runs`: what was asked before."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from usable_core import jobs
from usable_core.catalog import lookup
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, columns, remark, table
from usable_core.records import to_json
from usable_core.runs import RunStore
from usable_core.runs.run import RunHead, Wanted
from usable_core.tasks import TASKS

app = typer.Typer(help="List, show, cancel or delete runs.")
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
        typer.Option(help="Only runs with these words in id, title, task, status, model, data."),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most this many.")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=MOST, help="Pass over so many newer ones.")] = 0,
    json: JsonOption = None,
) -> None:
    """List the newest runs."""
    if task is not None:
        lookup(TASKS, "task", task)
    found = RunStore().listing(Wanted(task and (task,), search=search), limit, offset)
    rows = [(r.id, r.status, f"{r.created:%Y-%m-%d %H:%M}", r.title) for r in found.runs]
    left = found.total - offset - len(rows) - len(found.unreadable)
    if left > 0:
        remark(f"{left:,} older runs are not shown. --limit, --offset and --search show them.")
    if found.unreadable:
        remark(_unreadable(found.unreadable))
    nothing = "No run matches." if task or search or found.total else "No runs yet."
    lines = [columns("Run", "Status", "Asked (UTC)", "", rows=rows)] if rows else [nothing]
    answer({"runs": [_as_json(run) for run in found.runs], "total": found.total}, json, lines)


@app.command("show")
def show(run_id: RunId, json: JsonOption = None) -> None:
    """Show one run: its question, its state, and its answer's numbers."""
    store = RunStore()
    run = store.get(run_id)
    data = {**_as_json(run), "summary": run.summary, "config": to_json(run.config)}
    data["gone"] = store.gone(run_id)  # files of the answer that were deleted
    apart = ("summary", "config", "gone")
    rows = [(k, v) for k, v in data.items() if k not in apart and v is not None]
    rows += [("gone", name) for name in data["gone"]]
    rows += [(f"config.{k}", v) for k, v in data["config"].items()]
    rows += [(k, v) for k, v in (run.summary or {}).items() if not isinstance(v, (list, dict))]
    answer(data, json, [table("", "", rows=rows)])


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


def _as_json(run: RunHead) -> dict[str, Any]:
    """Return what a list says of a run."""
    times = {
        name: moment.isoformat() if (moment := getattr(run, name)) is not None else None
        for name in ("created", "started", "finished")
    }
    names = ("id", "task", "title", "seconds", "done", "total", "message", "error", "answered_by")
    facts = {name: getattr(run, name) for name in (*names, "parent")}
    about = {"model": run.model_name, "data": run.data_name}
    return {**facts, **about, "status": str(run.status), **times}
