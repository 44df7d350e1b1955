"""Look again at a face that was found: is it one, which way up is it, and where are its eyes?

YuNet also finds faces that lie on their side or stand upside down, but with landmarks that make
them look upright; it takes some handwriting for faces, and under-reports the turn of small ones. So
it looks again at the face as the landmarks would align it, close up and at several turns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from betavae.faces.detector import Face, detect
from betavae.faces.geometry import Patch, compose, inverse, unturn_and_resize

# The detector's landmarks in CelebA's 178x218 frame.
TEMPLATE = np.array([(69, 111), (108, 111), (88, 135), (71, 152), (105, 152)], float)
EYE_DISTANCE = TEMPLATE[1, 0] - TEMPLATE[0, 0]
MIRRORED = [1, 0, 2, 4, 3]  # TEMPLATE's order in a mirror image

CLOSE_UP = (16, 62, 160, 206)  # the part of the frame that is looked at again: the face
# Faces that stand upright score more: all of 88 in a quick look, 78 in the two close ones. Others
# reach as much in a quick look, but 0.906 in the close ones.
SURE, SURE_CLOSE_UP = 0.89, 0.91
FAR = 8  # degrees between two looks


def fit(landmarks: np.ndarray) -> np.ndarray:
    """The turn, scale and shift (2x3) that take the landmarks to TEMPLATE with least squares.

    As complex numbers such a map is z -> a·z + b, and the fit a division.
    """
    z, w = landmarks @ (1, 1j), TEMPLATE @ (1, 1j)
    centred = z - z.mean()
    a = np.vdot(centred, w) / np.vdot(centred, centred)
    b = w.mean() - a * z.mean()
    return np.array([(a.real, -a.imag, b.real), (a.imag, a.real, b.imag)])


def looked_at(patch: Patch, landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """Better landmarks, and how well the face is seen, 0 to 1; 0 for what is not seen again."""
    seen = _confirm(patch, landmarks)
    if seen is None:
        return landmarks, 0.0
    landmarks, score = refine(patch, seen.landmarks)
    if seen.score >= SURE and score >= SURE_CLOSE_UP:
        return landmarks, 1.0
    return which_way_up(patch, landmarks)


def _confirm(patch: Patch, landmarks: np.ndarray) -> Face | None:
    """With better landmarks; None for a face that cannot be seen again, as handwriting may be.

    A quick look at four turns, as YuNet also finds faces that lie on their side, but with
    landmarks that make them look upright; and at the four turns between unless one is sure.
    """
    seen = []
    for degrees in (0, 45):
        look = _look_again(patch, _turned(landmarks, degrees), shrink=4, turns=range(4))
        seen += [look] if look else []
        if look and look.score >= SURE:
            break
    return max(seen, key=lambda face: face.score, default=None)


def which_way_up(patch: Patch, landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """The landmarks at the turn of eight at which the face is seen best, refined; and how well.

    A tilted or upside-down face is also seen as one that stands otherwise, nearly as surely in one
    look. In six looks, of three sizes, each in the mirror too, the right way up is seen in more of
    them: how well is the mean of their scores, 0 where nothing is seen.
    """
    best, well = landmarks, 0.0
    for degrees in range(0, 360, 45):
        turned = _turned(landmarks, degrees)
        if not any(_look_again(patch, turned, mirror=mirror) for mirror in (False, True)):
            continue
        turned, _ = refine(patch, turned)
        looks = [
            _look_again(patch, turned, shrink=shrink, mirror=mirror)
            for shrink in (1, 2, 4)
            for mirror in (False, True)
        ]
        score = sum(look.score for look in looks if look) / len(looks)
        if score > well:
            best, well = turned, score
    return best, well


def refine(patch: Patch, landmarks: np.ndarray, again: bool = True) -> tuple[np.ndarray, float]:
    """Better landmarks, and the mean score of two looks, 0 where nothing is seen.

    Look twice, the second time in the mirror: the mean of the two errs less than either. Unless the
    first was still far from upright: then all `again`, from where the second arrived.
    """
    looks, scores = [], []
    for mirror in (False, True):
        seen = _look_again(patch, landmarks, mirror=mirror)
        landmarks = seen.landmarks if seen else landmarks
        looks.append(landmarks)
        scores.append(seen.score if seen else 0.0)
    first, second = (fit(look) for look in looks)
    left = compose(second, inverse(first))
    if again and abs(np.degrees(np.arctan2(left[1, 0], left[0, 0]))) > FAR:
        return refine(patch, landmarks, again=False)
    return np.mean(looks, axis=0), sum(scores) / 2


def _turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    """The landmarks turned about their middle."""
    middle, angle = landmarks.mean(axis=0), np.radians(degrees)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return (landmarks - middle) @ turn + middle


def _look_again(
    patch: Patch, landmarks: np.ndarray, shrink: int = 1, turns=(0,), mirror: bool = False
) -> Face | None:
    """Detect once more, close up as `landmarks` align it, shrunk and at each of the quarter turns.

    Returns the surest detection, in pixels of the photo, or None if the face is not seen again.
    """
    left, top, right, bottom = CLOSE_UP
    size = (right - left, bottom - top)
    matrix = fit(landmarks)
    view = np.asarray(patch.warped(matrix, CLOSE_UP).reduce(shrink))
    to_frame = np.array([(1, 0, left), (0, 1, top)], float)
    if mirror:
        view, to_frame = view[:, ::-1], np.array([(-1, 0, right), (0, 1, top)], float)
    seen = []
    for quarter_turns in turns:
        affine = compose(to_frame, unturn_and_resize(view.shape[:2], quarter_turns, size))
        faces = [face.mapped(affine) for face in detect(np.rot90(view, quarter_turns))]
        seen += [face for face in faces if _is_central(face)]
    if not seen:
        return None
    surest = max(seen, key=lambda face: face.score).mapped(inverse(matrix))
    return replace(surest, landmarks=surest.landmarks[MIRRORED]) if mirror else surest


def _is_central(face: Face) -> bool:
    """Is it the face that the frame is aligned to, and not its neighbour?"""
    shift = face.landmarks.mean(axis=0) - TEMPLATE.mean(axis=0)
    return float(np.hypot(*shift)) < 1.25 * EYE_DISTANCE
