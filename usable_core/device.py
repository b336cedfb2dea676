"""Where tensors live and in which number format it pays to compute."""

import functools
import os

import torch


def best_device() -> torch.device:
    """Return the accelerator where there is one (`USABLE_DEVICE` overrides), else the CPU."""
    named = os.environ.get("USABLE_DEVICE")
    if named:
        return torch.device(named)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@functools.cache
def gains_from_bfloat16(device_type: str) -> bool:
    """Tell whether the device computes in bfloat16 natively."""
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "avx512_bf16" in _cpu_flags()
    return False


@functools.cache
def _cpu_flags() -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    if capability != "AVX512":
        return ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123 - a kernel file
            return next((line for line in info if line.startswith("flags")), "")
    except OSError:
        return ""
