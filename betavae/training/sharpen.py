"""All that decides a renderer's weights, and its learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from betavae.training.config import CHOICES

PENALISED = 8  # steps from one penalty on the discriminator's slope to the next


@dataclass(frozen=True)
class SharpenConfig:
    """All that decides the weights of a renderer. It goes into the checkpoint and the bundle.

    Raises ValueError, in one sentence, for a value that nothing can be trained with.
    """

    bundle: str = ""  # the name of the bundle whose code is drawn
    data: str = "celeba"
    start: str = ""  # where the networks come from, if not from nothing
    judge: str = ""  # where the discriminator comes from, if not from there
    steps: int = 20_000
    batch_size: int = 32  # over all processes
    learning_rate: float = 3e-4  # the peak
    judges_rate: float = 2.0  # the discriminator's, in learning rates (Heusel et al. 2017)
    warm_up: int = 200  # steps of linear warm-up
    slowing: float = 0.3  # the last part of the steps, in which the learning rate falls
    alone: int = 1_000  # steps before the discriminator joins: there is nothing to judge yet
    channels: int = 4  # of details at each place of an 8x8 grid
    pixels: float = 20.0  # weights of the terms in betavae/renderer/terms.py
    features: float = 5.0
    contrast: float = 0.0
    spectrum: float = 2.0
    realism: float = 0.3
    penalty: float = 0.1  # on the discriminator's slope, at every PENALISED-th step that much more
    judges_channels: int = 16  # the discriminator's at 64x64: 32 where there is a GPU
    kept: float = 0.5  # of the code given back; half of it for the picture's own code
    rate: float = 1.5e-3
    free_nats: float = 100.0  # of details, before their rate costs anything
    averaging: float = 0.999  # of the moving average of the weights, which is what is served
    flips: bool = True  # mirror half of the pictures
    precision: str = "auto"  # "fp32", "bf16" or "auto": the faster one here, measured at the start
    memory_format: str = "auto"  # "channels_last", "contiguous" or "auto"
    seed: int = 0

    def __post_init__(self):
        for name in ("precision", "memory_format"):
            if getattr(self, name) not in CHOICES[name]:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of "
                    f"{', '.join(CHOICES[name])}."
                )
        for name in ("steps", "channels", "judges_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if self.batch_size < 2 or self.batch_size % 2:
            raise ValueError(
                f"The batch is {self.batch_size}; it must be even: half of it is drawn once more, "
                "from other codes."
            )
        if not 0 < self.learning_rate < math.inf:  # false for NaN too
            raise ValueError(
                f"The learning rate is {self.learning_rate}; it must be a finite number above 0."
            )
        for told, steps in (("warm-up", self.warm_up), ("time alone", self.alone)):
            if steps < 0:
                raise ValueError(f"The {told} is {steps} steps; it must be 0 or more.")
        for name in (
            "pixels",
            "features",
            "contrast",
            "spectrum",
            "realism",
            "penalty",
            "kept",
            "rate",
            "free_nats",
            "judges_rate",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more.")
        for name in ("averaging", "slowing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be from 0 to below 1.")


def learning_rate(config: SharpenConfig, step: int) -> float:
    """Linear warm-up, then the peak, then a straight line to a tenth of it at the last step."""
    rising = min(1.0, (step + 1) / max(1, config.warm_up))
    slow = max(1.0, config.slowing * config.steps)
    left = min(1.0, (config.steps - step) / slow)
    return config.learning_rate * rising * (0.1 + 0.9 * left)


def averaging(config: SharpenConfig, step: int) -> float:
    """How much of the moving average stays at this step: short at the start, when all is new."""
    return min(config.averaging, (1 + step) / (10 + step))
