"""What a visitor uploads: the file as it came, and the face in it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from PIL import Image

from betavae.data.photos import PhotoError, open_photo
from betavae.faces.alignment import AlignedFace, NoFaceFound, align_face, centre_crop
from betavae.faces.detector import FaceModelError


def photo_input(**options) -> gr.Image:
    """A gr.Image that passes on the uploaded file's path, unopened.

    Gradio would decode the file before any handler runs, and answer a broken one in its own words.
    """
    component = gr.Image(
        type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"], **options
    )
    component.preprocess = lambda payload: payload and payload.path
    return component


def open_upload(path: str) -> Image.Image:
    """The uploaded photo, which is deleted within the hour. Raises PhotoError."""
    if not Path(path).exists():
        raise PhotoError("Your photo has been deleted, as announced. Upload it again to go on.")
    return open_photo(path)


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
