"""The dashboard's real server, and requests whose every header the test chooses."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / "dashboard" / "Home.py"
STREAMLIT = (sys.executable, "-m", "streamlit", "run", str(HOME))
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "streamlit",
}


@dataclass(frozen=True)
class Answer:
    """What the server said: the status, the headers by their names in small letters, the body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A dashboard that listens on 127.0.0.1."""

    port: int

    @property
    def name(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, path="/", *, method="GET", host=None, body=None, **headers):
        """Send one request; Host is the server's own unless it is said, an empty one is left out.

        Underscores in the names of headers stand for dashes.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": self.name if host is None else host, **headers}
        for name, value in sent.items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        text = b"" if answer.status == 101 else answer.read()
        connection.close()
        return Answer(answer.status, found, text)

    def opens_websocket(self, *, host=None, origin=None):
        """Tell whether the server takes a websocket of the pages."""
        answer = self.ask("/_stcore/stream", host=host, Origin=origin, **HANDSHAKE)
        return answer.status == 101


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(folder, *options, command=STREAMLIT, port_option="--server.port", port=None):
    """Run the dashboard from a folder of its own, with an empty store in it."""
    port = port or free_port()
    environment = os.environ | {
        "USABLE_HOME": str(folder / "home"),
        "USABLE_WORKER_IDLE_SECONDS": "5",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    environment.pop("USABLE_DATABASE_URL", None)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, port_option, str(port), *options],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    server = Server(port)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                # Its name is the first thing that a test may choose, so any answer will do.
                if server.ask("/_stcore/health").status:
                    break
            assert process.poll() is None, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)
