"""Find the largest face in a photo and align it as CelebA's pictures are.

YuNet finds the faces and five landmarks of each; a similarity transform takes the landmarks to
CelebA's template. One pass under-reports the turn of small faces and takes some handwriting for
faces, so the detector looks again at the aligned face: once to confirm it, twice to refine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from betavae.data.celeba import CROP, FRAME, face_box
from betavae.data.images import Box, centre_square, crop_and_resize
from betavae.data.photos import upright_rgb
from betavae.faces.detector import Face, detect
from betavae.faces.geometry import (
    ZOOM,
    Patch,
    compose,
    cut_out,
    resize,
    shrink,
    tilted,
    unturn_and_resize,
)
from betavae.faces.looks import fit, looked_at, refine, which_way_up

# YuNet finds faces of some 10 to 300 pixels, so a photo is searched at these longest sides in turn.
SEARCH_SIDES = (640, 320, 160)
# A panorama would shrink to a strip: where one side is LONG times the other, it is searched first
# with a shorter side of PANORAMA_SIDE, as far as a longest side of LONGEST_SIDE goes.
LONG, PANORAMA_SIDE, LONGEST_SIDE = 2.5, 320, 4096
SMALLEST_SIDE = 16  # thinner strips make YuNet report faces that are not there
MAX_CANDIDATES = 3  # of each search: a page of text may hold any number of false ones
TILTED_SIDE = 320  # only copies up to this longest side are also searched in between
# How well a face must be seen (`looked_at`): so that no other is looked for, and where none is
# better. Of 32 true faces that are not sure three are below the first, one at 0.72; patterns and a
# necklace reach 0.87.
WELL, AT_LEAST = 0.88, 0.7


class NoFaceFound(ValueError):
    """The photo shows no face that can be found; the message says what to do."""


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """The largest face of a photo in CelebA's frame. Positions are pixels of the upright photo."""

    frame: Image.Image  # RGB 178x218; beyond the photo's border it is mirrored, fading to its mean
    crop: Image.Image  # RGB 64x64, what the models see: face_box of the frame
    score: float  # the detector's confidence in the photo, 0.8 to 1
    eyes: tuple[tuple[float, float], tuple[float, float]]  # (x, y) each, in the frame's order:
    # the viewer's left and right once the face is upright
    matrix: np.ndarray  # float (2, 3): from pixels of the upright photo to pixels of the frame
    faces: tuple[Box, ...]  # left, top, right, bottom of every face found, largest first
    outside: float  # the share of the crop that lies beyond the photo's border, 0 to 1
    brightness: float  # mean luma of the crop's part within the photo, 0 to 1


def align_face(photo: Image.Image, at: tuple[float, float] | None = None) -> AlignedFace:
    """Align the largest face of `photo`: a picture of any mode, size and EXIF turn.

    at  (x, y) in pixels of the upright photo: align the face there instead, of those whose box
        holds that point the one with the nearest middle

    A photo on its side or upside down is turned if it shows no face as it is. Safe to call from
    several threads. Raises NoFaceFound, FaceModelError, or PhotoError for undecodable pixels.
    """
    photo = upright_rgb(photo)
    copies = _search_copies(photo)
    if not copies:
        raise NoFaceFound(
            f"The photo, {photo.width}×{photo.height} pixels, is too small or too narrow to find a "
            "face in it; use a larger one."
        )
    overview = Patch(copies[0], resize(photo.size, copies[0].shape[1::-1]))
    doubtful = []
    for faces in _searches(copies, photo.size):
        wanted = faces if at is None else _faces_at(faces, at)
        for face in wanted[:MAX_CANDIDATES]:
            landmarks, well = looked_at(overview, face.landmarks)
            others = faces[faces.index(face) :] if at is None else faces
            if well >= WELL:
                return _aligned_face(photo, landmarks, face.score, others)
            doubtful.append((well, face.score, landmarks, others))
    if doubtful:
        well, score, landmarks, others = max(doubtful, key=lambda found: found[:2])
        if not well:
            landmarks, well = which_way_up(overview, landmarks)
        if well >= AT_LEAST:
            return _aligned_face(photo, landmarks, score, others)
    raise NoFaceFound(
        "No face was found; use a photo that shows one face from the front, large and well lit."
    )


def centre_crop(photo: Image.Image) -> Image.Image:
    """RGB 64x64 of the largest centred square: what is left to do where no face is found."""
    photo = upright_rgb(photo)
    return crop_and_resize(photo, centre_square(*photo.size))


def find_landmarks(picture: Image.Image) -> np.ndarray | None:
    """Eyes, nose and corners of the mouth, (5, 2) in pixels of `picture`, of its largest face.

    From the first search that finds one: where it is upright already, the very first. None where
    no search does. Not looked at again as `align_face` does.
    """
    picture = upright_rgb(picture)
    faces = next(_searches(_search_copies(picture), picture.size), None)
    return faces[0].landmarks if faces else None


def _faces_at(faces: list[Face], point: tuple[float, float]) -> list[Face]:
    """Those whose box holds the point, the one with the nearest middle first: a child's face may
    lie within the box of the face beside it."""

    def distance(face: Face) -> float:
        left, top, right, bottom = face.box
        return math.dist(point, ((left + right) / 2, (top + bottom) / 2))

    def holds(face: Face) -> bool:
        left, top, right, bottom = face.box
        return left <= point[0] <= right and top <= point[1] <= bottom

    return sorted(filter(holds, faces), key=distance)


def _aligned_face(
    photo: Image.Image, landmarks: np.ndarray, score: float, faces: list[Face]
) -> AlignedFace:
    patch = cut_out(photo, fit(landmarks))
    landmarks, _ = refine(patch, landmarks)
    boxes = tuple(face.box for face in faces)
    return in_frame(patch, fit(landmarks), landmarks[:2], score, boxes)


def in_frame(
    patch: Patch, matrix: np.ndarray, eyes: np.ndarray, score: float, faces: tuple[Box, ...]
) -> AlignedFace:
    """What `patch` shows in CelebA's frame, `matrix` taking the photo's pixels to the frame's."""
    frame, inside = patch.filled(matrix, (0, 0, *FRAME))
    frame = frame.reduce(ZOOM)
    left_eye, right_eye = eyes.tolist()
    left, top, right, bottom = (ZOOM * side for side in CROP)
    within = inside[top:bottom, left:right]
    crop = crop_and_resize(frame, face_box(*FRAME))
    luma = np.asarray(crop.convert("L").resize(within.shape[::-1])) / 255
    return AlignedFace(
        frame=frame,
        crop=crop,
        outside=float(1 - within.mean()),
        brightness=float(luma[within].mean()) if within.any() else 0.0,
        score=score,
        eyes=(tuple(left_eye), tuple(right_eye)),
        matrix=matrix,
        faces=faces,
    )


def _searches(copies: list[np.ndarray], size: tuple[int, int]) -> Iterator[list[Face]]:
    """What each search finds, if anything: faces in pixels of the photo, of `size`, largest first.

    As it stands, then turned by quarters; each time from the largest copy to the smallest. At last
    in between: the smaller copies, tilted by 45 degrees, and turned again.
    """
    for between in (False, True):
        for quarter_turns in range(4):
            for pixels in copies:
                to_photo = resize(pixels.shape[1::-1], size)
                if between and max(pixels.shape) > TILTED_SIDE:
                    continue
                if between:
                    pixels, back = tilted(pixels)
                    to_photo = compose(to_photo, back)
                upright = unturn_and_resize(pixels.shape[:2], quarter_turns, pixels.shape[1::-1])
                seen = detect(np.rot90(pixels, quarter_turns))
                faces = [face.mapped(compose(to_photo, upright)) for face in seen]
                if faces:
                    yield sorted(faces, key=lambda face: face.area, reverse=True)


def _search_copies(photo: Image.Image) -> list[np.ndarray]:
    """The photo at each of SEARCH_SIDES that does not enlarge it, without those too thin.

    A panorama also comes at a larger side, first.
    """
    longest, shortest = max(photo.size), min(photo.size)
    sides = set(SEARCH_SIDES)
    if longest > LONG * shortest:
        sides.add(min(round(PANORAMA_SIDE * longest / shortest), LONGEST_SIDE))
    copies = []
    for side in sorted({min(side, longest) for side in sides}, reverse=True):
        size = tuple(max(1, round(length * side / longest)) for length in photo.size)
        if min(size) >= SMALLEST_SIDE:
            photo = shrink(photo, size)  # from the copy before: the large one is read once
            copies.append(np.asarray(photo))
    return copies
