"""What is kept of one trained run: its scores, and codes to compare seeds by."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from betavae.bundles.bundle import BundleError, load_shapes
from betavae.machine.version import code_version
from betavae.metrics.shapes import evaluate_shapes
from betavae.model import VAE
from betavae.study.kinds import kind
from betavae.study.protocols import named
from betavae.training import checkpoints

SCORES, CODES = "scores.json", "codes.safetensors"
MEASURED = ("validation", "metrics", "curves", "classifier")  # what `evaluate_shapes` finds
COMPARED = 2_000  # validation pictures whose codes are kept, to compare seeds with each other


def measure_run(folder: Path, vae: VAE, source, validation, seed: int = 0) -> dict[str, Any]:
    """Measure a trained model on 2D shapes and write scores.json and codes.safetensors."""
    state = checkpoints.read(folder)
    results = {
        **evaluate_shapes(vae, source, validation, seed),
        "config": state["config"],
        "seconds": round(state["seconds"]),
        "code_version": {"training": state["code_version"], "measuring": code_version()},
    }
    _keep_codes(folder, vae, validation)
    part = folder / f"{SCORES}.part"
    part.write_text(json.dumps(results), encoding="utf-8")
    os.replace(part, folder / SCORES)
    return results


@torch.no_grad()
def _keep_codes(folder: Path, vae: VAE, validation) -> None:
    """Means and KL of the same validation pictures for each run: see `betavae.metrics.udr`."""
    images = validation.batch(torch.arange(min(COMPARED, len(validation)))).float() / 255
    posterior = vae.encode(images)
    save_file(
        {"means": posterior.mean.contiguous(), "kl": posterior.kl().mean(0).contiguous()},
        folder / CODES,
    )


def read_bundle(folder: Path) -> dict[str, Any]:
    """A bundle of 2D shapes as the run that it was packaged from, which may be elsewhere by now:
    its "folder" is None.

    Raises BundleError for a damaged bundle, and ValueError for one that was measured without known
    factors.
    """
    loaded = load_shapes(folder)
    try:
        config = {k: v for k, v in loaded.config["training"].items() if k != "steps_done"}
        run = {
            **{part: loaded.metrics[part] for part in MEASURED},
            "config": config,
            "seconds": loaded.config["seconds"],
            "code_version": {
                "training": loaded.config["code_version"],
                "measuring": loaded.metrics["code_version"],
            },
            "name": f"{kind(config)}-seed{config['seed']}",
            "folder": None,
        }
        return named(run)
    except KeyError as error:
        raise BundleError(f"The bundle {loaded.name} is damaged: it lacks {error}.") from error


def read_runs(root: Path) -> list[dict[str, Any]]:
    """The scores of every measured run under `root`, each with its "name" and "folder"."""
    runs = []
    for path in sorted(root.glob(f"*/{SCORES}")):
        run = named(json.loads(path.read_bytes()))
        runs.append({**run, "name": path.parent.name, "folder": path.parent})
    return runs
