"""All that decides the weights of a run, and its learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from betavae.model import ARCHITECTURES
from betavae.model.likelihoods import LIKELIHOODS
from betavae.objectives import OBJECTIVES, settings
from betavae.training.precision import SETTINGS

OPTIMISERS = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}
DECAYS = ("cosine", "none")
CHOICES = {
    "objective": tuple(OBJECTIVES),
    "architecture": tuple(ARCHITECTURES),
    "likelihood": tuple(LIKELIHOODS),
    "optimiser": tuple(OPTIMISERS),
    "decay": DECAYS,
    "precision": ("auto", *dict.fromkeys(s.precision for s in SETTINGS)),
    "memory_format": ("auto", *dict.fromkeys(s.memory_format for s in SETTINGS)),
}


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides the weights of a run. It goes into the checkpoint and the bundle.

    Raises ValueError, in one sentence, for a value that nothing can be trained with.
    """

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
    growth: int = 0  # steps of each part in which the code grows: see betavae/training/growth.py
    fresh_latents: tuple[int, ...] = ()  # how many silent ones start afresh, by round; (): all
    flips: bool = True  # mirror half of the pictures
    precision: str = "auto"  # "fp32", "bf16" or "auto": the faster one here, measured at the start
    memory_format: str = "auto"  # "channels_last", "contiguous" or "auto"
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "fresh_latents", fresh_rounds(vars(self)))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}."
                )
        foreign = self.objective_settings.keys() - settings(OBJECTIVES[self.objective]).keys()
        if foreign:
            raise ValueError(f"{min(foreign)} is not a setting of the objective {self.objective}.")
        for name in ("latents", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 < self.learning_rate < math.inf:  # false for NaN too
            raise ValueError(
                f"The learning rate is {self.learning_rate}; it must be a finite number above 0."
            )
        for told, steps in (("warm-up", self.warm_up), ("growth", self.growth)):
            if steps < 0:
                raise ValueError(f"The {told} is {steps} steps; it must be 0 or more.")
        grown = self.growth * max(3, 2 * len(self.fresh_latents))
        if self.growth and grown >= self.steps:
            raise ValueError(
                f"Growth in parts of {self.growth} steps takes {grown} steps, and none of "
                f"{self.steps} is left for the objective: use a smaller --growth or more --steps."
            )
        if self.fresh_latents and not (self.growth and min(self.fresh_latents) > 0):
            told = ", ".join(map(str, self.fresh_latents))
            raise ValueError(
                f"fresh_latents is {told}; it must be 1 or more, and it is only for runs with "
                "growth."
            )
        if self.growth and self.objective == "capacity":
            raise ValueError("The objective capacity lets the code grow already: growth must be 0.")

    @property
    def fresh_starts(self) -> dict[int, int | None]:
        """{step: how many silent latents start afresh after it, None for all}; empty for a run that
        does not grow."""
        if not self.growth:
            return {}
        most = self.fresh_latents or (None,)
        return {2 * self.growth * k: n for k, n in enumerate(most, start=1)}


def fresh_rounds(config: dict[str, Any]) -> tuple[int, ...]:
    """The "fresh_latents" of a TrainingConfig as a dictionary, which earlier runs lack, or have as
    one number or as None."""
    found = config.get("fresh_latents") or ()
    return (found,) if isinstance(found, int) else tuple(found)


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Linear warm-up, again whenever latents start afresh; then half a cosine to zero at the last
    step."""
    start = max((start for start in config.fresh_starts if start <= step), default=0)
    rate = config.learning_rate * min(1.0, (step - start + 1) / max(1, config.warm_up))
    if config.decay == "none":
        return rate
    done = max(0, step - config.warm_up) / max(1, config.steps - config.warm_up)
    return rate * (1 + math.cos(math.pi * done)) / 2


def title(config: dict[str, Any]) -> str:
    """For people, of a TrainingConfig as a dictionary: "β-TCVAE (β = 8), grown"."""
    named = OBJECTIVES[config["objective"]].titled(config["objective_settings"])
    if not config.get("growth"):  # earlier runs do not say
        return named
    by = ", then ".join(map(str, fresh_rounds(config)))
    return f"{named}, grown by {by}" if by else f"{named}, grown"


def log_beta_norm(config: TrainingConfig) -> float | None:
    """log(β·M/N) for M latents and N pixel values (Higgins et al. 2017).

    None where β does not weigh the whole KL, or not at every step, and for β = 0, a plain
    autoencoder, which has no place on a logarithmic axis.
    """
    beta = config.objective_settings.get("beta", 1.0)
    if config.objective not in ("vae", "beta-vae") or beta <= 0 or config.growth:
        return None
    return math.log(beta * config.latents / (config.channels * 64 * 64))


def config_from(values: dict[str, Any]) -> TrainingConfig:
    """A TrainingConfig of those entries of `values` that are its fields and not None."""
    known = {f.name for f in fields(TrainingConfig)}
    return TrainingConfig(**{k: v for k, v in values.items() if k in known and v is not None})
