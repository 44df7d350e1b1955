"""How well a model reconstructs held-out pictures, and what that costs in nats."""

from __future__ import annotations

import torch
from torch import Tensor

from betavae.metrics.codes import BATCH
from betavae.model import VAE

ACTIVE_NATS = 0.05  # a latent is active when its mean KL over the validation split reaches this


def mean_squared_errors(images: Tensor, others: Tensor) -> Tensor:
    """(N, C, H, W) twice, in [0, 1] -> mean squared error per picture, (N,)."""
    return (images - others).square().flatten(1).mean(1)


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per picture, (N,), in dB, for pixels in [0, 1]."""
    return -10 * mean_squared_errors(images, others).clamp_min(1e-10).log10()


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """Structural similarity per picture, (N,), in [-1, 1] (Wang et al. 2004).

    The published constants: an 11x11 Gaussian window of σ = 1.5, K1 = 0.01, K2 = 0.03; channels
    are averaged and only windows that lie inside the picture count.
    """
    line = torch.exp(-torch.arange(-5.0, 6.0, device=images.device).square() / (2 * 1.5**2))
    line = line / line.sum()
    # The window is a product of two lines: two products of matrices take a third of the time of a
    # convolution. Row i of a matrix has the line from column i on.
    down, across = (
        torch.eye(size, device=images.device).unfold(0, len(line), 1) @ line
        for size in images.shape[-2:]
    )

    def blur(x: Tensor) -> Tensor:
        return down @ x @ across.T

    mean_x, mean_y = blur(images), blur(others)
    variance_x = blur(images.square()) - mean_x.square()
    variance_y = blur(others.square()) - mean_y.square()
    covariance = blur(images * others) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return (structure * luminance).flatten(1).mean(1)


@torch.no_grad()
def validate(vae: VAE, data) -> dict[str, float]:
    """One pass over all of `data`, decoding posterior means.

    reconstruction  -log p(x | mean of q(z|x)), nats a picture
    kl              nats a picture            active_latents  those of at least 0.05 nats
    mse             mean over pictures and pixels
    psnr            -10 log10 of that mse, dB: the stricter of the two usual averages
    psnr_per_picture  mean over pictures of their own PSNR, dB
    """
    training = vae.training
    vae.eval()
    device = next(vae.parameters()).device
    losses, divergences, decibels, errors = [], [], [], []
    for indices in torch.arange(len(data)).split(BATCH):
        images = data.batch(indices).to(device).float() / 255
        posterior, likelihood = vae(images)
        losses.append(-likelihood.log_prob(images))
        divergences.append(posterior.kl())
        decibels.append(psnr(images, likelihood.mean))
        errors.append(mean_squared_errors(images, likelihood.mean))
    vae.train(training)
    kl, mse = torch.cat(divergences).mean(0), torch.cat(errors).mean()
    return {
        "reconstruction": torch.cat(losses).mean().item(),
        "kl": kl.sum().item(),
        "psnr": -10 * mse.log10().item(),
        "psnr_per_picture": torch.cat(decibels).mean().item(),
        "mse": mse.item(),
        "active_latents": int((kl >= ACTIVE_NATS).sum()),
    }
