"""Where a renderer starts from: another bundle's, or another run with its discriminator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from betavae.renderer import Renderer
from betavae.training import checkpoints


def starting_weights(folder: Path) -> dict[str, Any]:
    """{"renderer": its own weights}, and of a run also "discriminator", its weights, and "earlier",
    the settings and steps of that run and of those that it started from in turn.

    The renderer draws on the VAE's picture, not on its code, so one trained for another VAE knows
    most of what there is to know. Raises CheckpointError or WeightsError.
    """
    if not (folder / checkpoints.NAME).exists():
        return {"renderer": Renderer.from_pretrained(folder).own_state()}
    state = checkpoints.read(folder)
    with checkpoints.unpacking(folder):
        before = {"config": state["config"], "steps": state["step"]}
        return {
            "renderer": state["average"],
            "discriminator": state["discriminator"],
            "earlier": [*state.get("earlier", []), before],
        }
