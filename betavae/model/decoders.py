"""z -> the raw output (N, C, 64, 64) that a likelihood turns into p(x|z)."""

from __future__ import annotations

import itertools

from torch import nn


def conv_decoder(channels: int, latents: int, widths: tuple[int, ...], hidden: int) -> nn.Module:
    """The encoder's reverse: two linear layers, then four transposed convolutions 4x4 -> 64x64."""
    layers: list[nn.Module] = [
        nn.Linear(latents, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, widths[-1] * 4 * 4),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (widths[-1], 4, 4)),
    ]
    upwards = (*reversed(widths), channels)
    for before, after in itertools.pairwise(upwards):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])  # no ReLU on the pixels


def mlp_decoder(channels: int, latents: int, hidden: int = 1200) -> nn.Module:
    """The paper's fully connected decoder for 2D shapes: three tanh layers."""
    return nn.Sequential(
        nn.Linear(latents, hidden),
        nn.Tanh(),
        nn.Linear(hidden, hidden),
        nn.Tanh(),
        nn.Linear(hidden, hidden),
        nn.Tanh(),
        nn.Linear(hidden, channels * 64 * 64),
        nn.Unflatten(1, (channels, 64, 64)),
    )
