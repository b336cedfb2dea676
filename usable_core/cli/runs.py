"""`usable runs`: what was asked before."""

from typing import Annotated, Any

import typer

from usable_core import jobs
from usable_core.catalog import lookup
from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, table
from usable_core.records import to_json
from usable_core.runs import Run, RunStore
from usable_core.tasks import TASKS

app = typer.Typer(help="List, show, cancel or delete runs.")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context, json: JsonOption = None) -> None:
    """List the newest runs."""
    if context.invoked_subcommand is None:
        list_runs(json=json)


@app.command("list")
def list_runs(
    task: Annotated[str | None, typer.Option(help=f"Only these runs: {', '.join(TASKS)}.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many.")] = 50,
    json: JsonOption = None,
) -> None:
    """List the newest runs."""
    if task is not None:
        lookup(TASKS, "task", task)
    found = RunStore().list(task=task, limit=limit)
    rows = [(r.id, r.status, f"{r.created:%Y-%m-%d %H:%M}", r.title) for r in found]
    lines = [table("Run", "Status", "Asked (UTC)", "", rows=rows)] if rows else ["No runs yet."]
    answer({"runs": [_as_json(run) for run in found]}, json, lines)


@app.command("show")
def show(run_id: RunId, json: JsonOption = None) -> None:
    """Show one run: its question, its state, and its answer's numbers."""
    run = RunStore().get(run_id)
    data = _as_json(run)
    rows = [(k, v) for k, v in data.items() if k not in ("summary", "config") and v is not None]
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


def _as_json(run: Run) -> dict[str, Any]:
    """Return what a reader of a run wants to know."""
    times = {
        name: moment.isoformat() if (moment := getattr(run, name)) is not None else None
        for name in ("created", "started", "finished")
    }
    names = ("id", "task", "title", "seconds", "done", "total", "message", "error", "answered_by")
    facts = {name: getattr(run, name) for name in (*names, "parent", "summary")}
    return {**facts, "status": str(run.status), **times, "config": to_json(run.config)}
