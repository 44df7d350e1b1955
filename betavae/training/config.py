"""All that decides the weights of a run, and its learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from betavae.model import ARCHITECTURES
from betavae.model.likelihoods import LIKELIHOODS
from betavae.model.multi_rate import check_betas
from betavae.objectives import OBJECTIVES, settings
from betavae.training.precision import SETTINGS

OPTIMISERS = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}
DECAYS = ("cosine", "none")
# The share of a MultiRateVAE's steps in which its highest β grows from the lowest one: latents in
# use can learn at which β they are no longer worth it; those that a high β kept silent from the
# first step on learn nothing.
WIDENING = 0.1
PRESSURE = 300.0  # KL's weight at the start of a run that grows: of 2D shapes no latent is worth
# its nats above 130 or so.
FALLS_FROM = 150.0  # and of one that falls: not far above, as its steps are few
BETAS_A_STEP = 4  # values of β that a step of a MultiRateVAE sees, each with as many pictures
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
    betas: tuple[float, ...] = ()  # lowest and highest β of a MultiRateVAE; (): one β, a VAE
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
    falling: int = 0  # steps in which KL's weight falls from FALLS_FROM to what it is then
    fresh_latents: tuple[int, ...] = ()  # how many silent ones start afresh, by round; (): all
    polar: int = 0  # the step after which two latents are polar coordinates; 0: never
    flips: bool = True  # mirror half of the pictures
    precision: str = "auto"  # "fp32", "bf16" or "auto": the faster one here, measured at the start
    memory_format: str = "auto"  # "channels_last", "contiguous" or "auto"
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "fresh_latents", fresh_rounds(vars(self)))
        object.__setattr__(self, "betas", tuple(self.betas))  # a list where JSON had it
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}."
                )
        foreign = self.objective_settings.keys() - settings(OBJECTIVES[self.objective]).keys()
        if foreign:
            raise ValueError(f"{min(foreign)} is not a setting of the objective {self.objective}.")
        for name, value in self.objective_settings.items():
            if not 0 <= value < math.inf:  # false for NaN too
                raise ValueError(f"{name} is {value}; it must be a finite number, 0 or more.")
        if not 0 <= self.seed < 2**32:  # what NumPy's generators take
            raise ValueError(f"The seed is {self.seed}; it must be from 0 to {2**32 - 1}.")
        for name in ("latents", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not 0 < self.learning_rate < math.inf:  # false for NaN too
            raise ValueError(
                f"The learning rate is {self.learning_rate}; it must be a finite number above 0."
            )
        for told, steps in (
            ("warm-up", self.warm_up),
            ("growth", self.growth),
            ("falling", self.falling),
        ):
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
        if self.polar:
            self._check_polar()
        if self.growth and self.objective == "capacity":
            raise ValueError("The objective capacity lets the code grow already: growth must be 0.")
        if self.falling:
            self._check_falling()
        if self.betas:
            self._check_betas()

    def _check_polar(self) -> None:
        if not 0 < self.polar < self.steps:
            raise ValueError(
                f"polar is {self.polar}; it must be a step before the last one, {self.steps}."
            )
        knowing = [name for name, objective in OBJECTIVES.items() if objective.knows_angles]
        if self.betas or self.objective not in knowing:
            raise ValueError(
                f"polar is for the objectives {', '.join(knowing)}, without betas: the others "
                "compare latents as numbers on a line."
            )

    def _check_falling(self) -> None:
        if self.growth or self.betas or self.objective == "capacity":
            raise ValueError(
                "falling is for a plain objective: growth, betas and the objective capacity have "
                "a pressure of their own."
            )
        if self.falling >= self.steps:
            raise ValueError(
                f"KL's weight falls over {self.falling} steps, and none of {self.steps} is left "
                "for the objective: use a smaller --falling or more --steps."
            )

    def _check_betas(self) -> None:
        if self.objective != "beta-vae" or self.growth:
            raise ValueError("betas is for the objective beta-vae, without growth: leave it out.")
        if len(self.betas) != 2:
            raise ValueError(
                f"betas has {len(self.betas)} values; it must be a lowest and a highest β."
            )
        check_betas(self.betas, self.shown_beta)
        if self.batch_size % BETAS_A_STEP:
            raise ValueError(
                f"batch_size is {self.batch_size}; with betas it must be a multiple of "
                f"{BETAS_A_STEP}, the values of β that a step sees."
            )

    @property
    def shown_beta(self) -> float:
        """The objective's β; of a MultiRateVAE, the one that it is shown at first."""
        return self.objective_settings.get("beta", settings(OBJECTIVES["beta-vae"])["beta"])

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
    if config.get("betas"):  # earlier runs do not say
        low, high = config["betas"]
        return f"β-VAE, any β from {low:g} to {high:g}"
    parts = [OBJECTIVES[config["objective"]].titled(config["objective_settings"])]
    if config.get("falling"):  # earlier runs say none of these
        parts.append(f"falling from {FALLS_FROM:g}")
    if config.get("growth"):
        by = ", then ".join(map(str, fresh_rounds(config)))
        parts.append(f"grown by {by}" if by else "grown")
    if config.get("polar"):
        parts.append("with an angle")
    return ", ".join(parts)


def log_beta_norm(config: TrainingConfig) -> float | None:
    """log(β·M/N) for M latents and N pixel values (Higgins et al. 2017).

    None where β does not weigh the whole KL, or not at every step, and for β = 0, a plain
    autoencoder, which has no place on a logarithmic axis.
    """
    beta = config.objective_settings.get("beta", 1.0)
    one = not config.betas and not config.growth and not config.falling
    if config.objective not in ("vae", "beta-vae") or beta <= 0 or not one:
        return None
    return math.log(beta * config.latents / (config.channels * 64 * 64))


def config_from(values: dict[str, Any]) -> TrainingConfig:
    """A TrainingConfig of those entries of `values` that are its fields and not None."""
    known = {f.name for f in fields(TrainingConfig)}
    return TrainingConfig(**{k: v for k, v in values.items() if k in known and v is not None})
