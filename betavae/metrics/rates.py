"""Rate and distortion of a model along β: what each β keeps, and what it costs the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tqdm import tqdm

from betavae import metrics
from betavae.metrics.codes import BATCH, FactorSource
from betavae.metrics.reconstruction import ACTIVE_NATS, mean_squared_errors
from betavae.model import VAE, Gaussian

PROTOCOL = (
    "the whole validation split; rate = mean KL in nats; distortion from the mean squared error "
    "over all pictures and pixels in [0, 1], of decoded posterior means and of decoded posterior "
    "samples; loss = -log p(x|z) of samples, at its best scale where that is learned, + β KL"
)
FACTOR_SCORES = ("mig", "beta-vae")  # of each point, where the factors are known
NAMED = (1.0, 4.0, 16.0, 60.0, 250.0)  # measured whatever the grid is
POINTS = 17


@torch.no_grad()
def rate_point(vae: VAE, beta: float, data, seed: int = 0) -> dict[str, Any]:
    """One point: {"beta", "kl", "active_latents", "psnr_mean", "psnr_sample", "mse_mean",
    "mse_sample", "loss", "kl_per_latent"}; KL and loss in nats a picture."""
    generator = torch.Generator().manual_seed(seed)
    divergence, errors, losses, gaussian = torch.zeros(vae.latents), torch.zeros(2), 0.0, False
    for indices in torch.arange(len(data)).split(BATCH):
        images = data.batch(indices).float() / 255
        posterior = vae.encode(images)
        divergence += posterior.kl().sum(0)
        drawn = vae.decode(posterior.sample(generator))
        for k, likelihood in enumerate((vae.decode(posterior.mean), drawn)):
            errors[k] += mean_squared_errors(images, likelihood.mean).sum()
        gaussian = isinstance(drawn, Gaussian)
        losses -= 0.0 if gaussian else drawn.log_prob(images).sum().item()
    kl, (mean, sample) = divergence / len(data), (errors / len(data)).tolist()
    pixels = vae.channels * 64 * 64
    distortion = (
        pixels / 2 * (1 + math.log(2 * math.pi * sample)) if gaussian else losses / len(data)
    )
    return {
        "beta": beta,
        "kl": round(kl.sum().item(), 4),
        "active_latents": int((kl >= ACTIVE_NATS).sum()),
        "psnr_mean": round(-10 * math.log10(mean), 4),
        "psnr_sample": round(-10 * math.log10(sample), 4),
        "mse_mean": round(mean, 7),
        "mse_sample": round(sample, 7),
        "loss": round(distortion + beta * kl.sum().item(), 2),
        "kl_per_latent": [round(value, 4) for value in kl.tolist()],
    }


def evaluate_rates(
    at: Callable[[float], VAE],
    betas: tuple[float, float],
    data,
    seed: int = 0,
    source: FactorSource | None = None,
) -> dict[str, Any]:
    """{"protocol", "seed", "points": `rate_point` at each β of a grid, from the lowest up}.

    at      β -> the model of that β, such as MultiRateVAE.at
    source  where the factors are known: each point then has the FACTOR_SCORES, too
    """
    points = []
    for beta in tqdm(grid(betas), desc="measuring each β", unit="β", leave=False):
        vae = at(beta)
        points.append(rate_point(vae, beta, data, seed))
        if source is not None:
            points[-1] |= _factor_scores(vae, source, seed)
    return {"protocol": PROTOCOL, "seed": seed, "points": points}


def _factor_scores(vae: VAE, source: FactorSource, seed: int) -> dict[str, float]:
    found = metrics.evaluate(lambda x: vae.encode(x).mean, source, FACTOR_SCORES, seed)
    return {name: round(parts["score"], 4) for name, parts in found.items()}


def grid(betas: tuple[float, float], named: Sequence[float] = NAMED) -> list[float]:
    """β from the lowest to the highest in equal steps of log β, and the named ones between."""
    low, high = betas
    steps = [low * (high / low) ** (k / (POINTS - 1)) for k in range(POINTS)]
    inner = [beta for beta in named if low < beta < high]
    far = [b for b in steps[1:-1] if all(abs(math.log(b / other)) > 0.05 for other in inner)]
    return sorted([low, high, *inner, *(float(f"{b:.4g}") for b in far)])
