"""All that decides the weights of a run, and its learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides the weights of a run. It goes into the checkpoint and the bundle."""

    data: str = "celeba"  # a name in betavae.data.DATA_SETS
    objective: str = "beta-vae"  # a name in betavae.objectives.OBJECTIVES
    objective_settings: dict[str, float] = field(default_factory=dict)  # its weights: {"beta": 4}
    architecture: str = "conv"
    latents: int = 32
    likelihood: str = "gaussian"
    channels: int = 3
    steps: int = 36_000
    batch_size: int = 64  # over all processes together
    optimiser: str = "adam"  # or "adagrad", as the paper has it for 2D shapes
    learning_rate: float = 1e-3  # the peak, reached after warm-up
    warm_up: int = 200  # steps of linear warm-up; without it β-VAE can collapse at the start
    decay: str = "cosine"  # to zero at the last step, or "none"
    flips: bool = True  # mirror half of the pictures
    precision: str = "auto"  # "fp32", "bf16" or "auto": the faster one here, measured at the start
    memory_format: str = "auto"  # "channels_last", "contiguous" or "auto"
    seed: int = 0


OPTIMISERS = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Linear warm-up, then half a cosine to zero at the last step."""
    rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warm_up))
    if config.decay == "none":
        return rate
    done = max(0, step - config.warm_up) / max(1, config.steps - config.warm_up)
    return rate * (1 + math.cos(math.pi * done)) / 2


def config_from(values: dict[str, Any]) -> TrainingConfig:
    """A TrainingConfig of those entries of `values` that are its fields and not None."""
    known = {f.name for f in fields(TrainingConfig)}
    return TrainingConfig(**{k: v for k, v in values.items() if k in known and v is not None})
