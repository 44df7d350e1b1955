"""β-VAE (Higgins et al., ICLR 2017, equation 4)."""

from __future__ import annotations

from torch import Tensor

from betavae.model import Posterior
from betavae.objectives.base import Objective


class BetaVAE(Objective):
    """β KL(q(z|x) || p(z)). With sums over pixels and latents, β is the paper's β."""

    name = "beta-vae"
    title = "β-VAE (β = {beta:g})"
    summary = "beta times the KL divergence (Higgins 2017)"
    recordable = True
    knows_angles = True

    @classmethod
    def titled(cls, settings: dict[str, float]) -> str:
        return "VAE (β = 1)" if settings.get("beta") == 1 else super().titled(settings)

    def __init__(self, *, beta: float = 4.0, **sizes):
        super().__init__(**sizes)
        self.beta = beta

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        return self.beta * posterior.kl().sum(1).mean()
