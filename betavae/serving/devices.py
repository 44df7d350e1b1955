"""Which device the models are served from, and whether an error says that it is gone."""

from __future__ import annotations

import os

import torch

CPU = torch.device("cpu")
# What the libraries below PyTorch say when a device is out of memory, lost or reset.
_GONE = ("out of memory", "cuda error", "hip error", "mps backend", "xpu", "device lost")


class DeviceError(RuntimeError):
    """There is no such device; the message is one sentence."""


def serving_device() -> torch.device:
    """$BETAVAE_DEVICE, such as "cpu" or "cuda:1", or else the accelerator of this computer.

    On ZeroGPU the CPU: a visitor has a few minutes of GPU a day there, and a lease for every frame
    of a drag would eat them. Raises DeviceError for a device that cannot be used.
    """
    wanted = os.environ.get("BETAVAE_DEVICE", "").strip()
    if not wanted:
        if os.environ.get("SPACES_ZERO_GPU") or not torch.accelerator.is_available():
            return CPU
        return torch.accelerator.current_accelerator()
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(
            f"BETAVAE_DEVICE is {wanted!r}, which cannot be used here; set it to cpu, or leave it "
            "out to have the fastest device chosen."
        ) from error
    return device


def device_failed(error: Exception) -> bool:
    """Whether an error is the device's, not the request's: out of memory, lost, reset."""
    if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _GONE)
