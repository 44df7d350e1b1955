"""A photo with its faces to click and a square to drag, and beside it what the models make of it.

The component knows no file: it says what the visitor did (`input`: a face was clicked, the square
moved, or more light was asked for; `submit`: edit it; `clear`: another photo), and is told what
came of it by its value.
"""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

from betavae.serving import checks
from betavae.serving.studio import Studio
from betavae.ui.live.component import live_html

EMPTY = "Your face and what a model makes of it will appear here."
SMALLEST, LARGEST = 0.04, 2.5  # sides of the square, of the photo's shorter side
MOST_TILT = 3600  # degrees


def face_view(studio: Studio, elem_id: str = "reconstruction") -> gr.HTML:
    """The component; its value is what `parts.face.described` makes, or `nothing`."""
    return live_html(
        "face",
        nothing(EMPTY),
        [],
        elem_id,
        scripts=["board/parts.js", "face/photo.js", "face/result.js"],
        styles=["board/bar.css", "face/face.css"],
        models=[{"name": name, "title": studio.title(name)} for name in studio.photo_names],
    )


def nothing(said: str, wrong: bool = False) -> dict[str, Any]:
    """The value where there is no face: a sentence alone."""
    return {"message": said, "wrong": wrong}


def asked_light(value: Any) -> bool:
    """Whether the photo is to be brightened, or shown as it came again."""
    return isinstance(value, dict) and value.get("light") is True


def asked_face(value: Any, faces: int) -> int | None:
    """Which of `faces` was clicked, from 0; None where the square was moved instead."""
    if not isinstance(value, dict) or value.get("face") is None:
        return None
    return checks.whole_number(value["face"], 0, faces - 1, "The face")


def asked_square(value: Any, size: tuple[int, int]) -> tuple[tuple[float, float], float, float]:
    """The square of a photo of that size, in pixels -> its centre, its side, its tilt in degrees.

    Raises Refused for anything that is no square on this photo.
    """
    numbers = value.get("square") if isinstance(value, dict) else None
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(_is_number, numbers)):
        raise checks.Refused("The square needs four numbers: its middle, its side and its tilt.")
    x, y, side, tilt = map(float, numbers)
    wide, high = size
    on_photo = 0 <= x <= wide and 0 <= y <= high
    if not on_photo or not SMALLEST <= side / min(size) <= LARGEST or abs(tilt) > MOST_TILT:
        raise checks.Refused("The square must lie on the photo.")
    return (x, y), side, tilt


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
