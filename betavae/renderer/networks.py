"""The renderer's three networks: what reads details, what draws them, and what judges the picture.

No transposed convolution anywhere: their overlaps leave a cross-hatch (Odena et al., Distill 2016).
Features grow by repeating each pixel; the last doubling shuffles channels into place, starts as a
repetition too (Aitken et al. 2017), and a convolution follows it. No normalisation either: a
picture is drawn alike alone or in a batch.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRID = 8  # details lie on a grid of GRID x GRID over the picture
SLOPE = 0.2  # of every leaky ReLU below zero
FINE = 8  # the painter's channels at 64x64, where a channel costs most


class DetailEncoder(nn.Module):
    """x and the VAE's picture b -> the parameters of q(s|x, c), (N, 2S), S = channels * 8 * 8.

    It is shown x and x - b: what the code leaves out is in front of it from the first step.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.down = _downwards(6, 32, 64, 128)
        self.read = nn.Conv2d(128, 2 * channels, 3, padding=1)

    def forward(self, images: Tensor, plain: Tensor) -> Tensor:
        h = torch.cat([2 * images - 1, 2 * (images - plain)], dim=1)
        for layer in self.down:
            h = _leaky(layer(h))
        return self.read(h).flatten(1)


class Painter(nn.Module):
    """The VAE's picture b and details s -> what is added to b, (N, 3, 64, 64).

    A U-Net: b goes down to 4x4, s joins at 8x8, and on the way up each size is added to its own
    features of the way down.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.down = _downwards(3, 32, 64, 128)  # 32x32, 16x16, 8x8
        self.join = nn.Conv2d(128 + channels, 128, 3, padding=1)
        self.deep = nn.Conv2d(128, 128, 4, stride=2, padding=1)  # 4x4
        self.deepest = nn.Conv2d(128, 128, 3, padding=1)
        self.up = nn.ModuleList([Up(128, 128, 1), Up(128, 64, 2), Up(64, 32, 2)])  # to 32x32
        self.fine = nn.Conv2d(32, 4 * FINE, 3, padding=1)
        self.add = nn.Conv2d(FINE + 3, 3, 3, padding=1)  # 64x64, across the shuffled pixels' seams
        _each_pixel_four_times(self.fine)
        # It starts close to b itself: there is no better start.
        nn.init.normal_(self.add.weight, std=0.01)
        nn.init.zeros_(self.add.bias)

    def forward(self, plain: Tensor, details: Tensor) -> Tensor:
        h = b = 2 * plain - 1
        sizes = []
        for layer in self.down:
            h = _leaky(layer(h))
            sizes.append(h)
        s = details.unflatten(1, (self.channels, GRID, GRID)).to(h.dtype)
        sizes[-1] = _leaky(self.join(torch.cat([h, s], dim=1)))
        h = _leaky(self.deepest(_leaky(self.deep(sizes[-1]))))
        for layer, beside in zip(self.up, reversed(sizes), strict=True):
            h = layer(h, beside)
        h = F.pixel_shuffle(_leaky(self.fine(h)), 2)
        return self.add(torch.cat([h, b.to(h.dtype)], dim=1))


class Up(nn.Module):
    """(N, C, H, W) -> (N, C', 2H, 2W), added to the features of that size; then `depth` layers."""

    def __init__(self, before: int, after: int, depth: int):
        super().__init__()
        self.narrow = nn.Conv2d(before, after, 1)
        self.layers = nn.ModuleList(nn.Conv2d(after, after, 3, padding=1) for _ in range(depth))

    def forward(self, h: Tensor, beside: Tensor) -> Tensor:
        h = _twice(self.narrow(h)) + beside
        for layer in self.layers:
            h = h + _leaky(layer(h))
        return h


class Discriminator(nn.Module):
    """A picture -> scores of how real it looks, of patches of three sizes, and the features.

    The scores are of about 20 and 40 pixels square and of the whole; each (N, places). It looks at
    every pixel before anything is made smaller, and smaller is a mean: one that strides sees every
    second pixel in one way, and a painter that wants to please it answers with a lattice.

    channels  at 64x64; twice as many at 32x32, and so on to eight times
    """

    def __init__(self, channels: int):
        super().__init__()
        self.look = nn.Conv2d(3, channels, 3, padding=1)
        widths = [channels * k for k in (1, 2, 4, 8, 8)]  # at 64x64 to 4x4
        self.down = nn.ModuleList(Down(*both) for both in itertools.pairwise(widths))
        self.small = nn.Conv2d(widths[2], 1, 3, padding=1)  # 16x16 places
        self.middle = nn.Conv2d(widths[3], 1, 3, padding=1)  # 8x8 places
        self.whole = nn.Linear(widths[4] * 4 * 4, 1)

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        h = _leaky(self.look(2 * images - 1))
        features = [h]
        for block in self.down:
            h = block(h)
            features.append(h)
        scores = [self.small(features[2]), self.middle(features[3]), self.whole(h.flatten(1))]
        return [score.flatten(1).float() for score in scores], features


class Down(nn.Module):
    """(N, C, H, W) -> (N, C', H / 2, W / 2): two convolutions, and a shorter way around them."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first = nn.Conv2d(before, before, 3, padding=1)
        self.second = nn.Conv2d(before, after, 3, padding=1)
        self.around = nn.Conv2d(before, after, 1)

    def forward(self, h: Tensor) -> Tensor:
        through = _leaky(self.second(F.avg_pool2d(_leaky(self.first(h)), 2)))
        return (through + self.around(F.avg_pool2d(h, 2))) / math.sqrt(2)


def _downwards(*widths: int) -> nn.ModuleList:
    """4x4 convolutions of stride 2, each halving height and width."""
    return nn.ModuleList(
        nn.Conv2d(before, after, 4, stride=2, padding=1)
        for before, after in itertools.pairwise(widths)
    )


@torch.no_grad()
def _each_pixel_four_times(layer: nn.Conv2d) -> None:
    """Make a convolution whose channels are shuffled into 2x2 pixels start with four alike."""
    layer.weight.copy_(layer.weight[::4].repeat_interleave(4, 0))
    layer.bias.copy_(layer.bias[::4].repeat_interleave(4, 0))


def _leaky(h: Tensor) -> Tensor:
    """In place: it is always a convolution's fresh output."""
    return F.leaky_relu(h, SLOPE, inplace=True)


def _twice(h: Tensor) -> Tensor:
    return F.interpolate(h, scale_factor=2.0, mode="nearest")
