"""Where a renderer starts from: another bundle's, or another run with its discriminator."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from betavae.renderer import Renderer
from betavae.training import checkpoints


def starting_weights(folder: Path) -> dict[str, dict[str, Tensor]]:
    """{"renderer": its own weights, "discriminator": those of a run, absent for a bundle}.

    The renderer draws on the VAE's picture, not on its code, so one trained for another VAE knows
    most of what there is to know. Raises CheckpointError or WeightsError.
    """
    if not (folder / checkpoints.NAME).exists():
        return {"renderer": Renderer.from_pretrained(folder).own_state()}
    state = checkpoints.read(folder)
    with checkpoints.unpacking(folder):
        return {"renderer": state["average"], "discriminator": state["discriminator"]}
