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
ALL_ROUND = 2.5  # log σ² from which on a wrapped normal is uniform, within 1e-5 nats
CENTRE = 1e-4  # at the centre itself neither coordinate has a gradient


class PolarOut(nn.Module):
    """The end of an encoder: mean and log variance (N, 2 L) with a pair of latents as distance from
    the centre and angle within (-π, π].

    The variances are those of the pair, along the distance and across it, to first order: near the
    centre any direction is as good as any other.
    """

    def __init__(self, pair: tuple[int, int]):
        super().__init__()
        self.pair = pair

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = x.float().chunk(2, dim=1)
        across, up = (mean[:, latent] for latent in self.pair)
        square = across.square() + up.square() + CENTRE**2
        angle = torch.atan2(up, across + CENTRE)
        of_across, of_up = (log_variance[:, latent].exp() for latent in self.pair)
        share = across.square() / square  # cos² of the angle
        along = (share * of_across + (1 - share) * of_up).log()
        round_ = (((1 - share) * of_across + share * of_up) / square).log().clamp(max=ALL_ROUND)
        return torch.cat(
            [
                _replaced(mean, self.pair, square.sqrt(), angle),
                _replaced(log_variance, self.pair, along, round_),
            ],
            dim=1,
        )


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
    return with_latent(with_latent(x, pair[0], first), pair[1], second)


def with_latent(x: Tensor, latent: int, values: Tensor) -> Tensor:
    """x (..., L) with `values` (...) for one of its latents."""
    return torch.cat([x[..., :latent], values[..., None], x[..., latent + 1 :]], dim=-1)


def wrapped_log_density(away: Tensor, log_variance: Tensor) -> Tensor:
    """Log density of a wrapped normal at an angle `away` from its mean, by element: of the nearest
    turn and the two on either side, which are all of it up to σ = 4."""
    nearest = (away + math.pi) % (2 * math.pi) - math.pi
    turns = 2 * math.pi * torch.arange(-2, 3, device=away.device)
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
