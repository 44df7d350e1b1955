"""The live board: pictures that follow the sliders at the screen's own rate.

The sliders live in the browser. Each change asks the server function `frame` for the pictures of
the codes that changed; board.js keeps only the newest wish and a few requests in flight, and drops
answers older than the picture shown. No Gradio event runs and no file is written while dragging.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any

import gradio as gr
import torch

from betavae.serving import checks
from betavae.serving.pictures import data_uri
from betavae.serving.studio import Studio
from betavae.ui.live.component import live_html
from betavae.views.traversal import grid


def live_board(studio: Studio, elem_id: str = "board") -> gr.HTML:
    """The component. Set its value to a command: {"action": ..., "at": anything new}.

    face    {"codes": {model: numbers}, "note": text, "models": names}: show this face, remember it
            for the arrows; by these models, if none that is shown has a code of it
    random, real, reset                              : for the models of the data that are shown a
            new face, drawn or stored, or all latents at zero
    show    {"models": names}                        : which models, side by side
    output  {"output": "mean" | "sample"}            : which picture of p(x|z)
    strips  {"strips": bool}                         : the strips under the sliders
    """
    return live_html(
        "board",
        {"action": "start"},
        server_functions(studio),
        elem_id,
        models=[describe(studio, name) for name in studio.names],
        first=studio.first_pair,
    )


def describe(studio: Studio, name: str) -> dict[str, Any]:
    """What the browser needs to draw a model's sliders, strongest latent first."""
    bundle = studio.bundles[name]
    return {
        "name": name,
        "title": bundle.title,
        "family": studio.family(name),
        "latents": [
            {
                "index": latent.index,
                "label": latent.label,
                "kl": round(latent.kl, 2),
                "active": latent.active,
                "tracks": latent.tracked,
            }
            for latent in bundle.by_kl
        ],
    }


def server_functions(studio: Studio) -> list:
    """frame, strips, real_face, random_face: each takes one JSON value and never raises.

    An exception would reach the browser as `undefined`; a refusal travels as {"error": sentence}.
    """

    async def frame(request: dict) -> dict:
        """{"codes": {model: numbers}, "output", "seed"} -> {"pictures": {model: data URI}}."""
        wanted = _codes(studio, request)
        output = checks.output(request.get("output", "mean"))
        seed = checks.whole_number(request.get("seed", 0), 0, 2**31, "The seed")
        return {"pictures": await studio.frames(wanted, output, seed)}

    def strips(request: dict) -> dict:
        """{"codes": {model: numbers}, "output"} -> {"sheets": {model: data URI}}.

        A row an active latent, strongest first, and a column a value from -3 to 3.
        """
        wanted = _codes(studio, request)
        output = checks.output(request.get("output", "mean"))
        sheets = {}
        for name, code in wanted.items():
            latents = [latent.index for latent in studio.bundles[name].active]
            frames = studio.strips(name, code[0], latents, output)
            sheets[name] = data_uri(grid(frames), quality=85) if latents else None
        return {"sheets": sheets}

    def real_face(request: Any) -> dict:
        """A random stored validation picture, as a family's models code it -> {"codes", "note"}."""
        index = int(torch.randint(studio.faces(), ()))
        codes = {name: code.tolist() for name, code in studio.stored_face(index).items()}
        return {"codes": codes, "note": f"Validation picture {index}, as each model encodes it."}

    def random_face(request: dict) -> dict:
        """{"models": names} -> {"codes", "note"}: drawn from the first one's prior."""
        names = request.get("models") if isinstance(request, dict) else None
        if not isinstance(names, list) or not names:
            raise checks.Refused("Name the models that are shown.")
        names = [checks.model_name(name, studio.names) for name in names]
        if len({studio.family(name) for name in names}) > 1:
            raise checks.Refused("Models of different data cannot start from one picture.")
        generator = torch.Generator().manual_seed(torch.seed() % 2**63)
        # Also those that are not shown: one that is put beside it later shows the same picture.
        every = dict.fromkeys([*names, *studio.families[studio.family(names[0])]])
        codes = studio.random_face(list(every), generator)
        note = f"Drawn from the prior of {studio.title(names[0])}"
        note += ", then encoded by the other." if len(names) > 1 else "."
        return {"codes": {name: code.tolist() for name, code in codes.items()}, "note": note}

    return [answering(f) for f in (frame, strips, real_face, random_face)]


def _codes(studio: Studio, request: Any) -> dict[str, torch.Tensor]:
    wanted = request.get("codes") if isinstance(request, dict) else None
    if not isinstance(wanted, dict) or not 0 < len(wanted) <= len(studio.names):
        raise checks.Refused("Send one code a model.")
    return {
        checks.model_name(name, studio.names): checks.codes(code, studio.bundles[name].vae.latents)
        for name, code in wanted.items()
    }


def answering(function):
    """The same function, with a refusal as {"error": sentence}; a coroutine stays one."""

    def answer(request: Any) -> dict:
        try:
            return function(request)
        except checks.Refused as refusal:
            return {"error": str(refusal)}

    async def answer_soon(request: Any) -> dict:
        try:
            return await function(request)
        except checks.Refused as refusal:
            return {"error": str(refusal)}

    answering = answer_soon if iscoroutinefunction(function) else answer
    answering.__name__ = function.__name__
    return answering
