"""Blend two faces: a slider between two uploads, in code space, live."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from betavae.data.images import to_tensor
from betavae.data.photos import PhotoError
from betavae.serving.studio import Studio
from betavae.ui.live.board import describe, server_functions
from betavae.ui.live.component import live_html
from betavae.ui.parts.markup import notice
from betavae.ui.parts.upload import face_or_centre, open_upload, photo_input

INTRODUCTION = (
    "**Blend two faces.** Upload a second photo and drag the slider from one face to the other. "
    "Each picture is decoded from a point on the straight line between the two codes."
)
FIRST_FACE = (
    "Upload the first face above. If you did, upload it again: the server was restarted and lost "
    "it."
)
WAITING = notice("The first face is the one you uploaded above.")


def build(studio: Studio, found: gr.State) -> None:
    """Lay out the section; `found` holds the first face."""
    with gr.Accordion("Blend with another face", open=False, elem_id="blend"), gr.Row():
        with gr.Column(scale=2, min_width=260):
            gr.Markdown(INTRODUCTION)
            photo = photo_input(label="Another photo with a face", elem_id="blend-photo")
        with gr.Column(scale=5, min_width=300):
            message = gr.HTML(WAITING, elem_id="blend-message")
            slider = live_html(
                "blend",
                {},
                server_functions(studio)[:1],
                "blend-slider",
                models=[describe(studio, name) for name in studio.photo_names],
            )

    def blended(path: str | None, state: dict[str, Any] | None):
        if path is None:
            return WAITING, {}
        if not state:
            return notice(FIRST_FACE, wrong=True), {}
        try:
            crop, face, _ = face_or_centre(open_upload(path))
        except PhotoError as error:
            return notice(str(error), wrong=True), {}
        note = (
            ""
            if face
            else notice("No face was found. The centre of the photo is used.", wrong=True)
        )
        images = to_tensor(crop)[None].float() / 255
        codes = {name: studio.encode(name, images).mean for name in studio.photo_names}
        own = {name: studio.read_details(name, images, codes[name]) for name in studio.sharp}
        return note, {
            "from": state["codes"],
            "to": {name: code[0].tolist() for name, code in codes.items()},
            "details": {"from": state["details"], "to": own},
            "at": time.time(),
        }

    gr.on(  # a new first face, too
        [photo.change, found.change],
        blended,
        [photo, found],
        [message, slider],
        api_visibility="private",
        concurrency_limit=2,
        concurrency_id="looking",
    )
