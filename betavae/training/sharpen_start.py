"""Where a renderer starts from: another bundle's, or another run with its discriminator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from betavae.renderer import Renderer
from betavae.training import checkpoints


def starting_weights(folder: Path | None, judge: Path | None = None) -> dict[str, Any]:
    """{"renderer": its own weights, "discriminator": its, "earlier": the settings and steps of the
    runs that they come from, oldest first}; without what is not there.

    folder  of a bundle, or of a run
    judge   the folder of another run, whose discriminator is taken

    The renderer draws on the VAE's picture, not on its code, so one trained for another VAE knows
    most of what there is to know; and a discriminator knows no code at all. Raises CheckpointError
    or WeightsError.
    """
    start = {} if folder is None else _of_run(folder) if _is_run(folder) else _of_bundle(folder)
    if judge is None:
        return start
    found = _of_run(judge)
    # One who reads the card must see which runs gave the discriminator alone.
    others = [{**run, "judge_alone": True} for run in found["earlier"]]
    earlier = [*start.get("earlier", []), *others]
    return {**start, "discriminator": found["discriminator"], "earlier": earlier}


def _is_run(folder: Path) -> bool:
    return (folder / checkpoints.NAME).exists()


def _of_run(folder: Path) -> dict[str, Any]:
    state = checkpoints.read(folder)
    with checkpoints.unpacking(folder):
        return {
            "renderer": state["average"],
            "discriminator": state["discriminator"],
            "earlier": [*state.get("earlier", []), _told(state["config"], state["step"])],
        }


def _of_bundle(folder: Path) -> dict[str, Any]:
    weights = Renderer.from_pretrained(folder).own_state()
    made = json.loads((folder / "config.json").read_bytes()).get("renderer")
    if made is None:  # written by hand
        return {"renderer": weights}
    before = _told(made["training"], made["steps_done"])
    return {"renderer": weights, "earlier": [*made.get("earlier", []), before]}


def _told(config: dict[str, Any], steps: int) -> dict[str, Any]:
    return {"config": config, "steps": steps}
