"""The Reconstruct tab: a photo in, its face aligned, taken apart and put together by each model."""

from __future__ import annotations

import time

import gradio as gr
from PIL import Image

from betavae.faces import AlignedFace, FaceModelError, NoFaceFound, align_face, centre_crop
from betavae.photos import PhotoError, open_photo
from betavae.ui.markup import card, cards, notice
from betavae.ui.studio import Studio

INTRODUCTION = (
    "**Upload a face**, take a picture or paste one. It is aligned as the training faces were, "
    "encoded into latents and decoded again. Uploads stay in memory for the answer, the file is "
    "deleted within the hour, and nothing is kept in the browser's history."
)
EMPTY = notice("Your face and what each model makes of it will appear here.")


def build(studio: Studio, board: gr.HTML, tabs: gr.Tabs) -> None:
    """Lay out the tab's content. *Edit in Traverse* sets `board` and selects its tab in `tabs`."""
    gr.Markdown(INTRODUCTION)
    codes = gr.State(None)
    with gr.Row():
        with gr.Column(scale=2, min_width=260):
            photo = photo_input(label="A photo with a face", elem_id="photo")
            edit = gr.Button(
                "Edit in Traverse", variant="primary", interactive=False, elem_id="edit"
            )
        with gr.Column(scale=5, min_width=300):
            result = gr.HTML(EMPTY, elem_id="reconstruction")

    def take_apart(path: str | None):
        """The result, the codes to edit, and whether the button works."""
        if path is None:
            return EMPTY, None, gr.Button(interactive=False)
        try:
            markup, found = _reconstruct(studio, path)
        except PhotoError as error:
            return notice(str(error), wrong=True), None, gr.Button(interactive=False)
        return markup, found, gr.Button(interactive=bool(found))

    def carry_over(found: dict | None):
        """Show the uploaded face on the board, in the Traverse tab."""
        command = {"action": "face", "codes": found, "note": "Your face.", "at": time.time()}
        return command, gr.Tabs(selected="traverse")

    photo.change(
        take_apart, photo, [result, codes, edit], api_visibility="private", concurrency_limit=2
    )
    edit.click(carry_over, codes, [board, tabs], api_visibility="private")


def photo_input(**options) -> gr.Image:
    """A gr.Image that passes on the uploaded file's path, unopened.

    Gradio would decode the file before any handler runs, and answer a broken one in its own words.
    """
    component = gr.Image(
        type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"], **options
    )
    component.preprocess = lambda payload: payload and payload.path
    return component


def face_or_centre(path: str) -> tuple[Image.Image, AlignedFace | None, str]:
    """An uploaded photo -> what the models see of it (64x64), its face, and why there is none.

    Without a face it is the photo's centre. Raises PhotoError for what is no picture.
    """
    photo = open_photo(path)
    try:
        face = align_face(photo)
    except (NoFaceFound, FaceModelError) as error:
        return centre_crop(photo), None, str(error)
    return face.crop, face, ""


def _reconstruct(studio: Studio, path: str) -> tuple[str, dict[str, list[float]]]:
    crop, face, why = face_or_centre(path)
    if face is None:
        aligned = "Centre crop, not aligned"
        message = notice(
            f"{why} The centre of the photo is used instead; models trained on aligned faces "
            "will not do it justice.",
            wrong=True,
        )
    else:
        aligned = "Aligned as CelebA's faces are"
        message = notice(
            "One face found."
            if len(face.faces) == 1
            else f"{len(face.faces)} faces found; this is the largest."
        )
    items, codes = [card(crop, "What the models see", [aligned])], {}
    for name in studio.photo_names:
        made = studio.reconstruct(name, crop)
        codes[name] = made.code.tolist()
        figures = [f"PSNR {made.psnr:.1f} dB", f"SSIM {made.ssim:.2f}", f"KL {made.kl:.0f} nats"]
        items.append(card(made.picture, studio.title(name), figures))
    return message + cards(items), codes
