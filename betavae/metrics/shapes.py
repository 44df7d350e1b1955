"""All scores of a 2D shapes model: reconstruction, every metric, the curves against L."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from betavae import metrics
from betavae.metrics.codes import TEST, TRAIN, Codes, Encoded, Progress
from betavae.metrics.curve import accuracy_against_pairs, accuracy_against_steps
from betavae.metrics.reconstruction import ACTIVE_NATS, validate
from betavae.model import VAE

# The protocol `paper` leaves the shape out; the other counts all five factors.
FACTOR_CHOICES = {"4 factors": (1, 2, 3, 4), "5 factors": (0, 1, 2, 3, 4)}
PROTOCOL = (
    f"factor metrics on posterior means of {TRAIN:,} + {TEST:,} pictures drawn from all "
    "combinations of the factors, with the sample sizes of disentanglement_lib; PSNR = -10 log10 "
    "of the mean squared error, KL and -log p in nats a picture, over the validation split, "
    f"posterior means decoded without noise; a latent is active from {ACTIVE_NATS} nats of mean KL"
)
TITLES = {  # of every score, for people
    "mig": "MIG",
    "dci": "DCI by boosted trees",
    "dci-forest": "DCI by regression forests",
    "factor-vae": "FactorVAE score",
    "sap": "SAP",
    "modularity": "Modularity",
    "explicitness": "Explicitness",
    "irs": "IRS",
    "beta-vae": "β-VAE metric, 5 factors",
    "beta-vae-paper": "β-VAE metric, 4 factors",
    "reconstruction": "−log p(x|z), nats",
    "kl": "KL, nats",
    "active_latents": "Active latents",
}
# Kernels of another machine round otherwise.
ROUNDING = {"reconstruction": 0.05, "kl": 0.02, "psnr": 0.01, "mse": 1e-5, "active_latents": 0}
REDRAWN = (1, 2, 3, 4)  # seeds of other pictures and classifiers, to learn a score's own error
LEAST = 0.005
UNSTEADY = {"dci-forest": 0.05}  # of a factor that is hardly told, importance is chance


def evaluate_shapes(
    vae: VAE, source, validation, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """`validation`: the reconstruction scores; `metrics`: every metric with its parts; `curves`
    and `classifier`: see `betavae.metrics.curve`. Deterministic given the seed."""
    vae.eval()
    means, samples = _encode_both(vae, source, seed, progress)
    return {
        "protocol": PROTOCOL,
        "seed": seed,
        "validation": {**validate(vae, validation), "pictures": len(validation)},
        "metrics": metrics.score(means, seed=seed, progress=progress),
        "curves": {
            f"{kind}, {label}": accuracy_against_pairs(encoded, factors, seed)
            for kind, encoded in (("means", means), ("samples", samples))
            for label, factors in _varying(means.sizes).items()
        },
        "classifier": accuracy_against_steps(means, _varying(means.sizes)["4 factors"], seed),
    }


def _varying(sizes: Sequence[int]) -> dict[str, list[int]]:
    """FACTOR_CHOICES without the factors of one value."""
    return {label: [k for k in chosen if sizes[k] > 1] for label, chosen in FACTOR_CHOICES.items()}


def flat_scores(result: dict[str, Any]) -> dict[str, float]:
    """The one number of each metric, and those of the validation split, rounded to what is told."""
    scores = {name: result["validation"][name] for name in ROUNDING}
    scores |= {name: parts["score"] for name, parts in result["metrics"].items()}
    for part in ("completeness", "informativeness"):
        scores[f"dci-{part}"] = result["metrics"]["dci"][part]
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in scores.items()}


def tolerance(
    vae: VAE,
    source,
    names: Sequence[str] = tuple(metrics.METRICS),
    progress: Progress | None = None,
) -> dict[str, float]:
    """By how much a score may differ when measured again: six standard deviations over four other
    draws of pictures and classifiers (so few estimate it badly), at least 0.005 (0.05 for
    the forests, whose draws can differ by as much); for reconstruction, rounding."""
    drawn = [
        metrics.evaluate(lambda x: vae.encode(x).mean, source, names, seed, progress)
        for seed in REDRAWN
    ]
    found = {name: [result[name]["score"] for result in drawn] for name in names}
    for part in ("completeness", "informativeness"):
        found[f"dci-{part}"] = [result["dci"][part] for result in drawn if "dci" in result]
    spreads = {k: float(6 * np.std(v, ddof=1)) for k, v in found.items() if v}
    return {**ROUNDING, **{k: round(max(UNSTEADY.get(k, LEAST), v), 4) for k, v in spreads.items()}}


def _encode_both(
    vae: VAE, source, seed: int, progress: Progress | None = None
) -> tuple[Encoded, Encoded]:
    """Posterior means, and one sample of each posterior, of the same pictures in one pass."""
    generator = torch.Generator().manual_seed(seed)

    def code(images: torch.Tensor) -> torch.Tensor:
        posterior = vae.encode(images)
        return torch.cat([posterior.mean, posterior.sample(generator)], dim=1)

    both = metrics.encode(code, source, seed, progress=progress)
    halves = (slice(None, vae.latents), slice(vae.latents, None))
    means, samples = (
        Encoded(*(Codes(p.factors, p.codes[:, h]) for p in (both.train, both.test)), both.sizes)
        for h in halves
    )
    return means, samples
