"""What details are like over all faces, so that new ones can be drawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FLOOR = 1e-3  # of variance in every direction: a covariance of few pictures has none in most


class DetailPrior(nn.Module):
    """One normal distribution N(m, C) of all details (N, S), told while training.

    The rate presses q(s|x, c) towards N(0, 1), but what it leaves between neighbouring places of
    the grid is most of what makes details look like anything: hair goes on where hair is. A full
    covariance knows that (Ghosh et al., ICLR 2020, fit such a density after training; here the
    discriminator sees what is drawn from it, so it is fitted along the way).
    """

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("covariance", torch.eye(size))
        self.register_buffer("root", torch.eye(size))  # C = root root^T

    def draw(self, noise: Tensor) -> Tensor:
        """Standard normal noise (N, S) -> details (N, S)."""
        return self.mean + noise @ self.root.T

    @torch.no_grad()
    def observe(self, details: Tensor, weight: float) -> None:
        """Let details (N, S) count by `weight` in the moving mean and covariance."""
        self.mean.lerp_(details.mean(0), weight)
        apart = details - self.mean
        self.covariance.lerp_(apart.T @ apart / len(details), weight)

    @torch.no_grad()
    def settle(self) -> None:
        """Draw from what has been observed from now on."""
        floor = FLOOR * torch.eye(len(self.mean), device=self.mean.device)
        self.root.copy_(torch.linalg.cholesky(self.covariance + floor))
