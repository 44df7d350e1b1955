"""What a renderer is trained for: each term of its loss, and of its discriminator's.

x is a picture, c its code, s its details, y = R(c, s), D a discriminator with scores of patches of
several sizes, E the VAE's encoder, frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

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
    """The discriminator's loss: mean max(0, 1 - D(x)) + mean max(0, 1 + D(y)) over pictures and
    places, then over patch sizes (hinge; Lim & Ye 2017, Miyato et al., ICLR 2018)."""
    return _over_sizes(
        F.relu(1 - x).mean() + F.relu(1 + y).mean()
        for x, y in zip(of_images, of_pictures, strict=True)
    )


def pass_for_real(of_pictures: Sequence[Tensor]) -> Tensor:
    """The renderer's side of `judge`: -mean D(y), over pictures and places, then patch sizes."""
    return _over_sizes(-y.mean() for y in of_pictures)


def _over_sizes(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()
