"""What this machine is, in few words and without importing what computes."""

import functools
import os
import platform
import shutil
from pathlib import Path

GPUS = Path("/proc/driver/nvidia/gpus")  # where Linux's driver says what there is


@functools.cache
def device() -> str:
    """Return what the work runs on: `NVIDIA H100`, `2 × …`, `Apple GPU`, `CPU, 2 cores`."""
    models = []
    for path in sorted(GPUS.glob("*/information")):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            continue
        models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    if models:
        return models[0] if len(models) == 1 else f"{len(models)} × {models[0]}"
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        return "Apple GPU"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {cores} core{'s' if cores != 1 else ''}"


def free_bytes(folder: Path) -> int | None:
    """Return the free space where a folder is, or will be; None where nobody knows."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:  # it is not made yet
            continue
        except OSError:
            return None
    return None
