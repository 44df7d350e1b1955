"""β-TCVAE (Chen et al., "Isolating Sources of Disentanglement in VAEs", NeurIPS 2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from betavae.model import Posterior
from betavae.model.polar import LOG_CIRCLE, with_latent, wrapped_log_density
from betavae.objectives.base import Objective


class BetaTCVAE(Objective):
    """α I(z; x) + β TC(z) + γ Σ_l KL(q(z_l) || p(z_l)): equation 4 there.

    The three sum to the mean KL, so α = β = γ = 1 is the VAE. q(z) is estimated from the batch, by
    minibatch stratified sampling or, with stratified = 0, by minibatch weighted sampling.
    """

    name = "beta-tcvae"
    title = "β-TCVAE (β = {beta:g})"
    summary = "beta times the total correlation of q(z) (Chen 2018)"
    recordable = True
    knows_angles = True

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 6.0,
        gamma: float = 1.0,
        stratified: float = 1.0,
        **sizes,
    ):
        super().__init__(**sizes)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.stratified = bool(stratified)
        self._weights: dict[tuple, Tensor] = {}  # by batch and place: not copied at each step

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        information, correlation, dimensions = self.decompose(posterior, z)
        return self.alpha * information + self.beta * correlation + self.gamma * dimensions

    def decompose(self, posterior: Posterior, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(I(z; x), TC(z), Σ_l KL(q(z_l) || p(z_l))), each estimated in nats, scalars."""
        densities = pairwise_log_density(posterior, z)  # (N, N, L): of z_i under q(z|x_j)
        place = (len(z), z.device, z.dtype)
        if place not in self._weights:
            self._weights[place] = self.log_weights(len(z)).to(z)
        weights = self._weights[place]
        log_q_zx = densities.diagonal().sum(0)  # the diagonal comes last: (L, N) -> (N,)
        log_q_z = (densities.sum(2) + weights).logsumexp(1)
        log_product = (densities + weights[:, :, None]).logsumexp(1).sum(1)
        log_p_z = log_prior(z, posterior.angle).sum(1)
        return (
            (log_q_zx - log_q_z).mean(),
            (log_q_z - log_product).mean(),
            (log_product - log_p_z).mean(),
        )

    def log_weights(self, batch: int) -> Tensor:
        """log W (batch, batch) with q(z_i) ≈ Σ_j W_ij q(z_i|x_j) (appendix C there).

        Stratified: 1/N for the picture that z_i came from, on the diagonal; of the other M =
        batch - 1 one stands for all that are not in the batch, (N - M) / (N M), and the rest have
        1/M, so that each row sums to one. Weighted: 1/(N batch) for all, which does not.
        """
        size = max(self.dataset_size, batch)
        if not self.stratified or batch == 1:
            return torch.full((batch, batch), -math.log(size * batch))
        others = batch - 1
        weights = torch.full((batch, batch), 1 / others)
        weights.fill_diagonal_(1 / size)
        rows = torch.arange(batch)
        weights[rows, (rows + 1) % batch] = (size - others) / (size * others)
        return weights.log()


def pairwise_log_density(posterior: Posterior, z: Tensor) -> Tensor:
    """log q(z_il | x_j) for every sample i, picture j and latent l: (N, N, L)."""
    mean, log_variance = posterior.mean[None], posterior.log_variance[None]
    away = z[:, None] - mean
    densities = -(away.square() / log_variance.exp() + log_variance + LOG_CIRCLE) / 2
    if (k := posterior.angle) is None:
        return densities
    return with_latent(densities, k, wrapped_log_density(away[..., k], log_variance[..., k]))


def log_prior(z: Tensor, angle: int | None) -> Tensor:
    """log p(z_l) of z (N, L): standard normal, and uniform over the circle for an angle."""
    density = -(z.square() + LOG_CIRCLE) / 2
    if angle is not None:
        density[:, angle] = -LOG_CIRCLE
    return density
