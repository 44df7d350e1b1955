"""How much detail pictures have: edges, and power by spatial frequency."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Rec. 601 luma: how bright red, green and blue look.
LUMA = (0.299, 0.587, 0.114)


def laplacian_variance(images: Tensor) -> Tensor:
    """images (N, C, H, W) in [0, 1] -> the variance of the Laplacian of each one's luma, (N,).

    The usual measure of focus (Pech-Pacheco et al., ICPR 2000): 4 neighbours, no padding.
    """
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=images.device)
    edges = F.conv2d(luma(images), kernel[None, None])
    return edges.flatten(1).var(1, unbiased=False)


def radial_spectrum(images: Tensor) -> Tensor:
    """images (N, C, H, W), H = W -> mean power of the luma by frequency, (H / 2 + 1,).

    Entry k averages the pictures and all frequencies whose distance from zero rounds to k cycles a
    picture; a Hann window keeps the borders from counting as edges. Power in corners of the plane,
    beyond H / 2, is left out.
    """
    size, power = images.shape[-1], _power(images).mean(0)
    along = torch.fft.fftfreq(size, 1 / size, device=images.device)
    radius = (along[:, None].square() + along.square()).sqrt().round().long().flatten()
    sums = torch.zeros(int(radius.max()) + 1, device=images.device)
    counts = sums.index_add(0, radius, torch.ones_like(power.flatten()))
    return (sums.index_add(0, radius, power.flatten()) / counts)[: size // 2 + 1]


def _power(images: Tensor) -> Tensor:
    """(N, C, H, W) -> power of the luma at each frequency of the plane, (N, H, W)."""
    line = torch.hann_window(images.shape[-1], periodic=True, device=images.device)
    grey = luma(images)[:, 0]
    grey = grey - grey.mean((1, 2), keepdim=True)
    return torch.fft.fft2(grey * torch.outer(line, line)).abs().square()


def luma(images: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): brightness; grey pictures stay as they are."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, device=images.device)[None, :, None, None]
    return (images * weights).sum(1, keepdim=True)


def spectrum_shares(pictures: Tensor, images: Tensor) -> Tensor:
    """`radial_spectrum` of `pictures` as a share of that of `images`, frequency by frequency."""
    return radial_spectrum(pictures) / radial_spectrum(images).clamp_min(1e-12)


def lattice_peak(pictures: Tensor, images: Tensor) -> float:
    """How far any one frequency sticks out: a pattern that repeats, a cross-hatch say.

    The power of `pictures` (N, C, H, W) over that of `images` at each frequency of the plane, over
    the median of the same in the 5x5 frequencies around it: the largest of all. About 1 to 1.5 by
    chance over some hundred pictures; a lattice of period 2 or 4 pixels shows as a peak there.
    """
    power = [_power(both).mean(0).clamp_min(1e-12) for both in (pictures, images)]
    ratio = power[0] / power[1]
    around = F.unfold(F.pad(ratio[None, None], (2, 2, 2, 2), mode="circular"), 5)[0]
    peaks = ratio.flatten() / around.median(0).values
    return peaks.max().item()
