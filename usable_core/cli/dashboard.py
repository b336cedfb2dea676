"""`usable dashboard`: the browser."""

import ipaddress
import os
import re
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.errors import ConfigError, quoted
from usable_core.runs import RunStore
from usable_core.tasks import TASKS

WAIT_SECONDS = 60.0  # at most, for the server to answer
POLL_SECONDS = 0.2
_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the local server.")] = 8501,
    run: Annotated[str | None, typer.Option(help="Begin with this run: its id.")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Open no browser; none is where there is no display.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(metavar="IP", help="Listen there, 0.0.0.0: everywhere; else on 127.0.0.1."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name or IP by which browsers may call it, without a port; *.example.org stands "
            "for all below it. Several are allowed; without any, only this machine's own.",
        ),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Open the dashboard in the browser; Ctrl-C ends it."""
    options = place_options(address, allow_host or ())
    home = Path(__file__).parents[2] / "dashboard" / "Home.py"
    if not home.is_file():
        raise ConfigError(f"The dashboard should be at {home}, but is not. Install Usable again.")
    url = f"http://localhost:{port}/{page_of(run)}"
    answer({"url": url}, json, [f"Usable is at {url}"])
    sys.stdout.flush()
    command = [sys.executable, "-m", "streamlit", "run", str(home), "--server.port", str(port)]
    command += options
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


def place_options(address: str | None, names: Sequence[str]) -> list[str]:
    """Return Streamlit's options for where the server listens and by which names it is called.

    Raises:
        ConfigError: it is no address, or nobody could call it there.
    """
    if address is not None and not _is_address(address):
        raise ConfigError(
            "--address is an IP address of this machine, such as 0.0.0.0, but is "
            f"{quoted(address)}. Names go into --allow-host."
        )
    if address is not None and ipaddress.ip_address(address).is_unspecified and not names:
        raise ConfigError(
            f"On {address} the dashboard would answer no other machine: say what people call this "
            "one by --allow-host (several are allowed)."
        )
    for name in names:
        if not (_NAME.fullmatch(name) or _is_address(name)):
            raise ConfigError(
                "--allow-host is a name or an IP address without a port, such as "
                f"usable.example.org, but is {quoted(name)}."
            )
    allowed = [word for name in names for word in ("--server.allowedHosts", name)]
    return [*(() if address is None else ("--server.address", address)), *allowed]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
