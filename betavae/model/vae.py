"""The variational autoencoder: x -> q(z|x) -> z -> p(x|z)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from betavae.model.decoders import conv_decoder, mlp_decoder
from betavae.model.encoders import Posterior, conv_encoder, mlp_encoder
from betavae.model.likelihoods import LIKELIHOODS, Likelihood
from betavae.model.polar import PolarIn, PolarOut
from betavae.model.pretrained import Pretrained, WeightsError

# name -> (encoder, decoder) for (channels, latents); `conv` and `mlp` are the paper's Table 1;
# `conv-small` is `conv` with half of everything, which the lab trains in a minute and a half.
ARCHITECTURES = {
    "conv": lambda c, n: (
        conv_encoder(c, n, (32, 32, 64, 64), 256),
        conv_decoder(c, n, (32, 32, 64, 64), 256),
    ),
    "conv-small": lambda c, n: (
        conv_encoder(c, n, (16, 16, 32, 32), 128),
        conv_decoder(c, n, (16, 16, 32, 32), 128),
    ),
    "conv-wide": lambda c, n: (
        conv_encoder(c, n, (64, 128, 256, 256), 512),
        conv_decoder(c, n, (64, 128, 256, 256), 512),
    ),
    "mlp": lambda c, n: (mlp_encoder(c, n), mlp_decoder(c, n)),
}


class VAE(
    nn.Module,
    Pretrained,
    library_name="beta-vae",
    tags=["beta-vae", "disentanglement"],
):
    """Encoder, decoder and likelihood of one architecture.

    architecture  "conv", "conv-small", "conv-wide" or "mlp"
    channels      1 or 3 picture channels; pictures are 64x64
    latents       L, the size of the code
    likelihood    "gaussian" (faces) or "bernoulli" (2D shapes)
    polar         two latents that are polar coordinates, a distance and an angle: see
                  betavae/model/polar.py
    """

    def __init__(
        self,
        architecture: str = "conv",
        channels: int = 3,
        latents: int = 32,
        likelihood: str = "gaussian",
        polar: tuple[int, int] | None = None,
    ):
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture is {architecture!r}; it must be one of {', '.join(ARCHITECTURES)}."
            )
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"likelihood is {likelihood!r}; it must be one of {', '.join(LIKELIHOODS)}."
            )
        self.channels, self.latents, self.polar = channels, latents, None
        self.encoder, self.decoder = ARCHITECTURES[architecture](channels, latents)
        if polar:
            self.make_polar(polar)
        self.likelihood = LIKELIHOODS[likelihood]()

    def encode(self, images: Tensor) -> Posterior:
        """images (N, C, 64, 64) float in [0, 1] -> q(z|x) with mean and log_variance (N, L).

        Raises ValueError for another shape, and for whole numbers.
        """
        images = fitting(images, (self.channels, 64, 64), "encode takes pictures", self)
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return Posterior(mean, log_variance, self.polar and self.polar[1])

    def decode(self, latents: Tensor) -> Likelihood:
        """latents (N, L) -> p(x|z) over pictures (N, C, 64, 64). Raises ValueError as `encode`."""
        latents = fitting(latents, (self.latents,), "decode takes codes", self)
        return self.likelihood(self.decoder(latents).float())

    def prior(self, noise: Tensor) -> Tensor:
        """Codes (N, L) of p(z) from standard normal noise (N, L): the noise itself, and of an angle
        one that is uniform over the circle."""
        codes = noise.clone()
        if self.polar:
            share = torch.special.ndtr(noise[:, self.polar[1]])
            codes[:, self.polar[1]] = (2 * share - 1) * math.pi
        return codes

    def make_polar(self, pair: tuple[int, int]) -> None:
        """From now on these two latents are a distance and an angle; every picture of a posterior
        mean stays as it was. Raises ValueError for what is no pair of its latents."""
        pair = tuple(pair)
        if self.polar or len(set(pair)) != 2 or not all(0 <= k < self.latents for k in pair):
            raise ValueError(f"polar is {pair}; it must be two of {self.latents} latents, once.")
        self.polar = pair
        self.encoder.append(PolarOut(pair))
        self.decoder.insert(0, PolarIn(pair))

    def forward(self, images: Tensor, noise: Tensor | None = None) -> tuple[Posterior, Likelihood]:
        """Encode, then decode the posterior mean, or the sample that standard normal noise (N, L)
        makes of it."""
        posterior = self.encode(images)
        z = posterior.mean if noise is None else posterior.reparameterise(noise)
        return posterior, self.decode(z)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options) -> VAE:
        try:
            return super()._from_pretrained(model_id=model_id, **options)
        except RuntimeError as error:
            if '"gates.' not in str(error):
                raise
            raise WeightsError(
                f"{model_id} holds one network for every β: "
                "MultiRateVAE.from_pretrained(...).at(β) gives its VAE of one β."
            ) from error


def fitting(x: Tensor, shape: tuple[int, ...], takes: str, vae: nn.Module) -> Tensor:
    """x (N, *shape), in the weights' precision if it has more; ValueError for what does not fit."""
    if tuple(x.shape[1:]) != shape or not x.is_floating_point():
        wanted = ", ".join(map(str, ("N", *shape)))
        kind = str(x.dtype).removeprefix("torch.")
        raise ValueError(
            f"{takes} ({wanted}) of floating-point numbers; these are {tuple(x.shape)} of {kind}."
        )
    own = next(vae.parameters()).dtype
    return x.to(own) if x.dtype == torch.float64 != own else x
