"""A photo taken apart: what the live face shows, and what later steps need to know."""

from __future__ import annotations

import time
from typing import Any

from PIL import Image, ImageStat

from betavae.bundles.bundle import Bundle
from betavae.bundles.naming import Name
from betavae.data.images import centre_square, to_picture
from betavae.faces.alignment import AlignedFace
from betavae.faces.light import DARK
from betavae.faces.pasting import align_by_hand, crop_square
from betavae.serving.answers import Reconstruction
from betavae.serving.pictures import data_uri, png_uri
from betavae.serving.studio import Studio
from betavae.ui.parts.upload import face_or_centre, open_upload, remarks

SHOWN_SIDE = 1000  # of the photo on the page
USED = 4  # latents listed a model
NEAR, FAR = 0.5, 2.0  # standard deviations: nearer is usual, further is far
Square = tuple[tuple[float, float], float, float]  # centre, side: pixels of the photo; tilt


def take_apart(
    studio: Studio,
    path: str,
    at: tuple[float, float] | None = None,
    before: dict[str, Any] | None = None,
    by_hand: Square | None = None,
    luma: float | None = None,
) -> tuple[dict[str, Any], dict[str, Any], AlignedFace | None]:
    """What is shown, what later steps need to know, and the face if one was found or cut by hand.

    at       a point of the face that is wanted: by default the largest one
    before   what was known of this photo: its faces need not be found again
    by_hand  the square that the visitor placed
    luma     of the face, where the photo is to be brightened
    """
    photo = open_upload(path, luma)
    if by_hand is not None:
        face, why = align_by_hand(photo, *by_hand), ""
        crop = face.crop
    else:
        crop, face, why = face_or_centre(photo, at)
    made = {name: studio.reconstruct(name, crop) for name in studio.photo_names}
    found = list(face.faces) if face else []
    boxes = before["boxes"] if before else found
    state = {
        "path": path,
        "size": photo.size,
        "boxes": boxes,
        "matrix": face.matrix if face else None,
        "codes": {name: one.code.tolist() for name, one in made.items()},
        "details": {name: one.details for name, one in made.items() if one.details},
        "luma": luma,  # that of the photo as it came, where it was brightened
        "brightness": face.brightness if face else _luma(crop),
        "asked": {"at": at, "by_hand": by_hand},
    }
    dark = luma is None and state["brightness"] < DARK
    described = {
        "at": time.time(),  # the same value twice would not be told to the browser
        **_message(face, why, len(boxes), by_hand is not None, dark),
        "dark": dark,
        "brightened": luma is not None,
        "size": list(photo.size),
        "boxes": [list(box) for box in boxes],
        "chosen": _chosen(face, boxes) if face and by_hand is None else -1,
        "square": _square(photo, face),
        "hand": by_hand is not None,
        "crop": png_uri(crop),
        "models": {name: _made(studio, name, one) for name, one in made.items()},
    }
    if before is None or before["luma"] != luma:
        described["photo"] = _shown(photo)
    return described, state, face


def _message(
    face: AlignedFace | None, why: str, found: int, hand: bool, dark: bool
) -> dict[str, Any]:
    darkness = " It is very dark: press Brighten." if dark else ""
    if face is None:
        said = (
            f"{why} For now the models see the centre of the photo.{darkness} They work best on an "
            "aligned face: drag the square onto it."
        )
        return {"message": said, "wrong": True, "aligned": "centre crop, not aligned"}
    if hand:
        said, aligned = "Using your crop.", "cropped by hand"
    else:
        several = f"{found} faces found. Click the one you want."
        said, aligned = "One face found." if found < 2 else several, "aligned like CelebA's faces"
    rest = remarks(face) + darkness
    return {"message": said + rest, "wrong": bool(rest), "aligned": aligned}


def _square(photo: Image.Image, face: AlignedFace | None) -> list[float]:
    if face is not None:
        (x, y), side, tilt = crop_square(face.matrix)
        return [x, y, side, tilt]
    left, top, right, bottom = centre_square(*photo.size)
    return [(left + right) / 2, (top + bottom) / 2, right - left, 0.0]


def _chosen(face: AlignedFace, boxes: list) -> int:
    """The number of the box that the face's eyes lie in, the one with the nearest middle."""
    x, y = (sum(eye[axis] for eye in face.eyes) / 2 for axis in (0, 1))

    def distance(number: int) -> float:
        left, top, right, bottom = boxes[number]
        return abs(x - (left + right) / 2) + abs(y - (top + bottom) / 2)

    return min(range(len(boxes)), key=distance, default=-1)


def _luma(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0] / 255


def _shown(photo: Image.Image) -> str:
    small = photo.copy()
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return data_uri(small, quality=88)


def _made(studio: Studio, name: str, made: Reconstruction) -> dict[str, Any]:
    bundle, called = studio.bundles[name], studio.latent_names(name)
    scores = f"PSNR ↑ {made.psnr:.1f} dB · SSIM ↑ {made.ssim:.2f}"
    code = made.code.tolist()
    far = sorted(bundle.active, key=lambda k: -abs(deviations(bundle, k.index, code[k.index])))
    return {
        "picture": png_uri(made.picture),
        "sharp": png_uri(made.sharp) if made.sharp else None,
        "difference": png_uri(to_picture(made.difference)),
        "figures": f"{scores} · KL {made.kl.sum():.0f} nats",
        "unusual": [unusual(bundle, called[k.index], k.index, code[k.index]) for k in far[:USED]],
    }


def deviations(bundle: Bundle, index: int, value: float) -> float:
    """How far a latent lies from its mean over validation faces, in standard deviations."""
    latent = bundle.latents[index]
    return round((value - latent.mean) / max(latent.deviation, 1e-6), 1)


def unusual(bundle: Bundle, name: Name, index: int, value: float) -> tuple[str, str, str]:
    """Such as ("head turn", "left, strongly", "2.1 s.d. below average · z3"). It is the latent
    that is named, not the person: most of what an annotator called smiling, or young, is not in it.
    Nobody is told how attractive a face is."""
    distance = deviations(bundle, index, value)
    side = "above" if distance > 0 else "below"
    toward = name.high if distance > 0 else name.low
    where = toward or f"{side} average"
    if abs(distance) < NEAR:
        where = "as on average"
    elif abs(distance) >= FAR:
        where = f"{where}, strongly"
    exactly = f"{abs(distance):.1f} s.d. {side} average" if distance else "average"
    return name.noun, where, f"{exactly} · z{index}"
