"""Paste back: the face as it was edited on the board, put into the photo that it came from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import torch
from PIL import Image

from betavae.data.photos import SRGB, PhotoError
from betavae.faces.pasting import paste_back
from betavae.serving import checks
from betavae.serving.studio import Studio
from betavae.ui.parts.markup import notice
from betavae.ui.parts.upload import open_upload

SHOWN_SIDE = 1200  # longest, on the page; the download has the photo's own size
CHANGE, FACE = "only what changed", "the whole face"
INTRODUCTION = (
    "**Put the edited face back into your photo.** Press *Edit in Traverse*, move some sliders and "
    "come back here. *Only what changed* keeps the detail of your photo. *The whole face* replaces "
    "your face with the decoder's picture."
)
NOT_THIS_FACE = (
    "The sliders do not hold this face. Press Edit in Traverse, move a slider and come back."
)
# The board is in another tab: what its sliders say is read in the browser.
READ_BOARD = """(codes, model, kind, state) =>
  [document.querySelector('#board .board')?.codes?.() ?? null, model, kind, state]"""


def build(studio: Studio, found: gr.State) -> None:
    """Lay out the section; `found` holds what the upload's face was found to be."""
    names = studio.photo_names
    if not names:
        return
    with gr.Accordion("Paste back into the photo", open=False, elem_id="paste"):
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            model = gr.Dropdown(
                [(studio.title(name), name) for name in names],
                value=names[0],
                label="Edited with",
                elem_id="paste-model",
            )
            kind = gr.Radio(
                [CHANGE, FACE], value=CHANGE, label="What to paste", elem_id="paste-kind"
            )
            button = gr.Button("Paste back", variant="primary", elem_id="paste-button")
        message = gr.HTML(elem_id="paste-message")
        compared = gr.ImageSlider(
            label="Before and after", visible=False, interactive=False, elem_id="paste-result"
        )
        download = gr.DownloadButton("Download", visible=False, elem_id="paste-download")
        codes = gr.JSON(visible=False)

    def nothing(said: str = ""):
        """No result, nor that of another photo."""
        return said, gr.ImageSlider(visible=False), gr.DownloadButton(visible=False)

    def put_back(codes: dict | None, name: str, kind: str, state: dict[str, Any] | None):
        try:
            before, after = pasted(studio, codes, name, kind, state)
        except (checks.Refused, PhotoError) as error:
            return nothing(notice(str(error), wrong=True))
        path = Path(tempfile.mkdtemp(dir=_cache())) / "edited.jpg"
        after.save(path, quality=95, icc_profile=SRGB)
        shown = tuple(_at_most(picture, SHOWN_SIDE) for picture in (before, after))
        return (
            "",
            gr.ImageSlider(shown, visible=True),
            gr.DownloadButton(value=str(path), visible=True),
        )

    results = [message, compared, download]
    pasting = button.click(
        put_back,
        [codes, model, kind, found],
        results,
        js=READ_BOARD,
        api_visibility="private",
        concurrency_limit=2,
        concurrency_id="looking",
    )
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    found.change(nothing, None, results, cancels=[pasting], **quiet)


def pasted(
    studio: Studio, codes: Any, name: str, kind: str, state: dict[str, Any] | None
) -> tuple[Image.Image, Image.Image]:
    """The photo before and after. Raises Refused or PhotoError, each with one sentence."""
    if not state:
        raise checks.Refused("Upload a photo first.")
    if state["matrix"] is None:
        raise checks.Refused("No face was found in this photo. Crop it by hand first.")
    name = checks.model_name(name, studio.photo_names)
    latents = studio.bundles[name].vae.latents
    start, edited = (_sliders(codes, part, name, latents) for part in ("start", "edited"))
    own = torch.tensor([state["codes"][name]])
    if not torch.allclose(start, own, atol=1e-3):  # some other face, put there since
        raise checks.Refused(NOT_THIS_FACE)
    if torch.allclose(edited, start, atol=1e-6):
        _say_what_moved(studio, codes, name, kind)
    photo = open_upload(state["path"])
    own = studio.decode(name, own)
    pictures = [_as_array(picture) for picture in (studio.decode(name, edited)[0], own[0])]
    own = pictures[1] if kind == CHANGE else None
    return photo, paste_back(photo, state["matrix"], pictures[0], own)


def _say_what_moved(studio: Studio, codes: dict, name: str, kind: str) -> None:
    """Refuse where the chosen model's sliders stand as they were, but for the whole face as it is,
    where no other model's were moved."""
    moved = [
        other
        for other in studio.photo_names
        if codes["edited"].get(other) != codes["start"].get(other)
    ]
    if moved:
        edited = " or ".join(studio.title(other) for other in moved)
        raise checks.Refused(f"You did not edit with {studio.title(name)}. Choose {edited} above.")
    if kind == CHANGE:
        raise checks.Refused("No slider has moved. Press Edit in Traverse, move one and come back.")


def _sliders(codes: Any, part: str, name: str, latents: int) -> torch.Tensor:
    """One model's code (1, L) of what READ_BOARD read."""
    part_codes = codes.get(part) if isinstance(codes, dict) else None
    code = part_codes.get(name) if isinstance(part_codes, dict) else None
    if code is None:
        raise checks.Refused(NOT_THIS_FACE)
    return checks.codes(code, latents)


def _as_array(picture: torch.Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).numpy()


def _at_most(picture: Image.Image, side: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((side, side))
    return small


def _cache() -> str:
    """Gradio's own temporary folder, whose old files it deletes."""
    from gradio.utils import get_upload_folder

    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return get_upload_folder()
