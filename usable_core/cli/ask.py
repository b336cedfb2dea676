"""The command of each row of `TASKS`: its options are the fields of the row's config."""

from collections.abc import Callable

import typer

from usable_core.catalog import implementation
from usable_core.cli.options import JsonOption, expanded
from usable_core.cli.output import answer, how_to_open, run_task
from usable_core.evaluations.result import Config, Result
from usable_core.runs.run import Run
from usable_core.tasks import TASKS, Task


def add_commands(app: typer.Typer) -> None:
    """Add every kind of question to the command line, under the words that its row says."""
    groups: dict[str, typer.Typer] = {"": app}
    for task in (row for row in TASKS.values() if row.command):
        group, _, name = task.command.rpartition(" ")
        if group not in groups:
            help_ = "Measure a model on a data set."
            groups[group] = typer.Typer(help=help_, no_args_is_help=True)
            app.add_typer(groups[group], name=group)
        groups[group].command(name, help=task.help)(_command(task))


def give(run: Run, result: Result, json: str | None) -> None:
    """Print the answer of a run of any kind."""
    task = TASKS[run.task]
    data = {**result.summary(), "run": run.id or None, "answered_by": run.answered_by}
    if task.makes_model:
        data["reference"] = run.reference
    answer(data, json, [*implementation(task.lines)(run, result), *how_to_open(run)])


def _command(task: Task) -> Callable[..., int | None]:
    def ask(config: Config, json: JsonOption = None) -> None:
        give(*run_task(config), json)

    ask.__annotations__ |= {"config": task.config}
    return expanded(ask)
