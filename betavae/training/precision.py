"""Which number format and memory layout trains fastest on this machine: measured, not guessed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from betavae.model import VAE
from betavae.training.distributed import Processes

SETTLING_STEPS, TIMED_STEPS = 1, 3


@dataclass(frozen=True)
class Setting:
    """How the numbers are held while training."""

    precision: str  # "fp32" or "bf16" (autocast)
    memory_format: str  # "channels_last" or "contiguous"

    @property
    def layout(self) -> torch.memory_format:
        last = self.memory_format == "channels_last"
        return torch.channels_last if last else torch.contiguous_format

    def autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16")


# On an H100 `conv` sees 214,000 pictures a second so (1,024 a step), 147,000 with contiguous ones.
ON_GPU = Setting("bf16", "channels_last")
SETTINGS = tuple(Setting(p, m) for m in ("channels_last", "contiguous") for p in ("fp32", "bf16"))


def negative_log_likelihood(vae: VAE, images: Tensor) -> Tensor:
    """The reconstruction term of images (N, C, 64, 64) in [0, 1], summed."""
    return -vae(images)[1].log_prob(images).sum()


def pictures_per_second(
    model: nn.Module,
    setting: Setting,
    batch_size: int,
    device: torch.device,
    loss: Callable[..., Tensor] = negative_log_likelihood,
) -> float:
    """Forward and backward passes of `loss(model, images)` on random pictures, in a copy."""
    model = copy.deepcopy(model).to(device, memory_format=setting.layout).train()
    own = torch.Generator().manual_seed(0)  # the global one goes into checkpoints: leave it alone
    images = torch.rand(batch_size, model.channels, 64, 64, generator=own).to(device)
    images = images.contiguous(memory_format=setting.layout)
    start = 0.0
    for step in range(SETTLING_STEPS + TIMED_STEPS):
        if step == SETTLING_STEPS:
            _finish(device)
            start = time.perf_counter()
        model.zero_grad()
        with setting.autocast(device):
            value = loss(model, images)
        value.backward()
    _finish(device)
    return TIMED_STEPS * batch_size / (time.perf_counter() - start)


def fastest_setting(
    model: nn.Module,
    batch_size: int,
    processes: Processes,
    precision: str = "auto",
    memory_format: str = "auto",
    loss: Callable[..., Tensor] = negative_log_likelihood,
) -> Setting:
    """The fastest of the settings that the two wishes ("auto" or a name) leave open.

    Measurements differ from process to process: the first one measures for all.
    """
    wanted = [
        s
        for s in SETTINGS
        if precision in ("auto", s.precision) and memory_format in ("auto", s.memory_format)
    ]
    if not wanted:
        raise ValueError(f"no such precision or memory format: {precision}, {memory_format}")
    if processes.device.type == "cuda" and torch.cuda.is_bf16_supported() and ON_GPU in wanted:
        return ON_GPU  # steps are launched one by one here, which hides what the kernels take
    if len(wanted) == 1:
        return wanted[0]
    small = min(batch_size, 64)  # bf16 without hardware support takes seconds a step: keep it short
    speeds = [0.0]
    if processes.first:
        speeds = [pictures_per_second(model, s, small, processes.device, loss) for s in wanted]
    return wanted[processes.first_says(speeds.index(max(speeds)))]


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
