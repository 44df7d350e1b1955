"""Affine maps, and photos cut out along them.

Coordinates are continuous everywhere: pixel i covers [i, i + 1). An affine map is a 2x3 array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from betavae.data.celeba import FRAME
from betavae.data.images import Box

BLUR = 8  # pixels of the frame: how far the photo's mirror image is blurred, and how soon
FADE = 40  # pixels of the frame beyond the photo's border, at which its mean colour is reached
ZOOM = 2  # the refining looks see the aligned frame at twice its size


def apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ affine[:, :2].T + affine[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine map that does `inner` first."""
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack((outer[:, :2] @ inner[:, :2], shift))


def inverse(affine: np.ndarray) -> np.ndarray:
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack((linear, -linear @ affine[:, 2]))


def resize(size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    return np.array([(new_size[0] / size[0], 0, 0), (0, new_size[1] / size[1], 0)])


def shrink(photo: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """Antialiased. The gap has Pillow average whole blocks first: three times as fast at 12 MP."""
    return photo.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=1.0)


def warp(
    pixels: np.ndarray,
    affine: np.ndarray,
    size: tuple[int, int],
    interpolation: int,
    border: int = cv2.BORDER_REPLICATE,
) -> np.ndarray:
    """`pixels` (H, W[, C]) along `affine`, as a picture of `size` (width, height)."""
    # OpenCV counts from the centre of the first pixel, everything here from its corner.
    centred = affine.copy()
    centred[:, 2] += centred[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(pixels, centred, size, flags=interpolation, borderMode=border)


def unturn_and_resize(shape, quarter_turns: int, size: tuple[int, int]) -> np.ndarray:
    """Affine map from np.rot90(a, quarter_turns) to `a` resized to `size`; a's (height, width)."""
    height, width = shape
    unturn = np.array(
        (
            ((1, 0, 0), (0, 1, 0)),
            ((0, -1, width), (1, 0, 0)),
            ((-1, 0, width), (0, -1, height)),
            ((0, 1, 0), (-1, 0, height)),
        )[quarter_turns],
        float,
    )
    return compose(resize((width, height), size), unturn)


def tilted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RGB uint8 (H, W, 3) turned by 45 degrees on black, whole; and the affine map back."""
    height, width = pixels.shape[:2]
    half = math.sqrt(0.5)
    side = round((width + height) * half)
    turn = np.array([(half, -half), (half, half)])
    shift = side / 2 - turn @ (width / 2, height / 2)
    affine = np.column_stack((turn, shift))
    turned = warp(pixels, affine, (side, side), cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    return turned, inverse(affine)


@dataclass(frozen=True, eq=False)
class Patch:
    """A photo or a part of it, shrunk."""

    pixels: np.ndarray  # RGB uint8 (H, W, 3)
    from_photo: np.ndarray  # affine map from the photo's pixels to these

    def warped(self, matrix: np.ndarray, box: Box) -> Image.Image:
        """`box` of CelebA's frame at ZOOM times its size; `matrix`: from photo to frame."""
        to_box, size = self._to_box(matrix, box)
        return Image.fromarray(warp(self.pixels, to_box, size, cv2.INTER_LINEAR))

    def filled(self, matrix: np.ndarray, box: Box) -> tuple[Image.Image, np.ndarray]:
        """`warped`, and which pixels of it the photo shows, bool (H, W).

        The others are its mirror image, soon blurred (two mouths are worse than none), fading over
        FADE into the mean of what it shows: its last pixels repeated would be streaks, of which a
        model makes hair and hats.
        """
        to_box, size = self._to_box(matrix, box)
        ones = np.ones(self.pixels.shape[:2], np.uint8)
        # A border of the photo that falls onto the box's is within.
        inside = warp(ones, to_box, size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT) > 0
        if inside.all() or not inside.any():
            return self.warped(matrix, box), inside
        filled = warp(self.pixels, to_box, size, cv2.INTER_LINEAR, cv2.BORDER_REFLECT)
        soft, outside = _softened(filled), ~inside
        away = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, 5)[outside][:, None]
        mixed = filled[outside].astype(np.float32)
        mixed += rising(away / (BLUR * ZOOM)) * (soft[outside] - mixed)
        mean = cv2.mean(filled, inside.astype(np.uint8))[:3]
        mixed += rising(away / (FADE * ZOOM)) * (mean - mixed)
        filled[outside] = mixed.round()
        return Image.fromarray(filled), inside

    def _to_box(self, matrix: np.ndarray, box: Box) -> tuple[np.ndarray, tuple[int, int]]:
        left, top, right, bottom = box
        to_box = ZOOM * compose(matrix - [(0, 0, left), (0, 0, top)], inverse(self.from_photo))
        return to_box, ((right - left) * ZOOM, (bottom - top) * ZOOM)


def _softened(pixels: np.ndarray) -> np.ndarray:
    """Blurred by BLUR pixels of the frame. So soft a picture needs no more pixels than the frame's
    own, and the blur of those costs a tenth."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (width // ZOOM, height // ZOOM), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), BLUR), (width, height))


def rising(distance: np.ndarray) -> np.ndarray:
    """From 0 at distance 0 to 1 from distance 1 on, as half a cosine: without a corner."""
    return (1 - np.cos(np.pi * distance.clip(0, 1))) / 2


def cut_out(photo: Image.Image, matrix: np.ndarray) -> Patch:
    """The photo around the face, shrunk to what the zoomed frame can show of it.

    So a large photo is antialiased, and read once for all the looks.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    margin = 0.1 * np.array(FRAME)  # the looks to come may turn and shift the frame
    (left, top), (right, bottom) = -margin, FRAME + margin
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)])
    in_photo = apply(inverse(matrix), corners)
    low = np.clip(np.floor(in_photo.min(axis=0)), 0, np.subtract(photo.size, 1))
    high = np.clip(np.ceil(in_photo.max(axis=0)), low + 1, photo.size)
    size = np.ceil((high - low) * min(1, ZOOM * scale)).astype(int)
    pixels = shrink(photo, tuple(size.tolist()), box=(*low.tolist(), *high.tolist()))
    across, down = size / (high - low)
    from_photo = np.array([(across, 0, -low[0] * across), (0, down, -low[1] * down)])
    return Patch(np.asarray(pixels), from_photo)
