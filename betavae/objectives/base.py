"""What an objective is, and the table of their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from torch import Tensor, nn

from betavae.model import Posterior

OBJECTIVES: dict[str, type[Objective]] = {}


class Objective(nn.Module):
    """A regulariser of (q(z|x), z, step): what is added to -log p(x|z), in nats per picture.

    The value is a sum over latents and a mean over the batch. A subclass is one file: it names
    itself, takes its weights as keyword arguments (the command line reads them from its signature),
    and keeps what it trains itself, a discriminator say, in its state_dict, which is part of every
    checkpoint. It keeps no step counter: the loop passes the step.
    """

    name: str
    title: str  # for people, with the settings to fill in: "β-VAE (β = {beta:g})"
    summary: str  # one line for --help
    # Whether the value follows from tensors alone, not from the step or a network of its own: then
    # steps can be recorded and replayed (betavae/training/recording.py).
    recordable = False
    knows_angles = False  # whether a latent may be an angle: see betavae/model/polar.py

    def __init__(self, *, dataset_size: int = 0, latents: int = 0):
        super().__init__()
        self.dataset_size, self.latents = dataset_size, latents

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        OBJECTIVES[cls.name] = cls

    @classmethod
    def titled(cls, settings: dict[str, float]) -> str:
        """The title with these settings filled in."""
        return cls.title.format(**settings)

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        """posterior (N, L), one sample z (N, L) of it, the step from 0 -> a scalar."""
        raise TypeError(f"{type(self).__name__} must define forward")

    def after_step(self, average_gradients: Callable[[nn.Module], None]) -> None:
        """Called once the model's weights have moved: a part of its own may be trained here, its
        gradients averaged over processes by `average_gradients`."""


def settings(objective: type[Objective]) -> dict[str, float]:
    """The objective's own weights and their defaults, from its signature."""
    parameters = inspect.signature(objective.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and _own(p.name)}


def _own(name: str) -> bool:
    return name not in ("dataset_size", "latents")
