"""`usable slice …`: slices with names, and a run's numbers on one."""

from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer

from usable_core import saved_slices
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, table
from usable_core.errors import ConfigError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.result import Measured
from usable_core.records import to_json
from usable_core.runs import RunStore
from usable_core.runs.run import Status

MOST_DESCRIBED = 4  # answers of accuracy that are looked through for what pictures look like

app = typer.Typer(help="Slices of the examples, with names.", no_args_is_help=True)
Text = Annotated[
    str,
    typer.Argument(
        metavar="SLICE",
        help='What the examples have in common: "class dog and brightness below 0.2".',
    ),
]


@app.command("list")
def listed(json: JsonOption = None) -> None:
    """List the saved slices."""
    saved = saved_slices.saved()
    nothing = 'No slice is saved. Save one: usable slice save "dark dogs" "class dog and …"'
    rows = [(one.name, one.text) for one in saved]
    said: Sequence[Line] = [table("name", "slice", rows=rows)] if saved else [nothing]
    answer({"slices": to_json(saved)}, json, said)


@app.command()
def save(name: Annotated[str, typer.Argument(metavar="NAME")], text: Text) -> None:
    """Save a slice under a name, which pages, commands and Python then know."""
    saved_slices.save(name, text)


@app.command()
def delete(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Forget the slice of a name."""
    saved_slices.delete(name)


@app.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run that measured examples.")],
    name: Annotated[
        str, typer.Argument(metavar="SLICE", help="Name of a saved slice, or what it is in words.")
    ],
    json: JsonOption = None,
) -> None:
    """Say a run's numbers on a slice, recomputed from its examples."""
    store = RunStore()
    result = store.load(run)
    if not hasattr(result, "provenance"):
        raise ConfigError(f"Run {run} measured no examples. Choose another (see `usable runs`).")
    part = saved_slices.on_slice(cast(Measured, result), name, *described(store, run))
    found = {"run": run, "slice": part.text, "unknown": part.unknown, **part.result.summary()}
    answer(found, json, [f"{part.sentence}.", "", numbers(part.result)])


def described(store: RunStore, run: str) -> list[AccuracyResult]:
    """Return answers of accuracy on the data of a run, the same model's first."""
    asked: Any = store.get(run).config
    runs: list[Any] = store.list(task="accuracy", statuses=(Status.DONE,))
    data = asked.dataset and asked.dataset.reference
    found = [one for one in runs if one.config.dataset.reference == data and one.id != run]
    found.sort(key=lambda one: one.config.model != asked.model)
    return [cast(AccuracyResult, store.load(one.id)) for one in found[:MOST_DESCRIBED]]


def numbers(result: Measured) -> Line:
    """Return every number of an answer, with its interval and n."""
    rows = []
    for one in result.numbers():
        row, found = METRICS[one.metric], one.found
        value, low, high = (written(v, row.unit) for v in (found.value, found.low, found.high))
        rows.append((row.title, one.at, value, f"{low} to {high}", f"{found.n:,}"))
    return table("", "at", "value", "95 % interval", "n", rows=rows)
