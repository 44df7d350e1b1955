"""One model on one device, in the number format that is good enough there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from betavae.model import VAE, Likelihood, Posterior
from betavae.renderer import Renderer
from betavae.serving.graphs import graphed_where_it_pays
from betavae.serving.packed import packed_where_it_pays

# On a CPU fp32 is kept: bf16 misses a picture by more than a grey level, fp16 is slow.
REDUCED = (torch.float16, torch.bfloat16)  # tried in this order on other devices
GREY_LEVEL = 1 / 255


class Placed:
    """A copy of a model that decodes and encodes there; the CPU's is the model itself.

    codes  (N, L), such as people start from: a reduced precision must give their pictures to within
           one grey level of fp32, or fp32 is kept. Without any, one that is not here to stay: what
           pays off over many pictures only is left out
    renderer  of this model, where there is one
    """

    def __init__(
        self,
        vae: VAE,
        device: torch.device,
        codes: Tensor | None = None,
        renderer: Renderer | None = None,
    ):
        self.device, self.dtype = device, torch.float32
        # A fifth faster, one picture at a time.
        on_device = vae if device.type == "cpu" else copy.deepcopy(vae).to(device)
        self.vae = on_device.to(memory_format=torch.channels_last)
        self.painter = None  # in fp32 everywhere
        if renderer is not None:
            painter = renderer.painter if device.type == "cpu" else copy.deepcopy(renderer.painter)
            self.painter = painter.to(device, memory_format=torch.channels_last)
            if device.type == "cpu":
                plain = torch.zeros(1, vae.channels, 64, 64).to(memory_format=torch.channels_last)
                details = torch.zeros(1, renderer.detail_size)
                self.painter = packed_where_it_pays(self.painter, plain, details)
        self.decoder: Callable[[Tensor], Tensor] = self.vae.decoder
        if codes is None:
            return
        if device.type != "cpu":
            self.reduce(codes)
        if device.type == "cuda":
            self.decoder = graphed_where_it_pays(self.decoder, vae.latents, device, self.dtype)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Likelihood:
        """codes (N, L) from the CPU -> p(x|z) on the device."""
        raw = self.decoder(codes.to(self.device, self.dtype, non_blocking=True))
        return self.vae.likelihood(raw.float())

    @torch.inference_mode()
    def paint(self, plain: Tensor, details: Tensor) -> Tensor:
        """The decoder's pictures (N, 3, 64, 64), with details (N, S) from the CPU -> sharp ones."""
        plain = plain.contiguous(memory_format=torch.channels_last)
        added = self.painter(plain, details.to(self.device, non_blocking=True))
        return (plain + added).clamp(0, 1)

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Posterior:
        """images (N, C, 64, 64) in [0, 1] from the CPU -> q(z|x) on the CPU, in fp32."""
        posterior = self.vae.encode(images.to(self.device, non_blocking=True))
        mean, log_variance = posterior.mean.cpu(), posterior.log_variance.cpu()
        return replace(posterior, mean=mean, log_variance=log_variance)

    def reduce(self, codes: Tensor) -> None:
        """Decode in the first of `REDUCED` whose pictures of `codes` stay within a grey level."""
        exact = self.decode(codes).mean
        for dtype in REDUCED:
            self.decoder, self.dtype = copy.deepcopy(self.vae.decoder).to(dtype), dtype
            if within_a_grey_level(self.decode(codes).mean, exact):
                return
        self.decoder, self.dtype = self.vae.decoder, torch.float32


def within_a_grey_level(pictures: Tensor, exact: Tensor) -> bool:
    """Whether no value of two batches in [0, 1] differs by more than 1/255."""
    return bool((pictures - exact).abs().max() <= GREY_LEVEL)
