"""What a renderer is trained for: each term of its loss, and of its discriminator's.

x is a picture, c its code, s its details, y = R(c, s), D a discriminator with scores of patches of
several sizes, E the VAE's encoder, frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def reconstruction(pictures: Tensor, images: Tensor) -> Tensor:
    """mean |y - x| over pictures and pixels in [0, 1]."""
    return (pictures - images).abs().mean()


def matched_features(features: Sequence[Tensor], of_images: Sequence[Tensor]) -> Tensor:
    """mean |D_l(y) - D_l(x)| over the layers l (Larsen et al., ICML 2016; Wang et al., CVPR 2018).

    What D looks at is a better ruler than pixels: a texture a pixel aside is no error in it.
    """
    distances = [F.l1_loss(y, x.detach()) for y, x in zip(features, of_images, strict=True)]
    return torch.stack(distances).mean()


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
    """The discriminator's loss, mean softplus(D(y) - D(x)) over pictures, places and patch sizes.

    Relativistic and paired (Jolicoeur-Martineau, ICLR 2019; Huang et al., NeurIPS 2024): which of
    the two is the real one? Of a picture and its own rendering, all that is alike cancels.
    """
    return _over_sizes(F.softplus(y - x) for x, y in zip(of_images, of_pictures, strict=True))


def pass_for_real(of_images: Sequence[Tensor], of_pictures: Sequence[Tensor]) -> Tensor:
    """The renderer's side of `judge`: mean softplus(D(x) - D(y)). No gradient by way of x."""
    return _over_sizes(
        F.softplus(x.detach() - y) for x, y in zip(of_images, of_pictures, strict=True)
    )


def gradient_penalty(scores: Sequence[Tensor], images: Tensor) -> Tensor:
    """mean |dD/dx|² / 2 (R1 of Mescheder et al., ICML 2018), D summed over sizes, a mean of places.

    images must require a gradient, and the scores be those of these images.
    """
    total = sum(score.mean(1).sum() for score in scores)
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean() / 2


def _over_sizes(losses) -> Tensor:
    return torch.stack([loss.mean() for loss in losses]).mean()
