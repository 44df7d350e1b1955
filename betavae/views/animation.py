"""A latent to and fro, as a file: GIF, WebP or MP4."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from betavae.data.images import to_picture

SIDES = {"gif": 256, "webp": 384, "mp4": 384}  # pixels; GIF takes ten times the bytes
MILLISECONDS = 40  # a frame: GIF knows hundredths of a second only
REACH = 3.0


def to_and_fro(value: float, frames: int) -> Tensor:
    """A whole swing of a pendulum that starts at `value`: up to 3, down to -3 and back, (frames,).

    A value beyond 3 starts at 3.
    """
    start = math.asin(max(-1.0, min(1.0, value / REACH)))
    return REACH * torch.sin(start + torch.arange(frames) / frames * math.tau)


def swings(code: Tensor, latents: Sequence[int], frames: int) -> Tensor:
    """The code (L,) with each of `latents` in turn to and fro -> (len(latents) * frames, L)."""
    path = code.repeat(len(latents) * frames, 1)
    for place, latent in enumerate(latents):
        path[place * frames : (place + 1) * frames, latent] = to_and_fro(
            float(code[latent]), frames
        )
    return path


def enlarged(picture: Tensor, side: int) -> Image.Image:
    """(C, H, W) in [0, 1] -> RGB of side x side, smooth."""
    return to_picture(picture).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)


def animation(pictures: Tensor, kind: str) -> bytes:
    """Frames (T, C, H, W) in [0, 1] -> a file's content that runs in a circle, 25 frames a second.

    MP4 holds VP9, which browsers play; the MPEG-4 that OpenCV writes by default they do not.
    Raises OSError where OpenCV was built without it, ValueError for another kind.
    """
    if kind not in SIDES:
        raise ValueError(f"an animation is one of {', '.join(SIDES)}, not {kind!r}.")
    frames = [enlarged(picture, SIDES[kind]) for picture in pictures]
    if kind == "mp4":
        return _video(frames)
    options = {"method": 2, "quality": 85} if kind == "webp" else {"disposal": 1}
    stream = io.BytesIO()
    frames[0].save(
        stream,
        kind.upper(),
        save_all=True,
        append_images=frames[1:],
        duration=MILLISECONDS,
        loop=0,
        **options,
    )
    return stream.getvalue()


def _video(frames: list[Image.Image]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation.mp4"
        code = cv2.VideoWriter_fourcc(*"vp09")
        writer = cv2.VideoWriter(str(path), code, 1000 / MILLISECONDS, frames[0].size)
        if not writer.isOpened():
            raise OSError("This server's OpenCV cannot write VP9; choose GIF or WebP.")
        for frame in frames:
            writer.write(np.asarray(frame)[..., ::-1])
        writer.release()
        return path.read_bytes()
