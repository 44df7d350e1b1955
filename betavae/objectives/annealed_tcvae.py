"""β-TCVAE whose β falls while it trains: strict at first, so that each factor finds one latent."""

from __future__ import annotations

from torch import Tensor

from betavae.model import Posterior
from betavae.objectives.beta_tcvae import BetaTCVAE


class AnnealedTCVAE(BetaTCVAE):
    """I(z; x) + β(t) TC(z) + Σ_l KL(q(z_l) || p(z_l)), β(t) from `first_beta` down to `beta`.

    A small β lets three latents share the place from the first thousand steps on, and they keep
    doing so; a large one aligns two with x and y, and then has no latents left for shape and turn.
    The weight falls geometrically over `anneal_steps` steps and then stays. That a constraint which
    loosens keeps what was found under it is Burgess et al.'s idea (2018) for the KL, and
    Shao et al.'s (DynamicVAE, 2020) for β.
    """

    name = "annealed-tcvae"
    title = "β-TCVAE (β = {first_beta:g} → {beta:g})"
    summary = "beta-tcvae with beta falling from first_beta"

    def __init__(
        self,
        *,
        first_beta: float = 32.0,
        beta: float = 8.0,
        anneal_steps: float = 12_000.0,
        **sizes,
    ):
        super().__init__(beta=beta, **sizes)
        self.first_beta, self.anneal_steps = first_beta, anneal_steps

    def weight(self, step: int) -> float:
        """β(t)."""
        done = min(1.0, step / max(1.0, self.anneal_steps))
        return self.first_beta ** (1 - done) * self.beta**done

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        information, correlation, dimensions = self.decompose(posterior, z)
        return information + self.weight(step) * correlation + dimensions
