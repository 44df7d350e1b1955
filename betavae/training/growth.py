"""A code that grows: what is worth most to the picture first, sorted, and then the rest.

All latents at once share what there is to tell: three or four hold a place that two could hold, and
no penalty takes them apart again. Burgess et al. (2018) let the code grow by its capacity. Here it
grows in four parts, each of `growth` steps but the last:

1. β KL alone, β falling geometrically from `PRESSURE` to 1: three latents of 2D shapes are worth
   their nats by then, for the place and the size;
2. the objective, which sorts them: the total correlation of three latents is soon told;
3. KL alone again. The latents that have stayed silent start afresh, as dormant units do in
   Sokar et al. (ICML 2023), with weights that let them be heard: a silent latent and a decoder that
   does not listen to it keep each other silent at any β. The learning rate warms up once more;
4. the objective, to the end.

Seven fresh latents share shape and turn among them, each a little of both. So it can be said how
many start afresh (`fresh_latents`); the other silent ones are closed. They stay so, or some of them
start afresh in a later round, two parts after the one before, and under the objective from their
first step: what they would only repeat of the others is not worth its total correlation.

What an objective learns itself, FactorVAE's discriminator say, stands still in 1 and 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.model import VAE
from betavae.model.rotation import ends
from betavae.training.config import FALLS_FROM, PRESSURE, TrainingConfig

LOWEST = 1e-3  # what weight KL falls to where the objective's β is 0
FAINT = 0.1  # how weakly latents are spoken and heard at the start, of what He's weights would
MEAN_GAIN, LOG_VARIANCE, HEARD = 5.0, -4.0, 3.0  # of a latent that starts afresh


def kl_weight(config: TrainingConfig, step: int) -> float | None:
    """β of this step if KL alone is the regulariser; None if the objective is.

    A run that does not grow can have the fall alone, from FALLS_FROM to its objective's own β or 1,
    and begins with the same weights: at a rate that fits a minute and a half, PyTorch's own are
    sometimes dead after the first steps under a high β, and nothing is told then.
    """
    if config.falling:
        last = config.shown_beta if config.objective == "beta-vae" else 1.0
        share = step / config.falling
        return FALLS_FROM ** (1 - share) * max(last, LOWEST) ** share if share < 1 else None
    part = step // config.growth if config.growth else 3
    if part == 0:
        return PRESSURE ** (1 - step / config.growth)
    return 1.0 if part == 2 else None


@torch.no_grad()
def prepare(vae: VAE, images: Tensor, generator: torch.Generator) -> None:
    """Weights to grow from: He et al.'s (2015), which lose no signal over ten layers, but latents
    that are hardly spoken or heard, and an empty picture as bright as `images` (N, C, 64, 64)."""
    for module in vae.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            module.weight.normal_(0, math.sqrt(2 / _inputs(module)), generator=generator)
            module.bias.zero_()
    head, first = ends(vae)
    head.weight *= FAINT
    first.weight *= 2 * FAINT
    last = [module for module in vae.decoder if hasattr(module, "weight")][-1]
    last.weight *= FAINT
    brightness = images.mean((0, 2, 3)).clamp(0.01, 0.99).logit()
    last.bias.copy_(brightness.repeat_interleave(len(last.bias) // len(brightness)))


def _inputs(module: nn.Module) -> float:
    """How many numbers one output is a sum of."""
    if isinstance(module, nn.ConvTranspose2d):  # a pixel sees every second tap each way
        return module.in_channels * module.weight[0, 0].numel() / math.prod(module.stride)
    return module.weight[0].numel()


@torch.no_grad()
def start_afresh(
    vae: VAE, kl: Tensor, generator: torch.Generator, most: int | None = None
) -> list[int]:
    """Give the silent latents fresh weights, `most` of them or all, and return the others.

    kl  mean KL of each latent over the last batch (L,), in nats
    """
    head, first = ends(vae)
    heard = first.weight[:, kl >= ACTIVE_NATS]
    spread = float(heard.std() if heard.numel() else first.weight.std())
    silent = (kl < ACTIVE_NATS).nonzero().flatten().tolist()
    fresh = silent[:most]
    for latent in fresh:
        bound = MEAN_GAIN / math.sqrt(head.in_features)
        head.weight[latent] = _uniform(head.in_features, bound, generator)
        head.bias[latent] = 0
        head.weight[vae.latents + latent] = 0
        head.bias[vae.latents + latent] = LOG_VARIANCE
        first.weight[:, latent] = _uniform(first.out_features, HEARD * spread, generator)
    return silent[len(fresh) :]


@torch.no_grad()
def close(vae: VAE, latents: list[int]) -> None:
    """Make q(z_l|x) the prior for these latents: mean 0 and variance 1, whatever the picture.

    The mean of a silent latent still moves by a hundredth, and scores that bin or rank means read
    it as they read any other.
    """
    head, _ = ends(vae)
    rows = [row for latent in latents for row in (latent, vae.latents + latent)]
    head.weight[rows], head.bias[rows] = 0, 0


def _uniform(size: int, bound: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(size, generator=generator) - 1) * bound
