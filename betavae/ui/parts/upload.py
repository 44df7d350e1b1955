"""What a visitor uploads: the file as it came, and the face in it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from PIL import Image

from betavae.data.photos import PhotoError, open_photo
from betavae.faces.alignment import AlignedFace, NoFaceFound, align_face, centre_crop
from betavae.faces.detector import FaceModelError
from betavae.faces.light import brightened

# What a page says whose server knows nothing of its photo any more.
LOST = "The server was restarted and lost your photo. Upload it again to go on."
FIRST = "Upload a photo first. If you did, upload it again: the server was restarted and lost it."
MUCH_OUTSIDE = 0.1  # of the crop


def photo_input(**options) -> gr.Image:
    """A gr.Image that passes on the uploaded file's path, unopened.

    Gradio would decode the file before any handler runs, and answer a broken one in its own words.
    """
    component = gr.Image(
        type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"], **options
    )
    component.preprocess = lambda payload: payload and payload.path
    return component


def camera_trouble() -> gr.HTML:
    """Where it is said that there is no camera, or that it may not be used; once on a page."""
    script = Path(__file__).parents[1] / "live" / "camera.js"
    return gr.HTML(
        "",
        js_on_load=script.read_text(encoding="utf-8"),
        elem_id="camera-trouble",
        apply_default_css=False,
    )


def open_upload(path: str, luma: float | None = None) -> Image.Image:
    """The uploaded photo, which is deleted within the hour; brightened, where a luma is given.
    Raises PhotoError."""
    if not Path(path).exists():
        raise PhotoError("Your photo has been deleted, as announced. Upload it again to go on.")
    return open_photo(path) if luma is None else brightened(open_photo(path), luma)


def face_or_centre(
    photo: Image.Image, at: tuple[float, float] | None = None
) -> tuple[Image.Image, AlignedFace | None, str]:
    """A photo -> what the models see of it (64x64), its face, and why there is none.

    Without a face it is the photo's centre.
    """
    try:
        face = align_face(photo, at)
    except (NoFaceFound, FaceModelError) as error:
        return centre_crop(photo), None, str(error)
    return face.crop, face, ""


def remarks(face: AlignedFace) -> str:
    """What makes the models guess, in sentences, each after a space; "" where nothing does."""
    said = ""
    if face.outside >= MUCH_OUTSIDE:
        said += (
            f" {face.outside:.0%} of the square lies outside the photo and is filled in: hair or "
            "a hat there is the models' guess. Use a photo with more space around the face."
        )
    return said
