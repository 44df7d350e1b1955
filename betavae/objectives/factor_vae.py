"""FactorVAE (Kim & Mnih, "Disentangling by Factorising", ICML 2018)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from betavae.model import Posterior
from betavae.objectives.base import Objective

HIDDEN, LAYERS = 1000, 6
RATE, BETAS = 1e-4, (0.5, 0.9)


class FactorVAE(Objective):
    """KL + γ TC(z), the total correlation told by a discriminator: equation 2 and algorithm 2.

    The discriminator D learns to tell samples of q(z) from samples of Π_l q(z_l), which are those
    of the batch with each latent permuted across it; TC = E[log D(z) / (1 - D(z))]. Its weights and
    its optimiser's moments are part of the state, so a run resumes exactly.
    """

    name = "factor-vae"
    title = "FactorVAE (γ = {gamma:g})"
    summary = "gamma times a discriminator's total correlation (Kim & Mnih 2018)"

    def __init__(self, *, gamma: float = 10.0, **sizes):
        super().__init__(**sizes)
        self.gamma = gamma
        layers: list[nn.Module] = []
        for width in (self.latents, *[HIDDEN] * (LAYERS - 2)):
            layers += [nn.Linear(width, HIDDEN), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(HIDDEN, 1))
        self.optimiser = torch.optim.Adam(
            self.discriminator.parameters(), RATE, betas=BETAS, fused=True
        )
        self._z: Tensor | None = None  # of this step, for `after_step`

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        self._z = z.detach()
        self.discriminator.requires_grad_(False)  # this loss is the encoder's alone
        correlation = self.discriminator(z).mean()
        self.discriminator.requires_grad_(True)
        return posterior.kl().sum(1).mean() + self.gamma * correlation

    def after_step(self, average_gradients: Callable[[nn.Module], None]) -> None:
        """One step of the discriminator: samples of q(z) are 1, permuted ones 0."""
        if self._z is None:
            return
        logits = self.discriminator(torch.cat([self._z, permuted(self._z)]))
        truth = torch.ones_like(logits)
        truth[len(self._z) :] = 0
        self.optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(logits, truth).backward()
        average_gradients(self.discriminator)
        self.optimiser.step()
        self._z = None

    def get_extra_state(self) -> dict:
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict) -> None:
        self.optimiser.load_state_dict(state)


def permuted(z: Tensor) -> Tensor:
    """Each latent's values (N, L) permuted across the batch, independently of the other latents."""
    order = torch.rand(z.shape, device=z.device).argsort(0)
    return z.gather(0, order)
