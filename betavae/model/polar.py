"""Two latents in polar coordinates: how strongly something points, and in which direction.

A shape that turns draws a circle in the code. On two straight latents each of them tells both how
long the shape is and how it is turned; seen from the circle's centre, the distance tells the one
and the angle the other. The encoder and the decoder stay as they are: between them and the code
stands a change of coordinates. In them q(z|x) is normal along the distance and wrapped normal round
the circle; p(z) of the angle is uniform (Davidson et al., "Hyperspherical Variational
Auto-Encoders", UAI 2018, have the von Mises-Fisher distribution, which has no such simple draw).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LOG_CIRCLE = math.log(2 * math.pi)
NARROW = -0.6  # log σ² below which a wrapped normal has a normal's entropy, within 1e-4 nats
TERMS = 20  # of the series above it
CENTRE = 1e-4  # at the centre itself neither coordinate has a gradient


class PolarOut(nn.Module):
    """The end of an encoder: mean and log variance (N, 2 L) with the means of a pair of latents as
    their distance from the centre and their angle within (-π, π]."""

    def __init__(self, pair: tuple[int, int]):
        super().__init__()
        self.pair = pair

    def forward(self, x: Tensor) -> Tensor:
        across, up = (x[:, latent].float() for latent in self.pair)
        distance = (across.square() + up.square() + CENTRE**2).sqrt()
        return _replaced(x.float(), self.pair, distance, torch.atan2(up, across + CENTRE))


class PolarIn(nn.Module):
    """The start of a decoder: codes (N, L) with the pair on straight axes again."""

    def __init__(self, pair: tuple[int, int]):
        super().__init__()
        self.pair = pair

    def forward(self, z: Tensor) -> Tensor:
        distance, angle = (z[:, latent] for latent in self.pair)
        return _replaced(z, self.pair, distance * angle.cos(), distance * angle.sin())


def _replaced(x: Tensor, pair: tuple[int, int], first: Tensor, second: Tensor) -> Tensor:
    """x (N, K) with two of its columns replaced."""
    columns = list(x.unbind(1))
    columns[pair[0]], columns[pair[1]] = first, second
    return torch.stack(columns, dim=1)


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
