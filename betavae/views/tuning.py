"""What each latent of a model of 2D shapes answers to: a place, a size, a turn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from betavae.data.shapes2d import FACTOR_NAMES
from betavae.metrics.codes import BATCH, CodeFunction, FactorSource

SHAPE, SCALE, ORIENTATION, X, Y = range(len(FACTOR_NAMES))
STRIDE = 2  # of the 32 x 32 places every other one, each way
LARGEST = 2.5  # of a mean code, standard deviations of the prior: full colour, the curves' edges
# How many settings of the factors that are not shown are averaged over; the same at every point.
PLACE_SETTINGS, SCALE_SETTINGS, TURN_SETTINGS = 4, 24, 8


@dataclass(frozen=True)
class Tuning:
    """Mean codes of L latents, over the factors that are not shown."""

    place: Tensor  # (L, 16, 16): y downwards, x to the right, as in the picture
    scale: Tensor  # (L, 3, 6): shape, size
    orientation: Tensor  # (L, 3, 40): shape, turn


@torch.inference_mode()
def tuning(code_function: CodeFunction, source: FactorSource, seed: int = 0) -> Tuning:
    """The maps and curves of Figure 7A of Higgins et al. (2017).

    code_function  (N, 1, 64, 64) float in [0, 1] -> (N, L); called on some 2,400 pictures
    source         2D shapes: anything whose `images` take their five factors
    """
    generator = torch.Generator().manual_seed(seed)

    def means(shown: tuple[int, int], settings: int) -> Tensor:
        """(L, values of the first shown factor, of the second), averaged over `settings`."""
        values = [_values(source, factor) for factor in shown]
        grid = torch.cartesian_prod(*values)
        factors = source.sample_factors(settings, generator)[None].repeat(len(grid), 1, 1)
        factors[..., list(shown)] = grid[:, None]
        codes = _encode(code_function, source, factors.flatten(0, 1))
        averaged = codes.unflatten(0, (len(grid), settings)).mean(1)
        return averaged.T.unflatten(1, [len(value) for value in values])

    return Tuning(
        place=means((Y, X), PLACE_SETTINGS),
        scale=means((SHAPE, SCALE), SCALE_SETTINGS),
        orientation=means((SHAPE, ORIENTATION), TURN_SETTINGS),
    )


def _values(source: FactorSource, factor: int) -> Tensor:
    return torch.arange(0, source.factor_sizes[factor], STRIDE if factor in (X, Y) else 1)


def _encode(code_function: CodeFunction, source: FactorSource, factors: Tensor) -> Tensor:
    codes = [
        torch.as_tensor(code_function(source.images(some).float())).float()
        for some in factors.split(BATCH)
    ]
    return torch.cat(codes)
