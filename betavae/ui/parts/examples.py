"""Faces to click that need no upload: decoded from stored codes, never CelebA's pictures."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from betavae.data.images import to_picture
from betavae.machine.scratch import Scratch
from betavae.serving import checks
from betavae.serving.pictures import SHEET, data_uri
from betavae.serving.studio import Studio
from betavae.ui.live.component import live_html

PREFIX = "betavae-examples-"
SHOWN = (12, 47, 101, 188)  # places among the stored codes
SIDE = 256
SHOWN_SIDE = 88  # on the page


def build(studio: Studio, photo: gr.Image) -> None:
    """A row of examples for `photo`; nothing where no face model is served."""
    files = write(studio, Scratch(PREFIX).folder)
    if not files:
        return
    examples = [{"uri": data_uri(_small(file), SHEET), "name": _named(file)} for file in files]
    row = live_html("examples", {}, [], "examples", examples=examples)

    def chosen(event: gr.EventData) -> str | Any:
        asked = event._data.get("example") if isinstance(event._data, dict) else None
        try:
            return str(files[checks.whole_number(asked, 0, len(files) - 1, "The example")])
        except checks.Refused:
            return gr.skip()

    row.select(chosen, None, photo, api_visibility="private", show_progress="hidden")


def _small(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB").resize((2 * SHOWN_SIDE, 2 * SHOWN_SIDE))


def _named(file: Path) -> str:
    if file.stem == "portrait":
        return "Portrait of Eileen Collins, a photo"
    return f"Face {file.stem.removeprefix('decoded-')}, as a model draws it"


def write(studio: Studio, folder: Path) -> list[Path]:
    """Decoded faces as PNG files, and the public-domain portrait that scikit-image ships, where
    that is installed."""
    files = []
    if studio.photo_names:
        name = studio.photo_names[0]
        codes = studio.bundles[name].codes
        for place in SHOWN:
            if place < len(codes):
                face = to_picture(studio.decode(name, codes[place : place + 1])[0])
                files.append(folder / f"decoded-{place}.png")
                face.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(files[-1])
    if importlib.util.find_spec("skimage"):
        from skimage.data import astronaut

        files.append(folder / "portrait.png")
        Image.fromarray(astronaut()).save(files[-1])
    return files
