"""A finished run of `sharpen` -> the renderer of a bundle, with its scores."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

from betavae.bundles.bundle import DETAILS
from betavae.bundles.files import write_json
from betavae.bundles.stored import stored_faces
from betavae.model import VAE
from betavae.model.pretrained import digest
from betavae.renderer import Renderer, loading
from betavae.training import checkpoints
from betavae.training.failures import TrainingError
from betavae.training.history import write_history
from betavae.training.sharpen import SharpenConfig

HISTORY = "renderer-history.csv"


def holds_renderer(run: Path) -> bool:
    """Whether a run folder's checkpoint is one of `sharpen`."""
    return checkpoints.read(run).get("kind") == "renderer"


def package_renderer(run: Path, folder: Path, validation) -> None:
    """Put the moving average of a run's weights into the bundle `folder`, and the details of the
    faces whose codes it stores; config.json says how it was made.

    Raises TrainingError where the run drew another VAE's code.
    """
    state = checkpoints.read(run)
    vae = VAE.from_pretrained(folder)
    if state["vae_sha256"] != loading.vae_digest(vae):
        raise TrainingError(
            f"{run} is a renderer of {state['config']['bundle']}, whose weights are others than "
            f"those in {folder}."
        )
    with checkpoints.unpacking(run):
        config = SharpenConfig(**state["config"])
        renderer = Renderer(vae, config.channels)
        renderer.load_own_state(state["average"])
    loading.write(renderer.eval(), folder / loading.NAME)
    _store_details(renderer, folder / DETAILS, validation)
    if state["history"]:
        write_history(folder / HISTORY, state["history"])
    path = folder / "config.json"
    described = json.loads(path.read_bytes())
    described["renderer"] = {
        "sha256": digest(folder / loading.NAME),
        "parameters": sum(p.numel() for p in renderer.own_parameters()),
        "detail_size": renderer.detail_size,
        "training": state["config"],
        "earlier": state.get("earlier", []),
        "steps_done": state["step"],
        "seconds": round(state["seconds"]),
        "code_version": state["code_version"],
    }
    write_json(path, described)


@torch.no_grad()
def _store_details(renderer: Renderer, path: Path, validation) -> None:
    """The own details of the bundle's stored faces, in half precision."""
    found, generator = [], torch.Generator().manual_seed(0)
    for indices in stored_faces(len(validation)).split(64):
        images = validation.batch(indices).float() / 255
        codes = renderer.vae.encode(images).mean
        found.append(renderer.own_details(images, codes, generator))
    part = path.with_suffix(".part")
    save_file({"details": torch.cat(found).half()}, part, metadata={"format": "pt"})
    os.replace(part, path)
