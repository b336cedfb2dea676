"""`usable dashboard`: the browser."""

import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.errors import ConfigError
from usable_core.runs import RunStore
from usable_core.tasks import TASKS

WAIT_SECONDS = 60.0  # at most, for the server to answer
POLL_SECONDS = 0.2


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the local server.")] = 8501,
    run: Annotated[str | None, typer.Option(help="Begin with this run: its id.")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Open no browser; none is where there is no display.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Open the dashboard in the browser; Ctrl-C ends it."""
    home = Path(__file__).parents[2] / "dashboard" / "Home.py"
    if not home.is_file():
        raise ConfigError(f"The dashboard should be at {home}, but is not. Install Usable again.")
    url = f"http://localhost:{port}/{page_of(run)}"
    answer({"url": url}, json, [f"Usable is at {url}"])
    sys.stdout.flush()
    command = [sys.executable, "-m", "streamlit", "run", str(home), "--server.port", str(port)]
    # The browser is opened here, for Streamlit would open its first page only.
    command += ["--server.headless", "true"]
    # Streamlit reads its settings (theme, limits) from the working directory: the checkout's.
    server = subprocess.Popen(command, cwd=home.parents[1])
    if not headless and has_display():
        threading.Thread(target=_open, args=(url, port, server), daemon=True).start()
    try:
        status = server.wait()
    except BaseException:  # Ctrl-C reaches the server too; anything else must end it
        server.terminate()
        server.wait()
        raise
    if status not in (0, 130, -2):
        raise ConfigError(
            f"The dashboard's server ended with status {status}. Is port {port} taken? Choose "
            "another with --port."
        )


def page_of(run_id: str | None) -> str:
    """Return the address of a run within the dashboard; empty is its first page.

    Raises:
        UnknownName: there is no such run.
    """
    if run_id is None:
        return ""
    run = RunStore().get(run_id)
    task = TASKS[run.task]
    parameter = task.page_parameter if task.page else "run"
    return f"{task.page or 'runs'}?{parameter}={run.id}"


def has_display() -> bool:
    """Tell whether a browser that is opened would be seen."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(url: str, port: int, server: "subprocess.Popen[bytes]") -> None:
    """Open the browser once the server answers."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                webbrowser.open(url)
                return
        time.sleep(POLL_SECONDS)
