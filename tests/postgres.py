"""A PostgreSQL server of our own on loopback, from Debian's package, and databases in it."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path("/usr/lib/postgresql")  # one folder per version
USER, PASSWORD = "usable", "top:secret/@"
STARTING_SECONDS = 30.0


def programs() -> Path:
    """The newest installed server; without one the test is skipped, unless one is required."""
    found = sorted(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        end = pytest.fail if os.environ.get("USABLE_REQUIRE_POSTGRES") == "1" else pytest.skip
        end("needs a PostgreSQL server (Debian: apt install postgresql)")
    pytest.importorskip("psycopg")
    pytest.importorskip("alembic")
    return found[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A running server.

    `most` is how many connections it takes, `fsync` whether it waits for the disk.
    """

    folder: Path
    port: int
    most: int = 100
    fsync: str = "off"
    process: subprocess.Popen | None = None

    @property
    def identity(self) -> dict[str, str]:
        """An ordinary user: the server refuses root."""
        return {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}

    def make(self) -> None:
        if self.identity:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        command = [programs() / "initdb", "-D", self.folder / "data", "-U", USER, "--no-sync"]
        command += ["--auth-host=scram-sha-256", "--auth-local=trust", f"--pwfile={secret}"]
        command += ["-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **self.identity
        )

    def start(self) -> None:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "max_connections": self.most}
        options |= {"unix_socket_directories": self.folder, "superuser_reserved_connections": 0}
        options |= {"fsync": self.fsync}
        command = [programs() / "postgres", "-D", self.folder / "data"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, **self.identity
            )
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + STARTING_SECONDS
        while True:
            with contextlib.suppress(Exception):
                return self.run("SELECT 1")
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """As an administrator does it: whoever is connected is thrown out."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # "fast"
            self.process.wait(30)
            self.process = None

    def connection(self, database: str = "postgres") -> AbstractContextManager[Any]:
        """A connection of its administrator, over the socket."""
        import psycopg

        where = {"host": str(self.folder), "port": self.port, "user": USER, "dbname": database}
        return psycopg.connect(**where, autocommit=True)

    def run(self, statement: str, database: str = "postgres") -> list[tuple]:
        with self.connection(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str) -> str:
        from sqlalchemy import URL

        place = {"host": "127.0.0.1", "port": self.port, "database": database}
        made = URL.create("postgresql", USER, PASSWORD, **place)
        return made.render_as_string(hide_password=False)


@contextlib.contextmanager
def server(**settings: object) -> Iterator[Server]:
    programs()
    made = Server(Path(tempfile.mkdtemp(prefix="usable-postgres-")), free_port(), **settings)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)
