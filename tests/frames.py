"""Drawn faces in CelebA's frame, and damage to the files that hold them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from betavae.data import CelebA

FRAME = (178, 218)  # CelebA's aligned frame
CROP = (15, 35, 163, 183)  # left, top, right, bottom of its centre 148x148
FRAMES = [pytest.param(FRAME, id="official"), pytest.param((89, 109), id="reduced")]
ARCHIVES = [pytest.param(False, id="folder"), pytest.param(True, id="zip")]
FACE, SURROUNDINGS = (200, 120, 40), (10, 60, 220)


def framed_face(frame: tuple[int, int]) -> Image.Image:
    """One colour in the centre 148x148 of CelebA's frame, another around it."""
    picture = Image.new("RGB", FRAME, SURROUNDINGS)
    picture.paste(FACE, CROP)
    return picture.resize(frame, Image.Resampling.BOX)


def gradient(frame: tuple[int, int], axis: int) -> Image.Image:
    """Grey from 0 to 255 across the frame (axis 0) or down it (axis 1)."""
    ramp = (np.arange(frame[axis]) + 0.5) / frame[axis] * 255
    grey = np.tile(ramp, (frame[1], 1)) if axis == 0 else np.tile(ramp[:, None], (1, frame[0]))
    return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")


def filled(colour: tuple[int, int, int]) -> torch.Tensor:
    """uint8 (3, 1, 1), to be spread over a picture."""
    return torch.tensor(colour, dtype=torch.uint8)[:, None, None]


def break_picture(path: Path) -> None:
    """Cut a file in half, as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def rewrite_zip(root: Path, name="", change=None, compression=zipfile.ZIP_STORED) -> None:
    """Write img_align_celeba.zip anew, with `change` applied to the content of one picture."""
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path) as old:
        contents = {member: old.read(member) for member in old.namelist()}
    if change is not None:
        member = f"img_align_celeba/{name}"
        contents[member] = change(contents[member])
    with zipfile.ZipFile(path, "w", compression) as new:
        for member, content in contents.items():
            new.writestr(member, content)


def load(layout, split="train") -> CelebA:
    return CelebA(layout.root, split, progress=False)
