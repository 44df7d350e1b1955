"""Random numbers where a step needs them: on a GPU they are drawn there, and nothing is copied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def drawing(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """The generator of flips and noise: on a CPU the run's own."""
    if device.type == "cpu":
        return generator
    return torch.Generator(device).manual_seed(generator.initial_seed())


def device_generator(device: torch.device) -> Tensor | None:
    """The state of a GPU's default generator, which objectives draw from; None on a CPU."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def continue_drawing(run, state: dict[str, Any]) -> None:
    """Go on where a checkpoint's run left. On another kind of device the same numbers cannot be
    drawn; they are then seeded anew by the step."""
    device, saved = run.processes.device, state.get("drawing")
    if run.drawing is run.generator:  # set by its own name, as in earlier checkpoints
        return
    if saved is not None and saved.shape == run.drawing.get_state().shape:
        run.drawing.set_state(saved)
    else:
        run.drawing.manual_seed(run.config.seed + run.step)
    if device.type == "cuda" and state.get("device_generator") is not None:
        torch.cuda.set_rng_state(state["device_generator"], device)
