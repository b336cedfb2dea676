"""What tools that track experiments take: of each candidate of an evidence file, or of one run."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from usable_core import tasks
from usable_core.errors import StorageError
from usable_core.evaluations.result import Result
from usable_core.runs import Run, RunStore
from usable_core.verdict_files.document import numbers_of
from usable_core.verdict_files.figures import ends_of, figures, plain
from usable_core.verdict_files.form import CHAIN, Document
from usable_core.verdict_files.opening import opened
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdict_files.verifying import verify

_RUN = re.compile(r"[0-9a-z]{13}")
EPOCH = "epoch"


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """One run of a tracker.

    Attributes:
        name: What people call it.
        at: When its answer was there.
        figures: Every number by its name, the ends of its interval as `… low` and `… high`.
        params: What was asked.
        tags: What became of it, and where its files lie.
        curves: Numbers after each epoch of a training, with `epoch` among them, from 1.
        page: A file that shows it; None where there is none.
    """

    name: str
    at: datetime
    figures: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    curves: tuple[Mapping[str, float], ...] = field(default=())
    page: Path | None = None


@contextmanager
def tracked(what: str | Path) -> Iterator[list[Tracked]]:
    """Give what an evidence file, or the run of an id, is to a tracker.

    Raises:
        StorageError: the evidence file does not verify, or the run has no answer.
        UnknownName: there is neither a file nor a run.
    """
    if _RUN.fullmatch(str(what)) and not Path(what).exists():
        yield [of_run(RunStore(), str(what))]
        return
    document = verified(what)
    with opened(Path(what)) as found:
        models = document["summary"]["models"]
        yield [_of_candidate(document, model, found.page) for model in models]


def verified(path: str | Path) -> Document:
    """Return the JSON of an evidence file that verifies: nothing else is passed on.

    Raises:
        StorageError: it does not.
    """
    found = verify(path, sample=Sample(count=0))
    if found.document is None or not found.is_equal:
        part, why = found.problems[0]
        raise StorageError(
            f"The evidence does not verify, so nothing of it is passed on: {part}: {why}. Get the "
            "evidence file anew; `usable verify` tells all that differs."
        )
    return found.document


def of_run(store: RunStore, run_id: str) -> Tracked:
    """Return what a DONE run is to a tracker.

    Raises:
        UnknownName: there is no run of this id.
        StorageError: it has no answer, or its files are gone.
    """
    run, result = store.get(run_id), store.load(run_id)
    files = sorted(path for path in store.folder(run_id).iterdir() if path.is_file())
    facts = {"run": run.id, "task": run.task, "title": run.title, "owner": run.owner}
    facts |= {"note": run.note, "tags": ", ".join(run.tags), "result": run.result}
    facts |= {f"version.{name}": version for name, version in run.versions.items()}
    facts |= {f"artifact.{path.name}": str(path) for path in files}
    return Tracked(
        name=run.called,
        at=run.finished or run.created,
        figures=_figures(run, result),
        params=dict(_flat(tasks.config_to_json(run.config))),
        tags={f"usable.{name}": value for name, value in facts.items() if value},
        curves=_curves(result),
    )


def _figures(run: Run, result: Result) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in numbers_of(result):
        at = f" at {plain(one['at'])}" if one["at"] else ""
        found |= ends_of(f"{run.task}/{one['metric']}{at}", one)
    said = {} if found else run.summary or {}  # of a training
    single = {name: value for name, value in said.items() if isinstance(value, int | float)}
    return found | {f"{run.task}/{name}": float(value) for name, value in single.items()}


def _curves(result: Result) -> tuple[dict[str, float], ...]:
    """Return the rows of a training's records, which has one for each epoch; else nothing."""
    if not tasks.TASKS[tasks.name_of(result.config)].makes_model:
        return ()
    rows = result.records.select_dtypes("number").to_dict("records")
    return tuple(
        {str(name): float(value) for name, value in row.items() if math.isfinite(value)}
        for row in rows
        if EPOCH in row
    )


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield what a question holds by its names: `model.reference`."""
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from _flat(held, f"{name}.{key}" if name else str(key))
    elif value is not None and value != "":
        yield name, value if isinstance(value, str) else json.dumps(value)


def _of_candidate(document: Document, model: Mapping[str, Any], page: Path) -> Tracked:
    return Tracked(
        name=model["name"],
        at=datetime.fromisoformat(document["made"]["at"]),
        figures=figures(document, model),
        params=_params(document, model),
        tags=_tags(document, model),
        page=page,
    )


def _params(document: Document, model: Mapping[str, Any]) -> dict[str, str]:
    """Return what was asked: of which model and data, and what it must reach."""
    required = document["requirements"]
    data = {name: required["dataset"][name] for name in ("reference", "split", "limit", "seed")}
    asked = {name: required[name] for name in ("use", "set_by", "norm", "preset", "seed")}
    judge = required.get("judge") or {}
    asked |= {name: required.get(name, "") for name in ("kind", "swaps")}
    asked["judge"] = judge.get("reference", "")
    named = {"model": model["model"], **{f"dataset.{n}": v for n, v in data.items()}, **asked}
    rules = {f"require.{place:02}": text for place, text in enumerate(required["require"], 1)}
    return {name: str(value) for name, value in (named | rules).items() if value not in ("", None)}


def _tags(document: Document, model: Mapping[str, Any]) -> dict[str, str]:
    """Return what was decided, and by which evidence: the last link stands for every byte of it."""
    texts = {f"usable.{name}": model[name] for name in ("verdict", "sentence", "next_step")}
    return {
        **texts,
        "usable.evidence": document[CHAIN][-1]["linked"],
        "usable.version": str(document["made"]["versions"].get("usable", "")),
    }
