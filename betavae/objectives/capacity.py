"""Capacity annealing (Burgess et al., "Understanding Disentangling in β-VAE", 2018)."""

from __future__ import annotations

from torch import Tensor

from betavae.model import Posterior
from betavae.objectives.base import Objective


class Capacity(Objective):
    """γ |KL(q(z|x) || p(z)) - C(t)|: equation 8 there.

    The code may carry C nats, and C grows linearly from 0 to `capacity` over `capacity_steps`
    steps, so that latents join one by one. KL is a sum over latents averaged over the batch before
    the absolute value is taken: the constraint is on the mean rate, not on each picture's.
    """

    name = "capacity"
    title = "Capacity annealing (C = {capacity:g} nats)"
    summary = "gamma |KL - C(t)|, C growing to capacity (Burgess 2018)"

    def __init__(
        self,
        *,
        gamma: float = 100.0,
        capacity: float = 25.0,
        capacity_steps: float = 10_000.0,
        **sizes,
    ):
        super().__init__(**sizes)
        self.gamma, self.capacity, self.capacity_steps = gamma, capacity, capacity_steps

    def allowed(self, step: int) -> float:
        """C(t), in nats."""
        return self.capacity * min(1.0, step / max(1.0, self.capacity_steps))

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        kl = posterior.kl().sum(1).mean()
        return self.gamma * (kl - self.allowed(step)).abs()
