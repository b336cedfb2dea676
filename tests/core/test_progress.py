"""Progress of Python's functions: drawn where somebody looks, told to whoever asks."""

import inspect
import io

import pytest
from rich.console import Console

import usable_core as usable
from usable_core import progress
from usable_core.progress import showing_progress


@showing_progress
def work(*, report=lambda *_, **__: None):
    report(1, 2, "Epoch [1]", loss=0.5)
    return report


def test_a_bar_is_drawn_at_a_terminal_and_nothing_elsewhere(monkeypatch, capsys):
    drawn = io.StringIO()
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=drawn, force_terminal=True, width=100)
    )
    work()
    assert "Epoch [1] loss=0.5" in drawn.getvalue()
    assert "1/2" in drawn.getvalue()

    monkeypatch.undo()
    work()
    assert capsys.readouterr() == ("", "")


def test_whoever_gives_a_report_is_told_alone(monkeypatch):
    monkeypatch.setattr(progress, "Console", lambda **_: pytest.fail("a bar was made"))
    told = []

    def report(done, total, message, **numbers):
        told.append((done, total, message, numbers))

    assert work(report=report) is report
    assert told == [(1, 2, "Epoch [1]", {"loss": 0.5})]


def test_every_function_of_python_that_takes_a_report_shows_it():
    functions = [f for f in map(usable.__getattr__, usable.__all__) if inspect.isfunction(f)]
    takes = [f for f in functions if "report" in inspect.signature(f).parameters]

    assert len(takes) >= 8
    assert [f.__name__ for f in takes if not hasattr(f, "__wrapped__")] == []
