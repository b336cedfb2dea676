"""What a process has taken so far, of memory and of processor time."""

import os
from pathlib import Path


def resident(process: int) -> float:
    """Return the MiB of a process; NaN where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def worked(process: int) -> float:
    """Return the processor seconds of a process; NaN where the system does not say."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
