"""The Reconstruct tab: a photo in, its face aligned, encoded and decoded by each model."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from betavae.bundles.bundle import Bundle
from betavae.data.images import to_picture
from betavae.data.photos import PhotoError
from betavae.faces.alignment import AlignedFace
from betavae.faces.pasting import align_by_hand
from betavae.serving.studio import Reconstruction, Studio
from betavae.ui.live import blend
from betavae.ui.parts import examples, paste
from betavae.ui.parts.markup import card, cards, notice, overview
from betavae.ui.parts.upload import (
    FIRST,
    LOST,
    camera_trouble,
    face_or_centre,
    open_upload,
    photo_input,
    remarks,
)

INTRODUCTION = (
    "**Upload a photo of a face**, take one or paste one. The face is aligned like the training "
    "faces, encoded into latents and decoded again. The photo is deleted within an hour. The "
    "browser's history keeps nothing of it.\n\nThe models learned from CelebA's celebrities and "
    "draw everyone more like them: dark skin comes out lighter, and age, glasses and hats are "
    "often lost, most with the β-VAE. Each model's card has the figures."
)
EMPTY = notice("Your face and each model's reconstruction will appear here.")
DIFFERENCE = (
    "Beside each reconstruction is its difference from the original: grey where they agree, "
    "lighter where the reconstruction is too bright, darker where it is too dark. ↑: higher is "
    "better."
)
USED = 4  # latents listed a model
BY_HAND = (50, 50, 60, 0)  # centre across and down, side: per cent of the photo; tilt: degrees


def build(studio: Studio, board: gr.HTML, tabs: gr.Tabs) -> None:
    """Lay out the tab's content. *Edit in Traverse* sets the board and selects its tab."""
    gr.Markdown(INTRODUCTION)
    found = gr.State(None)  # what `take_apart` learned: the upload's path, the matrix, the codes
    with gr.Row():
        with gr.Column(scale=2, min_width=260):
            photo = photo_input(label="A photo with a face", elem_id="photo")
            camera_trouble()
            examples.build(studio, photo)
            which = gr.Radio([], label="Which face?", visible=False, elem_id="which")
            edit = gr.Button(
                "Edit in Traverse", variant="primary", interactive=False, elem_id="edit"
            )
        with gr.Column(scale=5, min_width=300):
            result = gr.HTML(EMPTY, elem_id="reconstruction")
    with gr.Accordion("Crop by hand", open=False, elem_id="by-hand") as accordion:
        gr.Markdown(
            "Place the square so that it holds the face, from above the eyebrows to below the "
            "chin. Its size is in per cent of the photo's shorter side."
        )
        with gr.Row():
            sliders = [
                gr.Slider(low, high, value, step=1, label=label, min_width=150, elem_id=name)
                for (name, label, low, high), value in zip(
                    (
                        ("hand-x", "Across, %", 0, 100),
                        ("hand-y", "Down, %", 0, 100),
                        ("hand-side", "Size, %", 5, 100),
                        ("hand-tilt", "Tilt, degrees", -180, 180),
                    ),
                    BY_HAND,
                    strict=True,
                )
            ]
    outputs = [result, found, edit, which, accordion]

    def uploaded(path: str | None):
        """A new photo: its largest face, or its centre with the crop by hand opened."""
        if path is None:
            return EMPTY, None, gr.Button(interactive=False), gr.Radio(visible=False), gr.skip()
        try:
            markup, state, face = take_apart(studio, path)
        except PhotoError as error:
            sentence = notice(str(error), wrong=True)
            closed = gr.Accordion(open=False)
            return sentence, None, gr.Button(interactive=False), gr.Radio(visible=False), closed
        several = face is not None and len(face.faces) > 1
        numbers = list(range(1, len(face.faces) + 1)) if several else []
        choice = gr.Radio(numbers, value=1 if several else None, visible=several)
        edits = gr.Button(interactive=bool(state["codes"]))
        return markup, state, edits, choice, gr.Accordion(open=face is None)

    def chosen(number: int | None, state: dict[str, Any] | None):
        """Another of the faces that were found."""
        if not state:
            return notice(LOST, wrong=True), None
        if not number or number > len(state["boxes"]):
            return gr.skip(), gr.skip()
        left, top, right, bottom = state["boxes"][number - 1]
        middle = ((left + right) / 2, (top + bottom) / 2)
        try:
            return take_apart(studio, state["path"], middle, state["boxes"])[:2]
        except PhotoError as error:
            return notice(str(error), wrong=True), gr.skip()

    def cropped(state: dict[str, Any] | None, *numbers: float):
        """The square that the sliders say."""
        if not state:
            return notice(FIRST), None
        try:
            return take_apart(studio, state["path"], boxes=state["boxes"], by_hand=numbers)[:2]
        except PhotoError as error:
            return notice(str(error), wrong=True), gr.skip()

    def carry_over(state: dict[str, Any] | None):
        """Show the uploaded face on the board, in the Traverse tab, whatever it showed."""
        if not state:
            return gr.skip(), gr.skip(), notice(LOST, wrong=True)
        first = studio.family(studio.photo_names[0])
        command = {"action": "face", "codes": state["codes"], "note": "Your face."}
        command |= {"models": studio.families[first][:2], "at": time.time()}
        return command, gr.Tabs(selected="traverse"), gr.skip()

    quiet: dict[str, Any] = {"api_visibility": "private"}
    looking = quiet | {"concurrency_limit": 2, "concurrency_id": "looking"}
    photo.change(uploaded, photo, outputs, **looking)
    which.input(chosen, [which, found], [result, found], trigger_mode="always_last", **looking)
    # Keys and drags alike; while one crop is looked at only the newest wish waits.
    gr.on(
        [slider.change for slider in sliders],
        cropped,
        [found, *sliders],
        [result, found],
        trigger_mode="always_last",
        **looking,
    )
    edit.click(carry_over, found, [board, tabs, result], **quiet)
    paste.build(studio, found)
    blend.build(studio, found)


def take_apart(
    studio: Studio,
    path: str,
    at: tuple[float, float] | None = None,
    boxes: list | None = None,
    by_hand: tuple[float, ...] | None = None,
) -> tuple[str, dict[str, Any], AlignedFace | None]:
    """The markup, what later steps need to know, and the face if one was found or cut by hand."""
    photo = open_upload(path)
    if by_hand is not None:
        across, down, side, tilt = by_hand
        centre = (photo.width * across / 100, photo.height * down / 100)
        face, why = align_by_hand(photo, centre, min(photo.size) * side / 100, tilt), ""
        crop = face.crop
    else:
        crop, face, why = face_or_centre(photo, at)
    made = {name: studio.reconstruct(name, crop) for name in studio.photo_names}
    boxes = boxes or (list(face.faces) if face else [])
    state = {
        "path": path,
        "boxes": boxes,
        "matrix": face.matrix if face else None,
        "codes": {name: one.code.tolist() for name, one in made.items()},
    }
    return _markup(studio, photo, crop, face, why, boxes, by_hand is not None, made), state, face


def _markup(studio, photo, crop, face, why, boxes, hand, made: dict[str, Reconstruction]) -> str:
    if face is None:
        message = notice(
            f"{why} For now the models see the centre of the photo. They work best on an aligned "
            "face: crop it by hand below.",
            wrong=True,
        )
        lines = ["Centre crop, not aligned"]
    elif hand:
        message, lines = notice(f"Using your crop.{remarks(face)}"), ["Cropped by hand"]
    else:
        faces = (
            "One face found."
            if len(boxes) == 1
            else f"{len(boxes)} faces found. Number 1 is the largest."
        )
        message = notice(f"{faces}{remarks(face)}")
        lines = ["Aligned like CelebA's faces"]
    items = [card(crop, "What the models see", lines)]
    items += [_model_card(studio.bundles[name], one) for name, one in made.items()]
    found = overview(photo, face.faces if hand and face else boxes)
    return f'{message}<p class="reading">{DIFFERENCE}</p>{cards(items)}{found}'


def _model_card(bundle: Bundle, made: Reconstruction) -> str:
    figures = [
        f"PSNR ↑ {made.psnr:.1f} dB · SSIM ↑ {made.ssim:.2f}",
        f"KL {made.kl.sum():.0f} nats",
    ]
    order = made.kl.argsort(descending=True)[:USED].tolist()
    used = [unusual(bundle, index, float(made.code[index])) for index in order]
    difference = to_picture(made.difference)
    return card(
        made.picture, bundle.title, figures, difference, used, "Latents with the largest KL:"
    )


def unusual(bundle: Bundle, index: int, value: float) -> str:
    """Such as "z3: 2.1 s.d. above average (tracks smiling)": how far a latent lies from its mean
    over validation faces. It is the latent that is named, not the person: most of what an annotator
    called smiling, or young, is not in it. Nobody is told how attractive a face is."""
    latent = next(latent for latent in bundle.latents if latent.index == index)
    deviations = round((value - latent.mean) / max(latent.deviation, 1e-6), 1)
    where = f"{abs(deviations):.1f} s.d. {'above' if deviations > 0 else 'below'} average"
    text = f"z{index}: {where if deviations else 'average'}"
    tracked = latent.named[0]["name"] if latent.named else ""
    return text if tracked in ("", "attractive") else f"{text} (tracks {tracked})"
