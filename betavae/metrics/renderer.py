"""All scores of a renderer on held-out faces, beside the plain decoder and the pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from betavae.metrics.codes import BATCH
from betavae.metrics.detail import laplacian_variance, lattice_peak, spectrum_shares
from betavae.metrics.likeness import (
    frechet_distance,
    kernel_distance,
    train_attribute_network,
)
from betavae.metrics.reconstruction import ACTIVE_NATS, mean_squared_errors, ssim
from betavae.metrics.sliders import (
    auroc_change,
    jumps,
    moved_correlation,
    read_back,
    swapped_correlation,
)
from betavae.renderer import Renderer
from betavae.renderer.renderer import OWN_WIDTH, drawn_near

PROTOCOL = (
    "posterior means of the whole validation split, drawn plain, with a face's own details (one "
    f"draw of their posterior, at {OWN_WIDTH:g} of its width) and with those of a training face "
    "drawn at random; detail: variance of the Laplacian of the luma, as a share of the pictures'; "
    "likeness: distances to training pictures in the features of a network trained on them to "
    "tell CelebA's attributes (not Inception's, which could not be had: these figures compare "
    "with each other alone); sliders: correlation of the code read back from the picture with the "
    "code it was drawn from, per active latent"
)
LIKENESS_PICTURES = 8192  # of the training split
MOVED_FACES, STRIP_FACES, STRIP_FRAMES = 96, 6, 25
Drawings = dict[str, Tensor]


@torch.no_grad()
def evaluate_renderer(renderer: Renderer, training, validation, seed: int = 0) -> dict[str, Any]:
    """{"protocol", "pictures", "scores", "parts"}; deterministic given the seed.

    `training` and `validation` as for `evaluate_faces`; without attributes no likeness and no
    AUROC.
    """
    renderer.eval()
    generator = torch.Generator().manual_seed(seed)
    drawings, codes, kl, details, detail_kl = _draw_all(renderer, validation, generator)
    active = (kl >= ACTIVE_NATS).nonzero().flatten().tolist() or [int(kl.argmax())]
    images = drawings.pop("images")
    scores, parts = _looks(images, drawings)
    scores["detail_nats"] = detail_kl
    if validation.attributes is not None:
        scores |= _likeness(training, images, drawings, generator, seed)
    ways = {
        "plain": lambda some, rows: renderer.plain(some),
        "own": lambda some, rows: renderer(some, details[rows]),
    }
    ranges = torch.stack([codes.quantile(q, 0) for q in (0.01, 0.99)], dim=1)
    line = torch.linspace(-3, 3, STRIP_FRAMES)
    for name, draw in ways.items():
        kept = {
            "swapped": swapped_correlation(_encode(renderer), draw, codes, active),
            "moved": moved_correlation(
                _encode(renderer), draw, codes, active, ranges, MOVED_FACES, generator
            ),
        }
        for how, found in kept.items():
            scores[f"kept_{how}_median_{name}"] = found.median().item()
            scores[f"kept_{how}_worst_{name}"] = found.min().item()
            parts[f"kept_{how}_{name}"] = dict(zip(active, _rounded(found), strict=True))
        uneven = jumps(draw, codes[:STRIP_FACES], active, line)
        scores[f"jump_median_{name}"] = uneven.median().item()
        scores[f"jump_worst_{name}"] = uneven.max().item()
        scores[f"jumps_above_2_{name}"] = (uneven > 2).float().mean().item()
        if validation.attributes is not None:
            found = read_back(_encode(renderer), draw, codes, torch.arange(len(codes)))
            change = auroc_change(found, codes, validation.attributes).abs()
            scores[f"auroc_change_worst_{name}"] = change.max().item()
            scores[f"auroc_change_mean_{name}"] = change.mean().item()
    return {
        "protocol": PROTOCOL,
        "seed": seed,
        "pictures": {"training": len(training), "validation": len(validation)},
        "scores": {name: round(value, 5) for name, value in scores.items()},
        "parts": parts,
    }


def _draw_all(renderer: Renderer, validation, generator: torch.Generator):
    """All validation pictures and their drawings; codes, mean KL per latent, details and the mean
    KL of them all, in nats."""
    drawings: dict[str, list[Tensor]] = {}
    codes, kl, details, nats = [], [], [], []
    for chunk in torch.arange(len(validation)).split(BATCH):
        images = validation.batch(chunk).float() / 255
        posterior = renderer.vae.encode(images)
        read = renderer.details(images, posterior.mean)
        own = drawn_near(read, OWN_WIDTH, generator)
        for name, value in {
            "images": images,
            "plain": renderer.plain(posterior.mean),
            "own": renderer(posterior.mean, own),
            "drawn": renderer(posterior.mean, generator=generator),
        }.items():
            drawings.setdefault(name, []).append(value)
        codes.append(posterior.mean)
        kl.append(posterior.kl())
        details.append(own)
        nats.append(read.kl().sum(1))
    whole = {name: torch.cat(values) for name, values in drawings.items()}
    mean_kl, detail_kl = torch.cat(kl).mean(0), torch.cat(nats).mean().item()
    return whole, torch.cat(codes), mean_kl, torch.cat(details), detail_kl


def _looks(images: Tensor, drawings: Drawings) -> tuple[dict[str, float], dict[str, Any]]:
    """Detail, spectrum and likeness to the very picture."""
    whole = laplacian_variance(images).mean().item()
    scores, parts = {"laplacian_images": whole}, {"spectrum": {}}
    for name, drawn in drawings.items():
        scores[f"detail_{name}"] = laplacian_variance(drawn).mean().item() / whole
        shares = spectrum_shares(drawn, images)
        parts["spectrum"][name] = _rounded(shares)
        scores[f"spectrum_upper_half_{name}"] = shares[16:].mean().item()
        scores[f"lattice_peak_{name}"] = lattice_peak(drawn, images)
        error = torch.cat(
            [
                mean_squared_errors(*both)
                for both in zip(images.split(256), drawn.split(256), strict=True)
            ]
        )
        scores[f"psnr_{name}"] = -10 * error.mean().log10().item()
        likeness = [ssim(*both) for both in zip(images.split(256), drawn.split(256), strict=True)]
        scores[f"ssim_{name}"] = torch.cat(likeness).mean().item()
    return scores, parts


def _likeness(training, images: Tensor, drawings: Drawings, generator, seed) -> dict[str, float]:
    """Distances to real faces that are none of the validation split."""
    with torch.enable_grad():
        network = train_attribute_network(training, seed)
    chosen = torch.randperm(len(training), generator=generator)[:LIKENESS_PICTURES]
    batches = (training.batch(some).float() / 255 for some in chosen.split(256))
    real = torch.cat([network.features(batch) for batch in batches])
    scores = {}
    for name, pictures in {"images": images, **drawings}.items():
        features = torch.cat([network.features(some) for some in pictures.split(256)])
        scores[f"frechet_{name}"] = frechet_distance(features, real)
        scores[f"kernel_{name}"] = kernel_distance(features, real)
    return scores


def _encode(renderer: Renderer):
    return lambda pictures: renderer.vae.encode(pictures).mean


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]
