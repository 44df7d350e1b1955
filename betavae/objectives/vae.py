"""The plain variational autoencoder (Kingma & Welling, ICLR 2014): β-VAE at β = 1."""

from __future__ import annotations

from torch import Tensor

from betavae.model import Posterior
from betavae.objectives.base import Objective


class PlainVAE(Objective):
    """KL(q(z|x) || p(z)): the evidence lower bound."""

    name = "vae"
    title = "VAE (β = 1)"
    summary = "the evidence lower bound, beta = 1 (Kingma & Welling 2014)"
    recordable = True
    knows_angles = True

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        return posterior.kl().sum(1).mean()
