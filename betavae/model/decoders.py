"""z -> the raw output (N, C, 64, 64) that a likelihood turns into p(x|z)."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW = 3  # channels of a picture


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
        layers += [Upsampling(before, after), nn.ReLU(inplace=True)]
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


class Upsampling(nn.ConvTranspose2d):
    """A transposed 4x4 convolution of stride 2: (N, C, H, W) -> (N, C', 2H, 2W).

    nn.ConvTranspose2d in less time on a CPU: see `_Transposed` and `_spread`.
    """

    def __init__(self, channels: int, out_channels: int):
        super().__init__(channels, out_channels, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        spread = x.device.type == "cpu" and self.out_channels <= FEW
        return _Transposed.apply(x, self.weight, self.bias, spread)


class _Transposed(torch.autograd.Function):
    """The transposed convolution is the gradient of a convolution with the same weights.

    So that convolution is the gradient here, and the weights' gradient is its weights', with the
    pictures in one another's place. PyTorch computes the same numbers on a slower path.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, spread: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        if spread:
            return _spread(x, weight, bias)
        return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        gradient, weight = gradient.to(x.dtype), weight.to(x.dtype)
        of_x = F.conv2d(gradient, weight, stride=2, padding=1)
        of_weight = torch.nn.grad.conv2d_weight(gradient, weight.shape, x, stride=2, padding=1)
        return of_x, of_weight, gradient.sum((0, 2, 3)), None


def _spread(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The transposed convolution as one matrix product, whose columns are then added where their
    pixels overlap: a quarter to a half of the time that PyTorch's takes for a picture's channels.

    The sums are float32, as a likelihood takes them, also of bfloat16 products.
    """
    if torch.is_autocast_enabled(x.device.type):
        x, weight = (t.to(torch.get_autocast_dtype(x.device.type)) for t in (x, weight))
    count, channels, height, width = x.shape
    columns = weight.reshape(channels, -1).t() @ x.reshape(count, channels, height * width)
    columns = columns.to(torch.promote_types(columns.dtype, torch.float32))
    sums = F.fold(columns, (2 * height, 2 * width), 4, padding=1, stride=2)
    return sums + bias.to(sums)[:, None, None]
