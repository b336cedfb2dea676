"""`usable slices`: on which of the examples is a model worse than on the rest?"""

from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, share, table
from usable_core.errors import ConfigError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.runs import RunStore
from usable_core.slicing import worst_slices
from usable_core.verdicts.slices import LEAST, Slices


def slices(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run of accuracy.")],
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Read looks and columns of the pictures from these data, not from the run.",
        ),
    ] = None,
    least: Annotated[int, typer.Option(min=1, help="Smallest number of examples.")] = LEAST,
    json: JsonOption = None,
) -> None:
    """Find the slices on which a model is worse: class, brightness, size, the data's own columns.

    The p-values are corrected for the number of slices searched.
    """
    store = RunStore()
    task = store.get(run).task
    if task != "accuracy":
        raise ConfigError(
            f"Run {run} is of the task {task}; slices are those of a run of accuracy. Choose "
            "another run (see `usable runs`)."
        )
    result = store.load(run)
    if not isinstance(result, AccuracyResult):
        raise TypeError(f"run {run} has a {type(result).__name__}")
    found = worst_slices(result, dataset, least=least)
    answer({"run": run, **found.summary()}, json, lines(found))


def lines(found: Slices) -> list[Line]:
    """Return what was found for people."""
    said: list[Line] = [found.sentence]
    if found.worst:
        rows = [
            (one.text, share(one.found), f"{one.found.n:,}", share(one.elsewhere), one.p_text)
            for one in found.worst
        ]
        said += [
            "",
            table("slice", "right there", "n", "elsewhere", "p, corrected", rows=rows),
        ]
    return [*said, f"Searched: {', '.join(found.columns)}, alone and in pairs."]
