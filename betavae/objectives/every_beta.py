"""The multi-rate objective (Bae et al., ICLR 2023, equation 8): β-VAE's, averaged over log β.

E over log β uniform of -log p(x|z) + β KL(q(z|x) || p(z)). At each β it is `BetaVAE`'s, whose
gradient it therefore has.
"""

from __future__ import annotations

import math

import torch


def draw_betas(
    betas: tuple[float, float], count: int, generator: torch.Generator, share: float = 1.0
) -> list[float]:
    """`count` values of β, log-uniform from the lowest of `betas` up to this share of the range.

    One from each of as many equal parts of it: a step then has seen all of it, and which part its
    gradient is of moves nothing.
    """
    places = share * (torch.arange(count) + torch.rand(count, generator=generator)) / count
    low, high = map(math.log, betas)
    return [math.exp(low + place * (high - low)) for place in places.tolist()]
