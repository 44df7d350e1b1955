"""Faces to click that need no upload: decoded from stored codes, never CelebA's pictures."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import gradio as gr
from PIL import Image

from betavae.data.images import to_picture
from betavae.serving.studio import Studio

SHOWN = (12, 47, 101, 188)  # places among the stored codes
SIDE = 256


def build(studio: Studio, photo: gr.Image) -> None:
    """A row of examples under `photo`; nothing where no face model is served."""
    files = write(studio, Path(tempfile.mkdtemp(prefix="betavae-examples-")))
    if files:
        gr.Examples([str(file) for file in files], photo, label="Or try one of these")


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
