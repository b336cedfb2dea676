"""What every test shares: no network, its own home, real data where it lies at hand."""

import os
import socket
from pathlib import Path

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
    monkeypatch.setenv("USABLE_WORKER_IDLE_SECONDS", "5")  # no worker outlives the tests for long


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
