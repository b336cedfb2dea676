"""Where tensors live."""

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


def device_name(device: torch.device) -> str:
    """Return what a device is called by its maker, where numbers may depend on that."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
