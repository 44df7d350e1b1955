"""The decoder's raw output -> p(x|z): Bernoulli pixels, or Gaussian pixels with a learned scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Bernoulli:
    """Independent binary pixels; `logits` (N, C, 64, 64)."""

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        uniform = torch.rand(self.logits.shape, generator=generator).to(self.logits.device)
        return (uniform < self.mean).to(self.logits.dtype)

    def log_prob(self, images: Tensor) -> Tensor:
        """log p(x|z) per picture, (N,), in nats: a sum over pixels."""
        losses = F.binary_cross_entropy_with_logits(self.logits, images, reduction="none")
        return -losses.flatten(1).sum(1)


@dataclass(frozen=True)
class Gaussian:
    """Independent normal pixels around `mean` (N, C, 64, 64), all with the one scale σ."""

    mean: Tensor
    scale: Tensor  # (), in units of the pixel range [0, 1]

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw, clamped to [0, 1] so that it can be shown."""
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean.device)
        return (self.mean + self.scale * noise).clamp(0, 1)

    def log_prob(self, images: Tensor) -> Tensor:
        """log p(x|z) per picture, (N,), in nats: a sum over pixels."""
        squares = ((images - self.mean) / self.scale).square().flatten(1)
        constant = squares.shape[1] * (self.scale.log() + math.log(2 * math.pi) / 2)
        return -squares.sum(1) / 2 - constant


class BernoulliLikelihood(nn.Module):
    """Raw output -> Bernoulli. There is no scale to learn."""

    def forward(self, output: Tensor) -> Bernoulli:
        return Bernoulli(output)

    def fit(self, likelihood: Bernoulli, images: Tensor, average=None) -> Bernoulli:
        return likelihood


class GaussianLikelihood(nn.Module):
    """Raw output -> Gaussian whose scale is one number learned for the whole data set.

    With σ fixed at 1 and pixels in [0, 1], β = 250 collapses every latent. The scale that maximises
    the likelihood has a closed form, σ² = mean squared error (Rybkin et al. 2021, "σ-VAE",
    equation 5); a running average of it is kept in the weights, so that a loaded model can sample.
    """

    def __init__(self, momentum: float = 0.01):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("scale", torch.ones(()))

    def forward(self, output: Tensor) -> Gaussian:
        return Gaussian(output.sigmoid(), self.scale)

    def fit(
        self,
        likelihood: Gaussian,
        images: Tensor,
        average: Callable[[Tensor], Tensor] | None = None,
    ) -> Gaussian:
        """The same likelihood at this batch's optimal scale, which also moves the running average.

        The scale carries no gradient: at its optimum the gradient of log p with respect to it is
        zero, so that of the mean equals that of N/2 log MSE. `average` averages a scalar over
        processes.
        """
        with torch.no_grad():
            mean_squared_error = F.mse_loss(likelihood.mean, images)
            if average is not None:
                mean_squared_error = average(mean_squared_error)
            scale = mean_squared_error.clamp_min(1e-8).sqrt()
            # The start value 1 would outlive hundreds of steps in a running average: skip it.
            first = self.scale == 1
            new = scale.to(self.scale)
            self.scale.copy_(torch.where(first, new, self.scale.lerp(new, self.momentum)))
        return Gaussian(likelihood.mean, scale)


LIKELIHOODS = {"bernoulli": BernoulliLikelihood, "gaussian": GaussianLikelihood}
Likelihood = Bernoulli | Gaussian
