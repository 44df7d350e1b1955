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
from betavae.ui.parts.upload import FIRST, open_upload

SHOWN_SIDE = 1200  # longest, on the page; the download has the photo's own size
CHANGE, FACE = "only what changed", "the whole face"
INTRODUCTION = (
    "**Put the edited face back into your photo.** Press *Edit in Traverse*, move some sliders and "
    "press *Paste back* there, or come back here. *Only what changed* keeps the detail of your "
    "photo. *The whole face* replaces your face with the decoder's picture. Nothing outside the "
    "face changes."
)
NOT_THIS_FACE = (
    "The sliders do not hold this face. Press Edit in Traverse, move a slider and come back."
)
# The board may be in another tab: what its sliders say is read in the browser.
READ_BOARD = """(codes, kind, state) =>
  [document.querySelector('#board .board')?.codes?.() ?? null, kind, state]"""


def build(studio: Studio, found: gr.State, board: gr.HTML, tabs: gr.Tabs) -> None:
    """Lay out the section; `found` holds what the upload's face was found to be. The board asks for
    it, too: then this tab is opened."""
    if not studio.photo_names:
        return
    with gr.Accordion("Paste back into the photo", open=False, elem_id="paste") as section:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
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

    def put_back(codes: dict | None, kind: str, state: dict[str, Any] | None):
        try:
            before, after, name = pasted(studio, codes, kind, state)
        except (checks.Refused, PhotoError) as error:
            return nothing(notice(str(error), wrong=True))
        path = Path(tempfile.mkdtemp(dir=_cache())) / "edited.jpg"
        after.save(path, quality=95, icc_profile=SRGB)
        shown = tuple(_at_most(picture, SHOWN_SIDE) for picture in (before, after))
        return (
            notice(f"Edited with {studio.title(name)}."),
            gr.ImageSlider(shown, visible=True),
            gr.DownloadButton(value=str(path), visible=True),
        )

    asked, results = [codes, kind, found], [message, compared, download]
    quiet: dict[str, Any] = {"api_visibility": "private"}
    looking = quiet | {"js": READ_BOARD, "concurrency_limit": 2, "concurrency_id": "looking"}
    pasting = button.click(put_back, asked, results, **looking)
    from_board = board.submit(
        lambda: (gr.Tabs(selected="reconstruct"), gr.Accordion(open=True)),
        None,
        [tabs, section],
        **quiet,
    ).then(put_back, asked, results, **looking)
    gone = {"show_progress": "hidden", "cancels": [pasting, from_board], **quiet}
    found.change(nothing, None, results, **gone)


def pasted(
    studio: Studio, codes: Any, kind: str, state: dict[str, Any] | None
) -> tuple[Image.Image, Image.Image, str]:
    """The photo before and after, and the model that the face was edited with. Raises Refused or
    PhotoError, each with one sentence."""
    if not state:
        raise checks.Refused(FIRST)
    if state["matrix"] is None:
        raise checks.Refused("No face was found in this photo. Crop it by hand first.")
    name = edited_with(studio, codes)
    latents = studio.bundles[name].vae.latents
    start, edited = (_sliders(codes, part, name, latents) for part in ("start", "edited"))
    own = torch.tensor([state["codes"][name]])
    if not torch.allclose(start, own, atol=1e-3):  # some other face, put there since
        raise checks.Refused(NOT_THIS_FACE)
    if kind == CHANGE and torch.allclose(edited, start, atol=1e-6):
        raise checks.Refused("No slider has moved. Press Edit in Traverse, move one and come back.")
    photo = open_upload(state["path"], state["luma"])
    words = codes.get("details")
    output = "sharp" if isinstance(words, dict) and name in words else "mean"
    details = studio.details(name, words[name]) if output == "sharp" else None
    after, before = (
        _as_array(studio.decode(name, code, output, details=details)[0]) for code in (edited, own)
    )
    return photo, paste_back(photo, state["matrix"], after, before, whole=kind == FACE), name


def edited_with(studio: Studio, codes: Any) -> str:
    """The model whose sliders were moved: of several the one that was in hand last, of none the
    first."""
    parts = [codes.get(part) if isinstance(codes, dict) else None for part in ("start", "edited")]
    if not all(isinstance(part, dict) for part in parts):
        raise checks.Refused(NOT_THIS_FACE)
    start, edited = parts
    known = [name for name in studio.photo_names if name in start and name in edited]
    moved = [name for name in known if edited[name] != start[name]]
    hand = codes.get("hand")
    if not known:
        raise checks.Refused(NOT_THIS_FACE)
    return hand if hand in moved else (moved or known)[0]


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
