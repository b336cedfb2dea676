"""The command of each row of `TASKS`: its options are the fields of the row's config."""

from collections.abc import Callable
from typing import Annotated

import typer

from usable_core import answering, tasks
from usable_core.catalog import implementation
from usable_core.cli.options import JsonOption, RayOption, expanded
from usable_core.cli.output import answer, how_to_open, progress_bar, run_task
from usable_core.evaluations.result import Config, Result
from usable_core.runs.run import Run
from usable_core.task import Task
from usable_core.tasks import TASKS

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say only how long it will take.")]


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

    def ask_or_tell(config: Config, dry_run: DryRunOption = False, json: JsonOption = None) -> None:
        tell_time(task, config, json) if dry_run else give(*run_task(config), json)

    def ask_cluster(config: Config, ray: RayOption = None, json: JsonOption = None) -> None:
        give(*run_task(config), json)

    chosen: Callable[..., None]
    chosen = ask_cluster if task.is_spread else ask_or_tell if task.rehearsal else ask
    chosen.__annotations__ |= {"config": task.config}
    return expanded(chosen)


def tell_time(task: Task, config: Config, json: str | None) -> None:
    """Print how long a question takes to answer, from its first steps; nothing is stored."""
    tasks.check_names(config)
    with progress_bar() as report:
        objects = answering.resolve(config)
        found = implementation(task.rehearsal)(**objects, config=config, report=report)
    answer({**vars(found), "seconds": found.seconds()}, json, [found.sentence()])
