"""What this machine is, in few words and without importing what computes."""

import functools
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GPUS = Path("/proc/driver/nvidia/gpus")  # where Linux's driver says what there is
MEMORY = Path("/proc/meminfo")
GROUPS = Path("/proc/self/cgroup")  # in which containers, one inside the other, this process is
LIMITS = Path("/sys/fs/cgroup")  # of those
# Where the two versions of control groups say the limit, what is used, and what of that is idle.
_VERSIONS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


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


def free_memory() -> int | None:
    """Return the bytes of memory that are free to take, in a container at most those of its limit.

    Files that the system keeps in memory count as free. Outside of Linux it is all the memory that
    there is; None where nobody knows.
    """
    return min((*_free_of_machine(), *_free_of_containers()), default=None)


def _free_of_machine() -> Iterator[int]:
    with suppress(OSError, ValueError, LookupError):
        lines = dict(line.split(":") for line in MEMORY.read_text().splitlines())
        yield int(lines["MemAvailable"].split()[0]) * 1024
        return
    with suppress(OSError, ValueError, AttributeError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_of_containers() -> Iterator[int]:
    groups = {""}
    with suppress(OSError):
        groups |= {line.split(":", 2)[-1].strip("/") for line in GROUPS.read_text().splitlines()}
    for part, limit, used, idle in _VERSIONS:
        root = LIMITS / part
        for place in {p for g in groups for p in (root / g, *(root / g).parents)}:
            with suppress(OSError, ValueError, LookupError):  # not there, or without a limit
                most = int((place / limit).read_text())
                facts = dict(
                    line.split() for line in (place / "memory.stat").read_text().splitlines()
                )
                taken = int((place / used).read_text()) - int(facts[idle])
                yield max(0, most - taken)
