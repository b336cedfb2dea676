"""`usable demo` and `usable dashboard`: the tour, and the browser."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table

from usable_core.cli.options import JsonOption, SeedOption
from usable_core.cli.output import answer, run_task, table, with_run
from usable_core.errors import ConfigError
from usable_core.evaluations.demo import DemoConfig, DemoResult


def demo(
    epochs: Annotated[int, typer.Option(help="Of fine-tuning.")] = DemoConfig.epochs,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Fine-tune two bundled backbones on digits, measure and explain them: at most 3 minutes."""
    run, found = run_task(DemoConfig(epochs=epochs, seed=seed))
    result = cast(DemoResult, found)
    rows = result.records.astype(str).to_numpy().tolist()
    lines: list[str | Table] = [
        table(*map(str, result.records.columns), rows=rows),
        "See it with `usable dashboard`, on the page Compare.",
    ]
    answer(with_run(run, result.summary()), json, lines)


def dashboard(
    port: Annotated[int, typer.Option(help="Port of the local server.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    json: JsonOption = None,
) -> None:
    """Open the dashboard in the browser; Ctrl-C ends it."""
    home = Path(__file__).parents[2] / "dashboard" / "Home.py"
    if not home.is_file():
        raise ConfigError(f"The dashboard should be at {home}, but is not. Install Usable again.")
    answer({"url": f"http://localhost:{port}"}, json)
    command = [sys.executable, "-m", "streamlit", "run", str(home), "--server.port", str(port)]
    command += ["--server.headless", "true"] if headless else []
    # Streamlit reads its settings (theme, limits) from the working directory: the checkout's.
    status = subprocess.run(command, cwd=home.parents[1], check=False).returncode
    if status not in (0, 130, -2):
        raise ConfigError(
            f"The dashboard's server ended with status {status}. Is port {port} taken? Choose "
            "another with --port."
        )
