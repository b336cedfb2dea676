"""`usable dashboard`: the browser."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.errors import ConfigError


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the local server.")] = 8501,
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
