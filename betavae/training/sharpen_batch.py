"""What one step of a renderer's training sees: pictures, their codes, and other codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from betavae.training.batches import pictures

FAR = 1.5  # s.d.: how far one latent is moved, as a normal number
SHIFTS = 4  # pixels are moved by less than this before the discriminator sees them
OWN = 0.4  # of the pictures of other codes are drawn with the picture's own details


@dataclass(frozen=True)
class Batch:
    """What one process sees in one step, and every random number of it."""

    images: Tensor  # (N, 3, 64, 64) in [0, 1]
    codes: Tensor  # (N, L)
    plain: Tensor  # (N, 3, 64, 64): the VAE's own pictures
    noise: Tensor  # (N, S), of the details
    other_codes: Tensor  # (N / 2, L): for every second picture another code
    own: Tensor  # bool (N / 2, 1): where those are drawn with the picture's own details
    shift: tuple[int, int]  # pixels down and right, for the discriminator's eyes


@torch.no_grad()
def draw_batch(run) -> Batch:
    """This process's part of a step of a SharpenRun; all processes draw the same numbers for all
    pictures."""
    config, size, half = run.config, run.config.batch_size, run.config.batch_size // 2
    drawn = {"generator": run.drawing, "device": run.drawing.device}
    flip = torch.rand(size, **drawn) < 0.5
    noise = torch.randn(size, run.renderer.detail_size, **drawn)
    own = torch.rand(half, 1, **drawn) < OWN
    moved = torch.rand(half, 1, **drawn) < 0.5
    which = torch.randint(len(run.active), (half,), **drawn)
    far = FAR * torch.randn(half, **drawn)
    shift = tuple(torch.randint(SHIFTS, (2,), generator=run.generator).tolist())
    share, device = run.processes.share, run.processes.device
    order = share(run.order.batch(run.step))
    mirrored = share(flip).to(order.device) if config.flips else None
    images = pictures(run.placed, order, mirrored)
    images = images.to(device).float() / 255
    images = images.contiguous(memory_format=run.setting.layout)
    with run.setting.autocast(device):
        codes = run.renderer.vae.encode(images).mean
        plain = run.renderer.plain(codes).contiguous(memory_format=run.setting.layout)
    everyone = run.processes.gather(codes)
    others = other_codes(
        everyone, run.active, run.deviation, *(t.to(device) for t in (moved, which, far))
    )
    return Batch(
        images, codes, plain, share(noise).to(device), share(others).contiguous(),
        share(own).to(device), shift,
    )  # fmt: skip


def shifted(images: Tensor, shift: tuple[int, int]) -> Tensor:
    """Pixels moved around the picture's edge: the discriminator's layers of stride 2 would else
    see every second pixel in one way, and the painter answer with a lattice."""
    return images.roll(shift, (2, 3))


def other_codes(
    codes: Tensor, active: Tensor, deviation: Tensor, moved: Tensor, which: Tensor, far: Tensor
) -> Tensor:
    """For every second of codes (N, L) another code, (N / 2, L).

    Where `moved` (N / 2, 1) is true its own with one active latent, number `which`, set to `far`
    standard deviations, as a slider does; else that of the picture before it.
    """
    own, another = codes[::2], codes.roll(1, 0)[::2]
    one = F.one_hot(active[which], codes.shape[1]).bool()
    slid = torch.where(one, (far * deviation[which])[:, None], own)
    return torch.where(moved, slid, another)
