"""What a renderer is trained for: each term of its loss, and of its discriminator's.

x is a picture, c its code, s its details, y = R(c, s), D a discriminator with scores of patches of
several sizes, E the VAE's encoder, frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOWS = (16, 64)  # pixels
QUIET = 1 / 255  # standard deviation of noise that nobody sees
FLAT = 5e-4  # mean square of the Laplacian below which a place has no texture to speak of


def reconstruction(pictures: Tensor, images: Tensor) -> Tensor:
    """mean |y - x| over pictures and pixels in [0, 1]."""
    return (pictures - images).abs().mean()


def matched_features(features: Sequence[Tensor], of_images: Sequence[Tensor]) -> Tensor:
    """mean |D_l(y) - D_l(x)| over the layers l (Larsen et al., ICML 2016; Wang et al., CVPR 2018).

    What D looks at is a better ruler than pixels: a texture a pixel aside is no error in it.
    """
    distances = [F.l1_loss(y, x.detach()) for y, x in zip(features, of_images, strict=True)]
    return torch.stack(distances).mean()


def contrast(pictures: Tensor, images: Tensor) -> Tensor:
    """mean |log v(y) - log v(x)|, v the mean square of the grey picture's Laplacian in 8x8 pixels.

    How much texture there is, wherever it lies: a mean over what a code leaves open has too little
    (after the gradient variance of Abrahamyan et al., WACV 2022).
    """
    return (_texture(pictures) - _texture(images)).abs().mean()


def _texture(images: Tensor) -> Tensor:
    """(N, C, H, W) -> log v, (N, 1, H / 8, W / 8); FLAT keeps flat places from counting."""
    grey = images.float().mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=images.device)
    edges = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernel[None, None])
    return (F.avg_pool2d(edges.square(), 8) + FLAT).log()


def spectrum(pictures: Tensor, images: Tensor) -> Tensor:
    """mean |log P_wk(y) - log P_wk(x)| over windows w, half overlapping, and their frequencies k,
    then over the sizes WINDOWS; P_wk the batch's mean power there of brightness and of two
    differences of colours, each by itself: a lattice may be one of colour alone.

    How much of each size and direction there is at each place, whoever's picture it lies in (after
    Durall et al., CVPR 2020, who compare whole pictures): the blur has too little of the high ones,
    and a lattice far too much of one. In large windows alone the face's texture may make up for the
    background's; in small ones a lattice is spread over too many frequencies to stick out.
    """
    return torch.stack(
        [(_log_power(pictures, size) - _log_power(images, size)).abs().mean() for size in WINDOWS]
    ).mean()


def _log_power(images: Tensor, size: int) -> Tensor:
    """(N, 3, H, W) -> (3, places down, across, size, size / 2 + 1); pictures go on mirrored beyond
    their borders. Noise of QUIET is added, so that frequencies that no picture has do not count."""
    red, green, blue = images.float().unbind(1)
    seen = torch.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], dim=1)
    seen = F.pad(seen, [size // 2] * 4, mode="reflect")
    places = seen.unfold(2, size, size // 2).unfold(3, size, size // 2)
    line = torch.hann_window(size, device=seen.device)
    window = torch.outer(line, line)
    flat = places - places.mean((-2, -1), keepdim=True)
    power = torch.fft.rfft2(flat * window).abs().square().mean(0)
    return (power + QUIET**2 * window.square().sum()).log()


def rate(kl: Tensor, free: float) -> Tensor:
    """max(0, mean KL(q(s|x, c) || N(0, 1)) - free), kl (N,) in nats (free bits,
    Kingma et al. 2016).

    Without free nats the details die in a hundred steps: the painter does not listen yet, and
    Adam makes a small steady gradient a large step.
    """
    return F.relu(kl.mean() - free)


def code_kept(found: Tensor, wanted: Tensor, deviation: Tensor) -> Tensor:
    """mean ((E(R(c, s)) - c) / s.d.)² over pictures and active latents: the code is given back.

    found, wanted (N, A): the active latents alone; deviation (A,): of their posterior means.
    """
    return ((found.float() - wanted) / deviation).square().mean()


def judge(of_images: Sequence[Tensor], of_pictures: Sequence[Tensor]) -> Tensor:
    """The discriminator's loss: mean log(1 + e^-D(x)) + mean log(1 + e^D(y)) over pictures and
    places, then over patch sizes (Goodfellow et al., NeurIPS 2014)."""
    return _over_sizes(
        F.softplus(-x).mean() + F.softplus(y).mean()
        for x, y in zip(of_images, of_pictures, strict=True)
    )


def pass_for_real(of_pictures: Sequence[Tensor]) -> Tensor:
    """The renderer's side of `judge`: mean log(1 + e^-D(y)), which does not saturate."""
    return _over_sizes(F.softplus(-y).mean() for y in of_pictures)


def slope(of_images: Sequence[Tensor], images: Tensor) -> Tensor:
    """mean |d D(x) / d x|² / 2 over pictures, D the mean of its scores of each size, added up.

    R1 of Mescheder et al. (ICML 2018): without it the game has no point of rest. `images` require a
    gradient.
    """
    told = sum(scores.mean(1).sum() for scores in of_images)
    (gradient,) = torch.autograd.grad(told, images, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean() / 2


def _over_sizes(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()
