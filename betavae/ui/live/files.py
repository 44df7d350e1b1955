"""What a visitor takes along, as files: pictures, animations, the frames of a figure."""

from __future__ import annotations

import base64
import io
import threading
from typing import Any

import torch
from PIL import Image

from betavae.serving import checks
from betavae.serving.studio import Studio
from betavae.ui.live.dial import betas_of
from betavae.ui.live.sharp import details_of
from betavae.views.animation import SIDES, animation, enlarged, swings
from betavae.views.traversal import VALUES, grid

PICTURE_SIDE = 1024
MOST_FRAMES = 240  # of an animation: 10 seconds
_writing = threading.BoundedSemaphore(1)  # a video takes a core for a second: one after the other


def save_function(studio: Studio):
    """The server function `save`: one JSON value in, one out."""

    def save(request: Any) -> dict:
        """{"kind", "model", "code", "output", "seed", "latents", "betas", "details"} -> {"file":
        data URI}.

        kind     png: the picture, 1024x1024; gif, webp, mp4: `latents` in turn to and fro;
                 sheet: a row a latent, the eight values of the paper's figure, 64x64 each
        latents  for all but png: which, in this order
        """
        if not isinstance(request, dict):
            raise checks.Refused("Say what is to be saved.")
        kind = request.get("kind")
        if kind not in ("png", "sheet", *SIDES):
            raise checks.Refused(f"Choose one of: png, sheet, {', '.join(SIDES)}.")
        name = studio.model_name(request.get("model"))
        code = checks.codes(request.get("code"), studio.bundles[name].vae.latents)
        if len(code) > 1:
            raise checks.Refused("Send one code.")
        output = checks.output(request.get("output", "mean"))
        seed = checks.whole_number(request.get("seed", 0), 0, 2**31, "The seed")
        beta = betas_of(studio, request).get(name)
        details = details_of(studio, request, output, {name: code}).get(name)
        if kind == "png":
            picture = studio.engine.decode(name, code, output, seed, beta, details)[0]
            return {"file": _uri(_png(enlarged(picture, PICTURE_SIDE)), "image/png")}
        latents = checks.latents(request.get("latents"), code.shape[1])
        if not latents:
            raise checks.Refused("Choose at least one latent.")
        with _writing:
            if kind == "sheet":
                frames = studio.strips(name, code[0], latents, output, VALUES, beta, details)
                return {"file": _uri(_png(grid(frames)), "image/png")}
            path = swings(code[0], latents, min(50, max(2, MOST_FRAMES // len(latents))))
            decode, same = studio.engine.decode, (output, seed, beta, details)
            pictures = torch.cat([decode(name, part, *same) for part in path.split(32)])
            try:
                content = animation(pictures, kind)
            except OSError as error:
                raise checks.Refused(str(error)) from error
        return {"file": _uri(content, "video/mp4" if kind == "mp4" else f"image/{kind}")}

    return save


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _uri(content: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
