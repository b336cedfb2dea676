"""What every test shares: no network, its own home, real data where it lies at hand."""

import os
import socket
from pathlib import Path

import postgres
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images and public pretrained weights, which are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of public weights and images (../shared/data)")
    return SHARED


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """A fresh store per test."""
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("USABLE_DATABASE_URL", raising=False)
    monkeypatch.setenv("USABLE_RAY_ADDRESS", "")  # and what a command set is gone after the test
    monkeypatch.setenv("USABLE_WORKER_IDLE_SECONDS", "5")  # no worker outlives the tests for long


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server for all tests of a process."""
    with postgres.server() as made:
        made.run(f"CREATE DATABASE {postgres.USER}")
        yield made


@pytest.fixture
def team_store(server, own_home, monkeypatch):
    """An empty store in a database of that server, which `USABLE_DATABASE_URL` names."""
    monkeypatch.setenv("USABLE_DATABASE_URL", server.url(postgres.USER))
    if server.run("SELECT to_regclass('runs')", postgres.USER) != [(None,)]:
        server.run("TRUNCATE runs", postgres.USER)
    return server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.cluster)])
def each_store(request):
    """Each test twice: with a file of SQLite, and with a database of PostgreSQL."""
    if request.param == "postgresql":
        request.getfixturevalue("team_store")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse connections to other hosts; loopback is allowed."""
    connect = socket.socket.connect

    def guarded(self, address):
        is_inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_inet and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
