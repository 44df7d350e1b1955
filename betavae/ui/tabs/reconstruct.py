"""The Reconstruct tab: a photo in, its face aligned, encoded and decoded by each model."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from betavae.data.photos import PhotoError
from betavae.serving import checks
from betavae.serving.studio import Studio
from betavae.ui.live import blend
from betavae.ui.live.face import (
    EMPTY,
    asked_face,
    asked_light,
    asked_square,
    face_view,
    nothing,
)
from betavae.ui.parts import examples, paste
from betavae.ui.parts.face import take_apart
from betavae.ui.parts.upload import LOST, camera_trouble, photo_input

INTRODUCTION = (
    "**Upload a photo of a face**, take one or paste one, and see what a few numbers keep of it. "
    "The photo is deleted within an hour; the browser's history keeps nothing of it."
)
LIMITS = (
    "The models learned from CelebA's celebrities and draw everyone more like them: dark skin "
    "comes out lighter, and age, glasses and hats are often lost, most with the β-VAE. Each "
    "model's card has the figures."
)

LOST_PHOTO = nothing(LOST, wrong=True) | {"failed": True}  # and Another photo is offered


def build(studio: Studio, board: gr.HTML, tabs: gr.Tabs) -> None:
    """Lay out the tab's content. *Edit in Traverse* sets the board and selects its tab."""
    found = gr.State(None)  # what `take_apart` learned: the upload's path, the matrix, the codes
    with gr.Column(elem_id="upload"):
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            photo = photo_input(label="A photo with a face", elem_id="photo", height=260)
            with gr.Column(min_width=260):
                camera_trouble()
                examples.build(studio, photo)
                gr.Markdown(LIMITS, elem_classes="limits")
    face = face_view(studio)

    def uploaded(path: str | None):
        """A new photo: its largest face, or its centre."""
        if path is None:
            return nothing(EMPTY), None
        try:
            return take_apart(studio, path)[:2]
        except PhotoError as error:
            return nothing(str(error), wrong=True) | {"failed": True}, None

    def asked(state: dict[str, Any] | None, event: gr.EventData):
        """Another of the faces that were found, the square that was dragged, or more light."""
        if not state:
            return LOST_PHOTO, None
        path, boxes, luma = state["path"], state["boxes"], state["luma"]
        try:
            if asked_light(event._data):
                luma = state["brightness"] if luma is None else None
                same = state["asked"]  # faces are found again, but for a square by hand
                known = state if same["by_hand"] else None
                return take_apart(studio, path, before=known, luma=luma, **same)[:2]
            number = asked_face(event._data, len(boxes))
            if number is None:
                square = asked_square(event._data, state["size"])
                return take_apart(studio, path, before=state, by_hand=square, luma=luma)[:2]
            left, top, right, bottom = boxes[number]
            middle = (left + right) / 2, (top + bottom) / 2
            return take_apart(studio, path, middle, state, luma=luma)[:2]
        except (PhotoError, checks.Refused) as error:
            said = nothing(str(error), wrong=True)
            return said | {"keep": True, "at": time.time()}, gr.skip()

    def carry_over(state: dict[str, Any] | None, event: gr.EventData):
        """Show the uploaded face on the board, in the Traverse tab, whatever it showed."""
        if not state:
            return gr.skip(), gr.skip(), LOST_PHOTO
        models = studio.families[studio.family(studio.photo_names[0])]
        asked_for = event._data.get("model") if isinstance(event._data, dict) else None
        first = asked_for if asked_for in models else models[0]
        pair = [first, *(name for name in models if name != first)][:2]
        command = {"action": "face", "codes": state["codes"], "note": "Your face."}
        command |= {"models": pair, "details": state["details"], "at": time.time()}
        return command, gr.Tabs(selected="traverse"), gr.skip()

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    looking = quiet | {"concurrency_limit": 2, "concurrency_id": "looking"}
    photo.change(uploaded, photo, [face, found], **looking | {"show_progress": "minimal"})
    face.input(asked, found, [face, found], trigger_mode="multiple", **looking)
    face.submit(carry_over, found, [board, tabs, face], **quiet)
    face.clear(lambda: None, None, photo, **quiet)
    paste.build(studio, found, board, tabs)
    blend.build(studio, found)
