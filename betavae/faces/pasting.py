"""A face cut out by hand, and an edited face put back into the photo that it came from."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from betavae.data.celeba import CROP
from betavae.data.images import SIZE
from betavae.data.photos import upright_rgb
from betavae.faces.alignment import TEMPLATE, AlignedFace, in_frame
from betavae.faces.geometry import apply, compose, cut_out, inverse, warp

SOFT_EDGE = 0.22  # of the crop's side: over this margin the face fades into the photo


def align_by_hand(
    photo: Image.Image, centre: tuple[float, float], side: float, tilt: float = 0.0
) -> AlignedFace:
    """The square that a person chose, as if a face had been found in it.

    centre  (x, y) in pixels of the upright photo
    side    of the square that the models see, in pixels: from the brow's top to below the chin
    tilt    degrees by which the head leans clockwise, as seen
    Raises ValueError for numbers that are not finite or a side that is not positive.
    """
    photo = upright_rgb(photo)
    if not np.isfinite([*centre, side, tilt]).all() or side <= 0:
        raise ValueError("The square needs a finite place and a side above 0 pixels.")
    left, top, right, bottom = CROP
    scale, angle = (right - left) / side, np.radians(-tilt)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    matrix = np.column_stack((turn, middle - turn @ np.array(centre, float)))
    half = side / 2
    box = (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    eyes = apply(inverse(matrix), TEMPLATE[:2])
    return in_frame(cut_out(photo, matrix), matrix, eyes, 0.0, (box,))


def paste_back(
    photo: Image.Image,
    matrix: np.ndarray,
    edited: np.ndarray,
    reconstruction: np.ndarray | None = None,
) -> Image.Image:
    """The upright photo with the edited face in the place of its own.

    matrix          from the photo's pixels to those of CelebA's frame: `AlignedFace.matrix`
    edited          RGB float (64, 64, 3) in [0, 1], in the frame of `AlignedFace.crop`
    reconstruction  the model's picture of the face before it was edited: then only the difference
                    is added, and the photo keeps its detail; None: the edited picture replaces it
    The edge is soft, and nothing outside the crop's square changes.
    """
    photo = upright_rgb(photo)
    to_photo = inverse(compose(_frame_to_crop(), matrix))
    corners = apply(to_photo, np.array([(0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE)], float))
    low = np.clip(np.floor(corners.min(0)), 0, photo.size).astype(int)
    high = np.clip(np.ceil(corners.max(0)), 0, photo.size).astype(int)
    if (high <= low).any():
        return photo.copy()
    to_region = to_photo - [(0, 0, low[0]), (0, 0, low[1])]
    size = tuple((high - low).tolist())
    mask = warp(_soft_mask(), to_region, size, cv2.INTER_CUBIC, cv2.BORDER_CONSTANT)[:, :, None]
    region = np.asarray(photo.crop((*low, *high)), np.float32) / 255
    change = edited if reconstruction is None else edited - reconstruction
    change = np.ascontiguousarray(change, np.float32)
    warped = warp(change, to_region, size, cv2.INTER_CUBIC)
    target = warped if reconstruction is None else region + warped
    mixed = (region + mask * (target - region)).clip(0, 1)
    pasted = photo.copy()
    pasted.paste(Image.fromarray((mixed * 255).round().astype(np.uint8)), tuple(low.tolist()))
    return pasted


def _frame_to_crop() -> np.ndarray:
    """From pixels of CelebA's frame to those of the 64x64 crop."""
    left, top, right, bottom = CROP
    across, down = SIZE / (right - left), SIZE / (bottom - top)
    return np.array([(across, 0, -left * across), (0, down, -top * down)])


def _soft_mask() -> np.ndarray:
    """(64, 64): 1 in the middle, falling to 0 at the border as half a cosine."""
    at = (np.arange(SIZE) + 0.5) / SIZE
    inside = np.minimum(at, 1 - at) / SOFT_EDGE
    edge = (1 - np.cos(np.pi * inside.clip(0, 1))) / 2
    return np.outer(edge, edge).astype(np.float32)
