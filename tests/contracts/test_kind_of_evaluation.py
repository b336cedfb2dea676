"""A new kind of evaluation is one file and one row: here a toy, asked, stored, shown, compared."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest
import typer
from made_results import accuracy_result

from usable_core import tasks
from usable_core.cli import runs
from usable_core.cli.ask import add_commands
from usable_core.comparison import score_card
from usable_core.evaluations.result import Answer, Number
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.metrics.classification import share
from usable_core.runs import RunStore


@dataclass(frozen=True)
class ToyConfig:
    """How often are the first examples right?

    Attributes:
        model: The model.
        dataset: The data.
        first: How many examples.
    """

    model: ModelSpec
    dataset: DatasetSpec
    first: int = 2
    same: ClassVar[tuple[str, ...]] = ("first",)


@dataclass(frozen=True)
class ToyResult(Answer):
    """The first examples."""

    config: ToyConfig
    provenance: Provenance
    records: pd.DataFrame

    @property
    def n(self):
        return len(self.records)

    def numbers(self):
        return (Number("accuracy", share(self.records["correct"].to_numpy())),)

    def outcomes(self):
        return self.records

    def to_frame(self):
        return self.records

    def summary(self):
        return {"n": self.n}


def measure(*, model, dataset, config, report, folder):
    whole = accuracy_result([0, 1, 2, 0], [0, 1, 2, 1])
    outcomes = whole.outcomes().head(config.first)
    return ToyResult(config, replace(whole.provenance, model=config.model.reference), outcomes)


def lines(run, result):
    return [f"The toy of {result.n}."]


@pytest.fixture
def toy(monkeypatch):
    row = tasks.Task(
        title="Toy",
        config=ToyConfig,
        result=ToyResult,
        function=f"{__name__}:measure",
        command="evaluate toy",
        help="Measure a toy.",
        lines=f"{__name__}:lines",
        figure="usable_core.plots.accuracy:accuracy_bars",
    )
    monkeypatch.setitem(tasks.TASKS, "toy", row)
    loaded = {name: SimpleNamespace(fingerprint=name) for name in ("model", "dataset")}
    monkeypatch.setattr(tasks, "resolve", lambda config: loaded)
    monkeypatch.setattr(tasks, "key", lambda config, objects: str(hash(config)))
    return row


def test_a_row_is_a_command_a_stored_run_and_a_comparison(toy, capsys):
    app = typer.Typer()
    add_commands(app)
    app.command("compare")(runs.compare)

    def ask(*words):
        app([*words], standalone_mode=False)
        return capsys.readouterr().out

    said = ask("evaluate", "toy", "--model", "a", "--dataset", "digits", "--first", "3")
    others = [
        json.loads(ask("evaluate", "toy", "--model", m, "--dataset", "digits", "--json", "-"))
        for m in ("a", "b")
    ]

    assert "The toy of 3." in said
    found = json.loads(ask("compare", *(o["run"] for o in others), "--json", "-"))
    assert [pair["n"] for pair in found["pairs"]] == [2]
    assert len(RunStore().list("toy")) == 3
    table = score_card([RunStore().load(o["run"]) for o in others])
    assert table["metric"].tolist() == ["Accuracy", "Accuracy"]
