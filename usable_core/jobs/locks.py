"""Who works: one job per accelerator. See `runs.living` for what a lock is."""

import os
import socket
from pathlib import Path

from filelock import FileLock

from usable_core import settings

NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")  # one folder per device, readable without CUDA


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
    """Return the lock of a device of this machine, shared by all who use the same home there."""
    name = f"{socket.gethostname()}-{device or os.environ.get('USABLE_DEVICE') or 'default'}"
    safe = "".join(c if c.isalnum() else "-" for c in name)
    return FileLock(settings.home() / "locks" / f"accelerator-{safe}.lock")
