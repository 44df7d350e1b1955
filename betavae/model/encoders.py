"""x -> the parameters of q(z|x), a diagonal Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from betavae.model.polar import kl_from_uniform, with_latent


@dataclass(frozen=True)
class Posterior:
    """q(z|x) = N(mean, exp(log_variance)), both (N, L); of the latent `angle`, where there is one,
    wrapped round the circle."""

    mean: Tensor
    log_variance: Tensor
    angle: int | None = None

    def reparameterise(self, noise: Tensor) -> Tensor:
        """z = μ + σ ε for standard normal ε (N, L) (Kingma & Welling 2014, section 2.4)."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw of q(z|x), (N, L). The generator lives on the CPU, whatever the device."""
        noise = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.reparameterise(noise.to(self.mean.device))

    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)) per picture and latent, (N, L), in nats: p is N(0, 1) (ibid., appendix
        B), and of an angle uniform."""
        kl = (self.mean.square() + self.log_variance.exp() - self.log_variance - 1) / 2
        if self.angle is None:
            return kl
        return with_latent(kl, self.angle, kl_from_uniform(self.log_variance[:, self.angle]))


def conv_encoder(channels: int, latents: int, widths: tuple[int, ...], hidden: int) -> nn.Module:
    """Four 4x4 convolutions of stride 2, 64x64 -> 4x4, then two linear layers -> (N, 2L)."""
    layers: list[nn.Module] = []
    for before, after in zip((channels, *widths[:-1]), widths, strict=True):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    layers += [nn.Flatten(), nn.Linear(widths[-1] * 4 * 4, hidden), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(hidden, 2 * latents))


def mlp_encoder(channels: int, latents: int, hidden: int = 1200) -> nn.Module:
    """The paper's fully connected encoder for 2D shapes: two ReLU layers -> (N, 2L)."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * 64 * 64, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, 2 * latents),
    )
