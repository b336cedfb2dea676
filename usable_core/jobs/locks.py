"""File locks between processes: who holds one keeps it until released or dead, never longer."""

import os
import sys
from pathlib import Path
from types import TracebackType

from usable_core import settings

NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")  # one folder per device, readable without CUDA


class FileLock:
    """A lock that the operating system frees when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock and return True, or return False at once when another holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Free the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Tell whether some process holds the lock at `path`."""
    lock = FileLock(path)
    if not path.exists():
        return False
    if lock.acquire():
        lock.release()
        return False
    return True


def accelerators() -> tuple[str | None, ...]:
    """Return the devices that take one job each: indices for CUDA, None for the default device."""
    if os.environ.get("USABLE_DEVICE"):
        return (None,)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(visible.split(",")) if visible else (None,)
    count = len(list(NVIDIA_DEVICES.iterdir())) if NVIDIA_DEVICES.is_dir() else 0
    return tuple(str(i) for i in range(count)) or (None,)


def accelerator_lock(device: str | None) -> FileLock:
    """Return the lock of a device, shared by all who use the same home."""
    name = device or os.environ.get("USABLE_DEVICE") or "default"
    safe = "".join(c if c.isalnum() else "-" for c in name)
    return FileLock(settings.home() / "locks" / f"accelerator-{safe}.lock")


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
