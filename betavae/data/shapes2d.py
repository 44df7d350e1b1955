"""2D shapes: every combination of shape, scale, orientation, x and y, as one binary picture each.

The data of Higgins et al. (ICLR 2017), section 4.2, published as "dSprites" (Matthey et al. 2017):
rendered here, or read from the published npz.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from betavae.data.images import SIZE, DataError
from betavae.data.npz import read_grid

FACTOR_NAMES = ("shape", "scale", "orientation", "x", "y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
SHAPE_NAMES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1, 6)
ORIENTATIONS = np.linspace(0, 2 * math.pi, 40)  # both ends, as published

RADIUS = 16  # pixels: no sprite reaches further from its centre
STEPS = 32  # positions along x and y, one pixel apart
CANVAS = SIZE + STEPS - 1  # a window of 64x64 has 32x32 places on it
FINER = 8  # times the resolution at which an outline is filled before it is thresholded
HELD_OUT = 4096  # pictures of the validation split
SPLITS = ("train", "validation", "all")


class Shapes2D:
    """All 737,280 pictures, in the order of the factors, y fastest.

    path   the published npz; without it the pictures are rendered, in less than a second
    split  "train", "validation" (4,096 pictures drawn once and held out) or "all"; it says what
           `len` and `batch` range over. `images` and `sample_factors` know all pictures always.
    Raises DataError, in one sentence, for a file that is not such a grid.
    """

    channels = 1
    factor_names = FACTOR_NAMES

    def __init__(self, path: str | Path | None = None, split: str = "train", progress: bool = True):
        if split not in SPLITS:
            raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}.")
        self._stored = read_grid(Path(path), FACTOR_NAMES, progress) if path else None
        self.factor_sizes = self._stored.sizes if self._stored else FACTOR_SIZES
        self.split = split
        everything = torch.randperm(self.count, generator=torch.Generator().manual_seed(0))
        held_out = min(HELD_OUT, self.count // 4)
        self.indices = {
            "train": everything[held_out:],
            "validation": everything[:held_out],
            "all": torch.arange(self.count),
        }[split]

    @property
    def count(self) -> int:
        """How many pictures the whole grid has, whatever the split."""
        return math.prod(self.factor_sizes)

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: Tensor) -> Tensor:
        """uint8 (len(indices), 1, 64, 64) of {0, 255}: those pictures of the split."""
        return self.images(self.factors(self.indices[indices])) * 255

    def images(self, factors: Tensor | np.ndarray) -> Tensor:
        """Integer factors (N, 5) -> uint8 (N, 1, 64, 64) of {0, 1}."""
        factors = torch.as_tensor(factors).long()
        if factors.ndim != 2 or factors.shape[1] != len(FACTOR_SIZES):
            raise ValueError(f"factors are (N, 5) integers, not {tuple(factors.shape)}.")
        sizes = torch.tensor(self.factor_sizes)
        if bool(((factors < 0) | (factors >= sizes)).any()):
            raise ValueError(f"each factor counts from 0 to below its size in {self.factor_sizes}.")
        if self._stored:
            return self._stored.pictures(self.index(factors))
        shape, scale, orientation, x, y = factors.unbind(1)
        sprite = (shape * len(SCALES) + scale) * len(ORIENTATIONS) + orientation
        # A sprite moves right when the window on its canvas moves left.
        return _windows()[sprite, STEPS - 1 - y, STEPS - 1 - x].unsqueeze(1)

    def sample_factors(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n combinations, each factor uniform and independent: int64 (n, 5)."""
        return torch.stack(
            [torch.randint(size, (n,), generator=generator) for size in self.factor_sizes], dim=1
        )

    def factors(self, index: Tensor) -> Tensor:
        """Places in the order of all pictures (N,) -> factors (N, 5)."""
        return torch.stack(torch.unravel_index(index, self.factor_sizes), dim=1)

    def index(self, factors: Tensor) -> Tensor:
        """The reverse of `factors`."""
        return torch.from_numpy(np.ravel_multi_index(factors.T.numpy(), self.factor_sizes))


def outline(shape: str) -> np.ndarray:
    """The outline at scale 1 and orientation 0, (points, 2) in pixels around its centre."""
    t = np.linspace(0, 2 * math.pi, 200, endpoint=False)
    if shape == "square":
        return 10.8 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    if shape == "ellipse":
        return np.stack([8 * np.cos(t), 15 * np.sin(t)], axis=1)
    # The heart curve x = 16 sin³t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, point downwards.
    curve = np.stack(
        [
            16 * np.sin(t) ** 3,
            -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)),
        ],
        axis=1,
    )
    curve -= (curve.min(0) + curve.max(0)) / 2
    return curve * (15 / np.linalg.norm(curve, axis=1).max())


@lru_cache(maxsize=1)
def _windows() -> Tensor:
    """Every picture there is as a view on the 720 sprites: (720, 32, 32, 64, 64)."""
    canvases = torch.zeros(len(SHAPE_NAMES) * 240, CANVAS, CANVAS, dtype=torch.uint8)
    # The centre lies on a pixel of the canvas, in the middle of the central window.
    first = CANVAS // 2 - RADIUS
    extent = 2 * RADIUS + 1
    place = iter(canvases[:, first : first + extent, first : first + extent])
    for shape in SHAPE_NAMES:
        points = outline(shape)
        for scale in SCALES:
            for angle in ORIENTATIONS:
                next(place).copy_(torch.from_numpy(_fill(points * scale, angle, extent)))
    return canvases.unfold(1, SIZE, 1).unfold(2, SIZE, 1)


def _fill(points: np.ndarray, angle: float, extent: int) -> np.ndarray:
    """The turned outline as a binary picture: filled finely, averaged, thresholded at a half."""
    cosine, sine = math.cos(angle), math.sin(angle)
    turned = points @ np.array([[cosine, sine], [-sine, cosine]])
    fine = Image.new("L", (extent * FINER, extent * FINER))
    corners = ((turned + extent / 2) * FINER - 0.5).tolist()
    ImageDraw.Draw(fine).polygon([tuple(corner) for corner in corners], fill=255)
    return (np.asarray(fine.reduce(FINER)) >= 128).astype(np.uint8)
