"""DIP-VAE (Kumar et al., "Variational Inference of Disentangled Latent Concepts", ICLR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from betavae.model import Posterior
from betavae.objectives.base import Objective


def covariance(values: Tensor) -> Tensor:
    """(N, L) -> (L, L), centred over the batch, divided by N. No matrix product: autocast would
    round its factors to bf16."""
    centred = values - values.mean(0)
    return (centred[:, :, None] * centred[:, None]).mean(0)


def penalty(matrix: Tensor, off_diagonal: float, diagonal: float) -> Tensor:
    """λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii - 1)²: equations 6 and 7 there."""
    on = matrix.diagonal()
    off = matrix.square().sum() - on.square().sum()
    return off_diagonal * off + diagonal * (on - 1).square().sum()


class DIPVAE1(Objective):
    """KL + the penalty on Cov[μ(x)], the covariance of the posterior means."""

    name = "dip-vae-i"
    title = "DIP-VAE-I (λ = {lambda_od:g})"
    summary = "the means' covariance is pulled to the identity (Kumar 2018)"
    recordable = True

    def __init__(self, *, lambda_od: float = 10.0, lambda_d: float = 100.0, **sizes):
        super().__init__(**sizes)
        self.lambda_od, self.lambda_d = lambda_od, lambda_d

    def forward(self, posterior: Posterior, z: Tensor, step: int) -> Tensor:
        kl = posterior.kl().sum(1).mean()
        return kl + penalty(self.moments(posterior), self.lambda_od, self.lambda_d)

    def moments(self, posterior: Posterior) -> Tensor:
        """The covariance that is penalised, (L, L)."""
        return covariance(posterior.mean)


class DIPVAE2(DIPVAE1):
    """KL + the penalty on Cov[z] = E[Σ(x)] + Cov[μ(x)], the covariance of q(z) itself."""

    name = "dip-vae-ii"
    title = "DIP-VAE-II (λ = {lambda_od:g})"
    summary = "the covariance of q(z) is pulled to the identity (Kumar 2018)"

    def __init__(self, *, lambda_od: float = 10.0, lambda_d: float = 10.0, **sizes):
        super().__init__(lambda_od=lambda_od, lambda_d=lambda_d, **sizes)

    def moments(self, posterior: Posterior) -> Tensor:
        return super().moments(posterior) + torch.diag(posterior.log_variance.exp().mean(0))
