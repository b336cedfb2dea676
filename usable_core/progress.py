"""How far the work is, drawn for a person at a terminal or a notebook; else silent."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

from rich import progress
from rich.console import Console

from usable_core.evaluations.specs import Report

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Give a `Report` that draws a bar on standard error where somebody sees it."""
    console = Console(stderr=True)
    is_notebook = console.is_jupyter and find_spec("ipywidgets") is not None
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        disable=not (console.is_terminal or is_notebook),
        redirect_stdout=False,
    )
    with bar:
        line = bar.add_task("Starting", total=None)

        def report(done: int, total: int, message: str, **metrics: float) -> None:
            numbers = " ".join(f"{name}={value:.3g}" for name, value in metrics.items())
            text = f"{message} {numbers}".strip().replace("[", "\\[")
            bar.update(line, completed=done, total=total or None, description=text)

        yield report


def showing_progress(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Return a function that draws a bar where it is called without its keyword `report`."""

    @functools.wraps(function)
    def shown(*args: Parameters.args, **settings: Parameters.kwargs) -> Returned:
        if "report" in settings:
            return function(*args, **settings)
        with progress_bar() as report:
            settings["report"] = report
            return function(*args, **settings)

    return shown
