"""All scores of a face model on held-out pictures, beside a PCA of the same size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from betavae.metrics.attributes import (
    CORRELATED,
    LEADING,
    LEADING_BY,
    PICTURE_STATISTICS,
    TELLING,
    attribute_latents,
    picture_statistics,
    what_is_told,
)
from betavae.metrics.codes import BATCH
from betavae.metrics.reconstruction import ACTIVE_NATS, mean_squared_errors, psnr, ssim
from betavae.model import VAE

PROTOCOL = (
    "posterior means decoded without noise, the whole validation split; PSNR = -10 log10 of the "
    "mean squared error over all pictures and pixels in [0, 1]; KL and -log p in nats a picture; "
    f"a latent is active from {ACTIVE_NATS} nats of mean KL; it tracks an attribute if the AUROC "
    f"of its posterior mean is at least {TELLING}, and at least {LEADING} higher than that of any "
    f"other latent, or a statistic measured on the picture ({', '.join(PICTURE_STATISTICS)}) if "
    f"its correlation is at least {CORRELATED}, and at least {LEADING_BY} higher; PCA fitted to "
    "training pictures"
)
PCA_PICTURES = 12_000  # enough that the 32nd component is stable, and it fits in memory
# Two runs of one protocol on one machine agree exactly; other machines' kernels round otherwise.
TOLERANCE = {"psnr": 0.01, "ssim": 0.001, "kl": 0.05, "active_latents": 0, "pca_psnr": 0.02}


@torch.no_grad()
def evaluate_faces(vae: VAE, training, validation, seed: int = 0) -> dict[str, Any]:
    """Every score of the table in the model card, with its parts.

    `training` and `validation` are data sets with uint8 `images` (N, C, 64, 64), and `attributes`
    bool (N, A) or None. Deterministic given the seed, which picks the pictures PCA sees.
    """
    vae.eval()
    parts: dict[str, list[Tensor]] = {}
    for chunk in validation.images.split(BATCH):
        images = chunk.float() / 255
        posterior, likelihood = vae(images)
        for name, value in {
            "means": posterior.mean,
            "kl": posterior.kl(),
            "reconstruction": -likelihood.log_prob(images),
            "mse": mean_squared_errors(images, likelihood.mean),
            "psnr": psnr(images, likelihood.mean),
            "ssim": ssim(images, likelihood.mean),
        }.items():
            parts.setdefault(name, []).append(value)
    whole = {name: torch.cat(values) for name, values in parts.items()}
    kl = whole["kl"].mean(0)
    active = int((kl >= ACTIVE_NATS).sum())
    components = active or 1
    scores = {
        "psnr": -10 * whole["mse"].mean().log10().item(),
        "psnr_per_picture": whole["psnr"].mean().item(),
        "ssim": whole["ssim"].mean().item(),
        "mse": whole["mse"].mean().item(),
        "reconstruction": whole["reconstruction"].mean().item(),
        "kl": kl.sum().item(),
        "elbo": -(whole["reconstruction"].mean() + kl.sum()).item(),
        "active_latents": active,
        "pca_psnr": pca_psnr(training.images, validation.images, components, seed),
        "pca_components": components,
    }
    result = {
        "protocol": PROTOCOL,
        "seed": seed,
        "pictures": {
            "training": len(training),
            "validation": len(validation),
            "pca": min(PCA_PICTURES, len(training)),
        },
        "scores": {k: round(v, 5) if isinstance(v, float) else v for k, v in scores.items()},
        "tolerance": TOLERANCE,
    }
    if validation.attributes is not None:
        add_attributes(result, whole["means"], validation)
    return result


def add_attributes(metrics: dict[str, Any], means: Tensor, validation) -> None:
    """Put into `metrics` by which latent attributes and statistics are told, and the count."""
    metrics |= what_is_told(means, validation, picture_statistics(validation.images))
    found = attribute_latents(metrics["attributes"], metrics["statistics"])
    metrics["scores"]["attribute_latents"] = len(found)
    # One may be at the threshold.
    metrics["tolerance"] = {**metrics["tolerance"], "attribute_latents": 1}
    metrics["protocol"] = PROTOCOL


@torch.no_grad()
def pca_psnr(training: Tensor, validation: Tensor, components: int, seed: int = 0) -> float:
    """PSNR in dB of reconstructing uint8 `validation` from a PCA of uint8 `training` pictures."""
    mean, axes = principal_axes(training, components, seed)
    basis = axes[:, :components]
    error = 0.0
    for chunk in validation.split(1024):
        y = chunk.float().flatten(1) / 255 - mean
        error += (y - (y @ basis) @ basis.T).square().mean(1).sum().item()
    return -10 * torch.tensor(error / len(validation)).log10().item()


def principal_axes(training: Tensor, components: int, seed: int) -> tuple[Tensor, Tensor]:
    """Mean (D,) of uint8 pictures (N, C, H, W) in [0, 1], and their first axes (D, K), of which
    there are at least `components` where there are as many pictures.

    At most PCA_PICTURES of them, drawn by the seed; a randomised decomposition (Halko et al. 2011)
    with enough power iterations that the PSNR moves by less than its stated tolerance.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(training), generator=generator)[:PCA_PICTURES].sort().values
    x = training[chosen].flatten(1).float().div_(255)
    mean = x.mean(0)
    rank = min(components + 16, *x.shape)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _, _, axes = torch.svd_lowrank(x.sub_(mean), q=rank, niter=4)
    return mean, axes
