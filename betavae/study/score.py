"""What is measured of one trained run: reconstruction, every metric, and the curves against L."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from betavae import checkpoints, metrics
from betavae.metrics.codes import Codes, Encoded
from betavae.metrics.curve import accuracy_against_pairs, accuracy_against_steps
from betavae.metrics.reconstruction import validate
from betavae.model import VAE
from betavae.version import code_version

SCORES, CODES = "scores.json", "codes.safetensors"
COMPARED = 2_000  # validation pictures whose codes are kept, to compare seeds with each other
# The protocol `paper` leaves the shape out; the other counts all five factors.
FACTOR_CHOICES = {"4 factors": (1, 2, 3, 4), "5 factors": (0, 1, 2, 3, 4)}


def measure_run(folder: Path, vae: VAE, source, validation, seed: int = 0) -> dict[str, Any]:
    """Measure a trained model on 2D shapes and write scores.json and codes.safetensors."""
    state = checkpoints.read(folder)
    vae = vae.eval()
    means, samples = encode_both(vae, source, seed)
    results = {
        "config": state["config"],
        "seconds": round(state["seconds"]),
        "validation": {**validate(vae, validation), "pictures": len(validation)},
        "metrics": metrics.score(means, seed=seed),
        "curves": curves(means, samples, seed),
        "classifier": accuracy_against_steps(means, FACTOR_CHOICES["4 factors"], seed),
        "seed": seed,
        "code_version": {"training": state["code_version"], "measuring": code_version()},
    }
    _keep_codes(folder, vae, validation)
    part = folder / f"{SCORES}.part"
    part.write_text(json.dumps(results))
    os.replace(part, folder / SCORES)
    return results


def encode_both(vae: VAE, source, seed: int) -> tuple[Encoded, Encoded]:
    """Posterior means, and one sample of each posterior, of the same pictures in one pass."""
    generator = torch.Generator().manual_seed(seed)

    def code(images: torch.Tensor) -> torch.Tensor:
        posterior = vae.encode(images)
        return torch.cat([posterior.mean, posterior.sample(generator)], dim=1)

    both = metrics.encode(code, source, seed)
    halves = (slice(None, vae.latents), slice(vae.latents, None))
    means, samples = (
        Encoded(*(Codes(p.factors, p.codes[:, h]) for p in (both.train, both.test)), both.sizes)
        for h in halves
    )
    return means, samples


def curves(means: Encoded, samples: Encoded, seed: int) -> dict[str, Any]:
    """Accuracy against L for posterior means and for samples, four factors and five."""
    return {
        f"{kind}, {label}": accuracy_against_pairs(encoded, factors, seed)
        for kind, encoded in (("means", means), ("samples", samples))
        for label, factors in FACTOR_CHOICES.items()
    }


@torch.no_grad()
def _keep_codes(folder: Path, vae: VAE, validation) -> None:
    """Means and KL of the same validation pictures for each run: see `betavae.metrics.udr`."""
    images = validation.batch(torch.arange(min(COMPARED, len(validation)))).float() / 255
    posterior = vae.encode(images)
    save_file(
        {"means": posterior.mean.contiguous(), "kl": posterior.kl().mean(0).contiguous()},
        folder / CODES,
    )


def read_runs(root: Path) -> list[dict[str, Any]]:
    """The scores of every measured run under `root`, each with its "name" and "folder"."""
    runs = []
    for path in sorted(root.glob(f"*/{SCORES}")):
        runs.append(
            {**json.loads(path.read_text()), "name": path.parent.name, "folder": path.parent}
        )
    return runs
