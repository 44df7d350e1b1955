"""A face cut out by hand, and an edited face put back into the photo that it came from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from betavae.data.celeba import CROP
from betavae.data.images import SIZE
from betavae.data.photos import upright_rgb
from betavae.faces.alignment import AlignedFace, in_frame
from betavae.faces.detector import detect
from betavae.faces.geometry import apply, compose, cut_out, inverse, resize, rising, warp
from betavae.faces.looks import TEMPLATE

MASK_SIZE = 96  # side of the face's mask, of the 64 that the crop has
SOFT = 1.2  # pixels of the crop: how soft the mask is where the face ends
SOFT_EDGE = 0.25  # of the crop's half: over this margin the face fades into the photo
EYES_APART = 17.0  # pixels of the crop, of a face from the front
FACE_HALF = 24.0  # pixels of the crop: how far a face from the front reaches to each side
LITTLE = 0.12  # of the largest change: less is left out, twice as much is all there


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


def crop_square(matrix: np.ndarray) -> tuple[tuple[float, float], float, float]:
    """What `align_by_hand` would be told to get this `AlignedFace.matrix`: centre, side, tilt."""
    left, top, right, bottom = CROP
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    x, y = apply(inverse(matrix), np.array([((left + right) / 2, (top + bottom) / 2)]))[0]
    tilt = -np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return (float(x), float(y)), float((right - left) / scale), float(tilt)


def paste_back(
    photo: Image.Image,
    matrix: np.ndarray,
    edited: np.ndarray,
    reconstruction: np.ndarray | None = None,
    whole: bool = False,
) -> Image.Image:
    """The upright photo with the edited face in the place of its own.

    matrix          from the photo's pixels to those of CelebA's frame: `AlignedFace.matrix`
    edited          RGB float (64, 64, 3) in [0, 1], in the frame of `AlignedFace.crop`
    reconstruction  the model's picture of the face before it was edited: then only the difference
                    is added, and the photo keeps its detail; None: the edited picture replaces it
    whole           with a reconstruction: the edited picture replaces the face all the same, in the
                    photo's colours, which the reconstruction tells
    Only the face changes, which ends where it ends in the photo (`face_mask`), and of a difference
    only its larger parts: a decoder that redraws the background would leave a halo there.
    """
    photo = upright_rgb(photo)
    to_crop = compose(_frame_to_crop(), matrix)
    to_photo = inverse(to_crop)
    corners = apply(to_photo, np.array([(0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE)], float))
    low = np.clip(np.floor(corners.min(0)), 0, photo.size).astype(int)
    high = np.clip(np.ceil(corners.max(0)), 0, photo.size).astype(int)
    if (high <= low).any():
        return photo.copy()
    to_region = to_photo - [(0, 0, low[0]), (0, 0, low[1])]
    size = tuple((high - low).tolist())
    region = np.asarray(photo.crop((*low, *high)), np.float32) / 255
    fine = compose(compose(resize((SIZE, SIZE), (MASK_SIZE, MASK_SIZE)), to_crop), _shift(low))
    seen = warp(region, fine, (MASK_SIZE, MASK_SIZE), cv2.INTER_AREA)
    mask = face_mask(seen, half_widths(seen))
    change = edited if reconstruction is None else edited - reconstruction
    if reconstruction is not None and not whole:
        mask = mask * _changed(change)
    elif reconstruction is not None:
        before = cv2.resize(reconstruction.astype(np.float32), (MASK_SIZE, MASK_SIZE))
        weight = mask[:, :, None] / max(mask.sum(), 1e-6)
        change = edited + ((seen - before) * weight).sum((0, 1))
    from_mask = compose(to_region, resize((MASK_SIZE, MASK_SIZE), (SIZE, SIZE)))
    mask = warp(mask, from_mask, size, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)[:, :, None]
    warped = warp(np.ascontiguousarray(change, np.float32), to_region, size, cv2.INTER_CUBIC)
    target = region + warped if reconstruction is not None and not whole else warped
    mixed = region + mask * (target - region)
    pasted = photo.copy()
    pasted.paste(Image.fromarray(_as_bytes(mixed)), tuple(low.tolist()))
    return pasted


def face_mask(seen: np.ndarray, halves: tuple[float, float] = (FACE_HALF, FACE_HALF)) -> np.ndarray:
    """Where an aligned face is, soft: float (MASK_SIZE, MASK_SIZE), 0 at the border.

    seen    RGB float (MASK_SIZE, MASK_SIZE, 3) in [0, 1]: what `AlignedFace.crop` shows
    halves  how far the face reaches to the left and to the right (`half_widths`)
    GrabCut (Rother et al., SIGGRAPH 2004) cuts it out of the picture, beginning with an oval.
    """
    pixels = cv2.cvtColor(_as_bytes(seen), cv2.COLOR_RGB2BGR)
    outside = _oval([half * 1.25 for half in halves], 33, 35)
    labels = np.full((MASK_SIZE, MASK_SIZE), cv2.GC_PR_BGD, np.uint8)
    labels[_oval(halves, 29, 35) < 1] = cv2.GC_PR_FGD
    labels[outside >= 1] = cv2.GC_BGD
    labels[_oval([half * 0.54 for half in halves], 19, 37) < 1] = cv2.GC_FGD  # eyes, nose, mouth
    cv2.setRNGSeed(0)  # the same photo, the same mask
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, labels, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    face = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts = cv2.connectedComponents(face)
    face = (parts == parts[MASK_SIZE * 37 // SIZE, MASK_SIZE // 2]).astype(np.float32)
    face = cv2.morphologyEx(face, cv2.MORPH_CLOSE, np.ones((7, 7)))
    soft = cv2.GaussianBlur(face, (0, 0), MASK_SIZE / SIZE * SOFT)
    return soft * rising((1 - np.sqrt(outside)) / SOFT_EDGE).astype(np.float32)


def half_widths(seen: np.ndarray) -> tuple[float, float]:
    """How far an aligned face reaches to the left and to the right of the crop's middle, in pixels
    of the crop: of a turned head less on the side that it is turned to. Where no face is found in
    `seen`, as from the front.
    """
    margin = MASK_SIZE // 4  # YuNet looks for a face with something around it
    around = cv2.copyMakeBorder(_as_bytes(seen), *4 * [margin], cv2.BORDER_REPLICATE)
    middle = np.array(around.shape[1::-1]) / 2
    faces = [(np.hypot(*(f.landmarks.mean(0) - middle)), f.landmarks) for f in detect(around)]
    distance, landmarks = min(faces, key=lambda face: face[0], default=(np.inf, None))
    if distance > MASK_SIZE / 4:
        return FACE_HALF, FACE_HALF
    across = (landmarks[:, 0] - margin) * SIZE / MASK_SIZE
    apart = np.hypot(*(landmarks[1] - landmarks[0])) * SIZE / MASK_SIZE
    turned = (across[2] - across[[0, 1, 3, 4]].mean()) / max(apart, 1e-6)  # the nose's way
    # From the front there is almost the eyes' distance between an eye and the face's side, in
    # profile next to nothing. The numbers were found by eye, on twenty turned heads.
    beside = EYES_APART * np.clip(0.9 - 1.5 * (abs(turned) - 0.08), 0.1, 0.9)
    far = SIZE / 2 - across.min() if turned < 0 else across.max() - SIZE / 2
    far = float(np.clip(far + beside, FACE_HALF / 4, FACE_HALF))
    return (far, FACE_HALF) if turned < 0 else (FACE_HALF, far)


def _as_bytes(picture: np.ndarray) -> np.ndarray:
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def _oval(halves: Sequence[float], high: float, middle: float) -> np.ndarray:
    """(MASK_SIZE, MASK_SIZE): under 1 within an oval that reaches so far to the left and to the
    right, up and down, in pixels of the crop, of its middle column and the row `middle`."""
    y, x = (np.mgrid[:MASK_SIZE, :MASK_SIZE] + 0.5) * SIZE / MASK_SIZE - [[[middle]], [[SIZE / 2]]]
    return (x / np.where(x < 0, *halves)) ** 2 + (y / high) ** 2


def _changed(difference: np.ndarray) -> np.ndarray:
    """Where (64, 64, 3) differs by a good part of its largest difference: soft, a mask's size."""
    size = cv2.GaussianBlur(np.abs(difference).max(2).astype(np.float32), (0, 0), 1.5)
    share = size / max(float(size.max()), 1e-6)
    kept = rising((share - LITTLE) / LITTLE).astype(np.float32)
    return cv2.resize(kept, (MASK_SIZE, MASK_SIZE))


def _frame_to_crop() -> np.ndarray:
    """From pixels of CelebA's frame to those of the 64x64 crop."""
    left, top, right, bottom = CROP
    across, down = SIZE / (right - left), SIZE / (bottom - top)
    return np.array([(across, 0, -left * across), (0, down, -top * down)])


def _shift(by: np.ndarray) -> np.ndarray:
    return np.array([(1, 0, by[0]), (0, 1, by[1])], float)
