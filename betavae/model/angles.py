"""Latents that are angles: what turns has no ends, and a line cannot hold it without a seam.

A latent on a line has to break a circle somewhere, or two of them hold its cosine and its sine, and
each then tells how strongly the thing turns as well as where to. Here the encoder gives such a
latent's cosine and sine and the code is their angle, in radians; the decoder reads the cosine and
the sine of whatever number it is given. q(z|x) is a wrapped normal distribution and p(z) is uniform
over the circle (Davidson et al., "Hyperspherical Variational Auto-Encoders", UAI 2018, have von
Mises-Fisher in its place, which has no such simple draw).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LOG_CIRCLE = math.log(2 * math.pi)
NARROW = -0.6  # log σ² below which a wrapped normal has a normal's entropy, within 1e-4 nats
TERMS = 20  # of the series above it
SOMEWHERE = 1e-4  # added to cosine and sine: at (0, 0) an angle has no gradient


class AnglesOut(nn.Module):
    """The end of an encoder: (N, 2 (L + A)) -> mean and log variance (N, 2 L) whose last A of L
    means are angles within (-π, π], of A cosines and A sines."""

    def __init__(self, angles: int):
        super().__init__()
        self.angles = angles

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = x.float().chunk(2, dim=1)
        on_lines = mean.shape[1] - 2 * self.angles
        straight, cosine, sine = mean.split([on_lines, self.angles, self.angles], dim=1)
        angle = torch.atan2(sine + SOMEWHERE, cosine + SOMEWHERE)
        return torch.cat([straight, angle, log_variance[:, : on_lines + self.angles]], dim=1)


class AnglesIn(nn.Module):
    """The start of a decoder: codes (N, L), the last A of which are angles -> (N, L + A), with
    their A cosines and A sines."""

    def __init__(self, angles: int):
        super().__init__()
        self.angles = angles

    def forward(self, z: Tensor) -> Tensor:
        straight, angle = z.split([z.shape[1] - self.angles, self.angles], dim=1)
        return torch.cat([straight, angle.cos(), angle.sin()], dim=1)


def wrapped_log_density(away: Tensor, log_variance: Tensor) -> Tensor:
    """Log density of a wrapped normal at an angle `away` from its mean, by element: of the nearest
    turn and the two beside it, which are all of it up to σ = 2.5."""
    nearest = (away + math.pi) % (2 * math.pi) - math.pi
    turns = torch.tensor([-2 * math.pi, 0.0, 2 * math.pi], device=away.device)
    squares = (nearest[..., None] + turns).square() / log_variance.exp()[..., None]
    return (-squares / 2).logsumexp(-1) - (log_variance + LOG_CIRCLE) / 2


def kl_from_uniform(log_variance: Tensor) -> Tensor:
    """KL(wrapped normal || uniform over the circle) in nats: log 2π - its entropy.

    A narrow one has a normal's entropy. Otherwise, with q = exp(-σ²), the entropy is log 2π -
    Σ_k log(1 - q^k) + 2 Σ_k (-1)^k q^(k(k+1)/2) / (k (1 - q^k)) (Mardia & Jupp, "Directional
    Statistics", 2000, section 3.5.7).
    """
    narrow = (LOG_CIRCLE - 1 - log_variance) / 2
    q = (-log_variance.clamp(2 * NARROW, 4).exp()).exp()[..., None]
    k = torch.arange(1, TERMS + 1, device=q.device, dtype=q.dtype)
    signs = 1 - 2 * (k % 2)
    rest = torch.log1p(-(q**k)) - 2 * signs * q ** (k * (k + 1) / 2) / (k * (1 - q**k))
    return torch.where(log_variance < NARROW, narrow, rest.sum(-1))
