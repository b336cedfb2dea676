"""`usable compare`: several answers side by side, and a sentence about each pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from usable_core.catalog.metrics import METRICS
from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, table
from usable_core.errors import ConfigError
from usable_core.evaluations.result import Condition, Measured
from usable_core.runs import RunStore
from usable_core.runs.run import Status
from usable_core.runs.trained import titles_of
from usable_core.tasks import TASKS

if TYPE_CHECKING:
    from usable_core.comparison import Comparison

MOST = 10_000  # trainings that are looked through for names


def compare(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN", help="Two or more runs.")],
    json: JsonOption = None,
) -> None:
    """Compare runs on the same examples, pair by pair."""
    from usable_core.comparison import compare as compare_results
    from usable_core.comparison.leaders import said_of_each

    store = RunStore()
    results = [_result(store, run_id) for run_id in run_ids]
    comparison = compare_results(results, titles=_titles(store))
    best = list(said_of_each(comparison))
    found = {"runs": run_ids, **comparison.summary(), "best": best}
    answer(found, json, _lines(comparison, [str(one["sentence"]) for one in best]))


def _result(store: RunStore, run_id: str) -> Measured:
    task = store.get(run_id).task
    if not TASKS[task].figure:
        kinds = [name for name, row in TASKS.items() if row.figure]
        raise ConfigError(
            f"Run {run_id} is of the task {task}; only runs of {', '.join(kinds)} are "
            "compared. Choose other runs (see `usable runs`)."
        )
    return cast(Measured, store.load(run_id))


def _titles(store: RunStore) -> dict[str, str]:
    """Return what the models are called that were trained here, as on every page."""
    making = [name for name, row in TASKS.items() if row.makes_model]
    return titles_of(run for name in making for run in store.list(name, (Status.DONE,), limit=MOST))


def _lines(found: "Comparison", best: Sequence[str]) -> list[Line]:
    """Return the comparison for people: models, who is best, pairs, sentences, notes."""
    relative = [
        f"{METRICS[row['metric']].title} of {found.called(row['model'])} relative to "
        f"{found.called(row['reference'])}: {100 * row['value']:.1f} % "
        f"({100 * row['low']:.1f} % to {100 * row['high']:.1f} %)"
        for row in found.relative.to_dict("records")
    ]
    about = found.results[0].provenance
    return [
        f"{len(found.names)} models on {about.dataset} ({about.split})",
        _models(found),
        *relative,
        "",
        *best,
        "",
        *found.verdicts(),
        "",
        _pairs(found),
        *found.notes,
    ]


def _models(found: "Comparison") -> Line:
    best_first = found.table.sort_values("accuracy", ascending=False, kind="stable")
    rows = [
        (
            found.called(row["model"]),
            *_place(found, row),
            f"{100 * row['accuracy']:.1f} %",
            f"{100 * row['low']:.1f} % to {100 * row['high']:.1f} %",
            f"{row['n']:,}",
            row["group"] or "not ranked",
        )
        for row in best_first.sort_values(list(found.conditions), kind="stable").to_dict("records")
    ]
    heads = ("accuracy", "95 % interval", "n", "group")
    return table("model", *["at"] * _has_places(found), *heads, rows=rows)


def _pairs(found: "Comparison") -> Line:
    from usable_core.comparison.verdicts import points, sides

    rows = []
    for row in found.pairs.to_dict("records"):
        pair = sides(row)
        rows.append(
            (
                f"{found.called(pair.ahead)} − {found.called(pair.behind)}",
                *_place(found, row),
                points(pair.difference, 2),
                f"{points(pair.low, 2)} to {points(pair.high, 2)}",
                f"{pair.only_ahead:,}",
                f"{pair.only_behind:,}",
                *(f"{row[name]:.2g}" for name in ("p", "p_holm")),
            )
        )
    heads = ("points", "95 % simultaneous", "only first right", "only second")
    tests = ("p (McNemar)", "p (Holm)")
    return table("pair", *["at"] * _has_places(found), *heads, *tests, rows=rows)


def _has_places(found: "Comparison") -> bool:
    """Tell whether something was measured under several conditions."""
    return bool(found.said(found.pairs.iloc[0].to_dict()))


def _place(found: "Comparison", row: Condition) -> list[str]:
    """Return the condition as a cell, where there are conditions."""
    said = found.said(row)
    return [said] if said else []
