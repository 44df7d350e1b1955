"""The live board: pictures that follow the sliders at the screen's own rate.

The sliders live in the browser. Each change asks the server function `frame` for the pictures of
the codes that changed; board/pictures.js keeps only the newest wish and a few requests in flight,
and drops answers older than the picture shown. No Gradio event runs and no file is written while
dragging. What the visitor does is one object in the browser; undo, snapshots and the link keep it.
"""

from __future__ import annotations

import time
from inspect import iscoroutinefunction
from typing import Any

import gradio as gr
import torch

from betavae.serving import checks
from betavae.serving import details as words
from betavae.serving.pictures import LIGHT, QUALITY, jpeg_uris, sheet_uri
from betavae.serving.remembered import Remembered
from betavae.serving.studio import STRIP_VALUES, Studio
from betavae.ui.live.component import live_html
from betavae.ui.live.dial import SCRIPTS as DIAL_SCRIPTS
from betavae.ui.live.dial import betas_of, describe_dial, turn_function
from betavae.ui.live.files import save_function
from betavae.ui.live.sharp import details_of
from betavae.views.traversal import grid

# One idea a file, joined in this order: each may use what stands before it, and functions of all.
SCRIPTS = (
    "board/state.js",  # what is shown, and the object that holds it
    "board/parts.js",  # buttons, menus, icons
    "board/pictures.js",  # from a code to a picture, and the previews
    "board/rows.js",  # a slider a latent
    "board/spectrum.js",  # how much each latent carries
    "board/stage.js",  # pictures, captions, and the lens on the latent under the hand
    *DIAL_SCRIPTS,
    "board/dial.js",  # β, for a model of every β
    "board/sharp.js",  # whose details the sharp pictures have
    "board/undo.js",
    "board/tray.js",  # snapshots
    "board/animate.js",
    "board/link.js",  # the state in the address
    "board/save.js",
    "board/keys.js",
    "board/bar.js",  # the buttons
    "board/invite.js",  # what to do first
    "board/start.js",  # commands from the rest of the page, and the first face
)
STYLES = ("board/board.css", "board/rows.css", "board/bar.css", "dial/dial.css")
ENDS = STRIP_VALUES[[0, -1]]


def live_board(studio: Studio, elem_id: str = "board") -> gr.HTML:
    """The component. Set its value to a command: {"action": ..., "at": anything new}.

    face  {"codes": {model: numbers}, "note": text, "models": names}: show this face, remember it
          for the arrows; by these models, if none that is shown has a code of it
    show  {"models": names}: which models, side by side
    """
    families = studio.families
    return live_html(
        "board",
        {"action": "start"},
        [*server_functions(studio)],
        elem_id,
        scripts=SCRIPTS,
        styles=STYLES,
        models=[describe(studio, name) for name in studio.names],
        families=[
            {
                "name": name,
                "title": studio.family_title(name),
                "word": _word(studio, models[0]),
                "pair": studio.pair(name),
            }
            for name, models in families.items()
        ],
        first=studio.first_pair,
        opening=_opening(studio),
        # Not in what describes a model: other components have that too, and each is 345 letters.
        middle={name: _middle(studio, name) for name in studio.sharp},
    )


def _opening(studio: Studio) -> dict[str, Any]:
    """A stored face for who comes without a link: every model's code of it, and its pictures."""
    index = int(torch.randint(studio.faces(), ()))
    codes = studio.stored_face(index)
    word = words.of_stored(index)
    shown = {
        name: studio.decode(name, codes[name][None], "sharp", details=studio.details(name, word))
        for name in studio.first_pair
    }
    return {
        "number": index,
        "details": word,
        "codes": {name: code.tolist() for name, code in codes.items()},
        "pictures": {name: jpeg_uris(picture)[0] for name, picture in shown.items()},
    }


def _word(studio: Studio, name: str) -> str:
    """What one picture of a model's data is called."""
    return {"celeba": "face", "shapes2d": "shape"}.get(studio.data(name), "picture")


def describe(studio: Studio, name: str) -> dict[str, Any]:
    """What the browser needs to draw a model's sliders, in their order."""
    bundle, called = studio.bundles[name], studio.latent_names(name)
    return {
        "name": name,
        "title": studio.title(name) if name not in studio.names else bundle.title,
        "family": studio.family(name),
        "latents": [
            {
                "index": latent.index,
                "label": latent.label,
                "noun": called[latent.index].noun,
                "low": called[latent.index].low,
                "high": called[latent.index].high,
                "kl": round(latent.kl, 2),
                "active": latent.active,
                "tracks": latent.tracked,
            }
            for latent in bundle.as_sliders
        ],
        "dial": None if bundle.dial is None else describe_dial(bundle),
        "sharp": name in studio.sharp,
    }


def _middle(studio: Studio, name: str) -> str:
    """The word for details that go with a code of zeros."""
    bundle = studio.bundles[name]
    return words.likely(bundle, torch.zeros(bundle.vae.latents))


def server_functions(studio: Studio) -> list:
    """frame, strips, real_face, random_face, same_face, turn, save: each takes one JSON value and
    never raises. An exception would reach the browser as `undefined`; a refusal travels as
    {"error": sentence}."""
    sizes = {name: bundle.vae.latents for name, bundle in studio.bundles.items()}
    remembered = Remembered()

    async def frame(request: dict) -> dict:
        """{"codes": {model: numbers}, "output", "seed", "betas", "details", "light"} ->
        {"pictures": {model: URI}, "light", "busy": milliseconds}.

        betas  {model: β}, of models of every β; without one, the β that it is shown at first
        details  {model: word}, of sharp pictures: see serving/details.py
        light  two thirds of the bytes, for a drag over a slow line: what an answer takes and the
               server was not busy with is the line's
        """
        began = time.perf_counter()
        wanted, betas = _codes(studio, request), betas_of(studio, request)
        output = checks.output(request.get("output", "mean"))
        seed = checks.whole_number(request.get("seed", 0), 0, 2**31, "The seed")
        light = request.get("light") is True
        quality = LIGHT if light else QUALITY
        details = details_of(studio, request, output, wanted)
        pictures = await studio.frames(wanted, output, seed, quality, betas, details)
        busy = round(1000 * (time.perf_counter() - began))
        return {"pictures": pictures, "light": light, "busy": busy}

    def strips(request: dict) -> dict:
        """{"codes": {model: numbers}, "latents": {model: indices}, "output", "ends", "betas",
        "details"} -> {"sheets": {model: data URI}}.

        A row a latent, and a column a value from -3 to 3; of `ends` only -3 and 3.
        """
        wanted = _codes(studio, request)
        # Not of a sample, which is another each time, nor of a visitor's own model.
        if request.get("output") == "sample" or not set(wanted) <= set(studio.names):
            return drawn_strips(request, wanted)
        return remembered.answer(request, lambda: drawn_strips(request, wanted))

    def drawn_strips(request: dict, wanted: dict[str, torch.Tensor]) -> dict:
        betas, output = betas_of(studio, request), checks.output(request.get("output", "mean"))
        values = ENDS if request.get("ends") is True else STRIP_VALUES
        rows = request.get("latents")
        if not isinstance(rows, dict) or set(rows) != set(wanted):
            raise checks.Refused("Name the latents of each model.")
        sheets, details = {}, details_of(studio, request, output, wanted)
        for name, code in wanted.items():
            latents = checks.latents(rows[name], studio.bundles[name].vae.latents)
            at = (code[0], latents, output, values, betas.get(name), details.get(name))
            frames = studio.strips(name, *at) if latents else None
            sheets[name] = None if frames is None else sheet_uri(grid(frames))
        return {"sheets": sheets}

    def real_face(request: Any) -> dict:
        """A random stored validation picture, as all models code it -> {"codes", "number",
        "details"}."""
        index = int(torch.randint(studio.faces(), ()))
        codes = {name: code.tolist() for name, code in studio.stored_face(index).items()}
        return {"codes": codes, "number": index, "details": words.of_stored(index)}

    def random_face(request: dict) -> dict:
        """{"models": names, "locked": {model: {latent: value}}} -> {"codes", "note", "details"}:
        drawn from the first one's prior, but for what is locked; likely details."""
        names = _family(studio, request)
        locked = checks.locked(request.get("locked"), sizes)
        generator = torch.Generator().manual_seed(torch.seed() % 2**63)
        # Also those that are not shown: one that is put beside it later shows the same picture.
        every = dict.fromkeys([*names, *studio.families[studio.family(names[0])]])
        codes = studio.random_face(list(every), generator, locked)
        note = f"Drawn from the prior of {studio.title(names[0])}"
        note += ", then encoded by the other." if len(names) > 1 else "."
        return {
            "codes": {name: code.tolist() for name, code in codes.items()},
            "note": note,
            "details": {
                name: words.likely(studio.bundles[name], codes[name])
                for name in studio.sharp & codes.keys()
            },
        }

    def same_face(request: dict) -> dict:
        """{"codes": {model: numbers}, "betas"} -> {"codes"}: the first one's picture, as the other
        models of its family code it."""
        wanted, betas = _codes(studio, request), betas_of(studio, request)
        name, code = next(iter(wanted.items()))
        family = studio.families[studio.family(name)]
        codes = studio.same_face(name, code[0], family, beta=betas.get(name))
        return {"codes": {n: c.tolist() for n, c in codes.items() if n not in wanted}}

    functions = (
        frame,
        strips,
        real_face,
        random_face,
        same_face,
        turn_function(studio),
        save_function(studio),
    )
    return [answering(f) for f in functions]


def _family(studio: Studio, request: Any) -> list[str]:
    """The models that a request names, all of one family."""
    names = request.get("models") if isinstance(request, dict) else None
    if not isinstance(names, list) or not names:
        raise checks.Refused("Name the models that are shown.")
    names = [studio.model_name(name) for name in names]
    if len({studio.family(name) for name in names}) > 1:
        raise checks.Refused("Models of different data cannot start from one picture.")
    return names


def _codes(studio: Studio, request: Any) -> dict[str, torch.Tensor]:
    wanted = request.get("codes") if isinstance(request, dict) else None
    if not isinstance(wanted, dict) or not 0 < len(wanted) <= len(studio.bundles):
        raise checks.Refused("Send one code a model.")
    return {
        studio.model_name(name): checks.codes(code, studio.bundles[name].vae.latents)
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
