"""The machine as it is now: what it is called, how busy others keep it, and its meters of energy.

Only what the system tells is told; where it tells nothing, nothing is guessed.
"""

import hashlib
import os
import platform
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import torch

from usable_core.catalog.references import weights_size
from usable_core.device import best_device, device_name
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.model import Model

_CPU = Path("/proc/cpuinfo")
_STAT = Path("/proc/stat")
_RAPL = Path("/sys/class/powercap")
_MACHINE_ID = Path("/etc/machine-id")


def machine(device: torch.device) -> Machine:
    """Return the machine, and the device of it that a network works on."""
    processor = _processor()
    name = device_name(device)
    return Machine(
        mark=_mark(),
        processor=processor,
        cores=_usable_processors(),
        all_cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=processor if name == "cpu" else name,
        system=f"{platform.system()} {platform.machine()}",
    )


def measured_on(model: Model, spec: ModelSpec) -> dict[str, object]:
    """Return what the cost of a model depends on beside the model itself.

    That is the machine, the device on which the model will work, how much of both it may use, and
    the size of the file of weights, of which several can hold the same.
    """
    device = model.device if model.device.type != "cpu" else best_device()
    return {**asdict(machine(device)), "file": weights_size(spec.reference, spec.weights)}


class Watch:
    """Looks at the machine before and after a measurement; `seen` says what it was like between."""

    def __init__(self, device: torch.device) -> None:
        """Look now."""
        self._machine = replace(machine(device), load=_load())
        self._before = _busy_seconds()
        self._own, self._began = time.process_time(), time.monotonic()

    def seen(self) -> Machine:
        """Return the machine with how much of it other work used since."""
        after, passed = _busy_seconds(), time.monotonic() - self._began
        if self._before is None or after is None or passed <= 0:
            return self._machine
        others = (after - self._before) - (time.process_time() - self._own)
        return replace(self._machine, others=max(0.0, others / passed))


def meter(device: torch.device) -> tuple[Callable[[], float] | None, str]:
    """Return a function that reads joules, and what it meters; None, and why there is none."""
    if device.type == "cuda":
        return _graphics_meter(device)
    found = sorted(_RAPL.glob("intel-rapl:[0-9]"))
    if not found:
        return None, "not measured: this system shows no meter of energy (RAPL)"
    try:
        _joules(found)
    except (OSError, ValueError):
        return None, "not measured: the meter of energy (RAPL) is not readable for this user"
    return lambda: _joules(found), "measured by RAPL: the whole processor package"


def _graphics_meter(device: torch.device) -> tuple[Callable[[], float] | None, str]:
    try:
        pynvml = import_module("pynvml")  # comes with some installations of torch; never needed
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except ImportError:
        return None, "not measured: pynvml, which reads the card's meter (NVML), is not installed"
    except Exception:  # whatever a driver says
        return None, "not measured: this card shows no meter of energy (NVML)"
    return (
        lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000,  # mJ
        "measured by NVML: the whole card",
    )


def _joules(domains: list[Path]) -> float:
    return sum(int((domain / "energy_uj").read_text()) for domain in domains) / 1e6


def _mark() -> str:
    name = socket.gethostname()
    with suppress(OSError):  # containers have none, or share one
        name += _MACHINE_ID.read_text()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _processor() -> str:
    with suppress(OSError):
        for line in _CPU.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or "unknown processor"


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):  # not on Windows
        return None


def _busy_seconds() -> float | None:
    """Return the seconds that all processors worked, for whomever, since the machine started."""
    try:
        fields = _STAT.read_text(encoding="ascii").splitlines()[0].split()[1:9]
        user, nice, system, _idle, _wait, interrupt, soft, stolen = map(int, fields)
    except (OSError, ValueError):
        return None
    ticks = user + nice + system + interrupt + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK")
