"""The lab's page: a form, runs that train before one's eyes, and what is done with them after.

The browser asks `look` once a second while something is under way; each answer holds what the runs'
processes wrote last. No Gradio event runs meanwhile.
"""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr

from betavae.bundles.bundle import BundleError
from betavae.data import Shapes2D
from betavae.metrics.shapes import TITLES as SCORES
from betavae.serving import checks
from betavae.serving.lab.lab import Lab
from betavae.serving.lab.seat import DONE, MEASURING, Seat
from betavae.serving.lab.setup import DEFAULTS, KNOBS, LATENTS, NO_FALL, RATE, SECONDS, TITLES
from betavae.serving.lab.visit import Visit
from betavae.serving.studio import Studio
from betavae.training.config import FALLS_FROM
from betavae.training.live import shown_pictures
from betavae.ui.live.board import answering
from betavae.ui.live.compare import described
from betavae.ui.live.component import live_html
from betavae.ui.parts.telling import FACTORS, in_words, own_latents

SCRIPTS = ("board/parts.js", "lab/form.js", "lab/link.js", "lab/run.js", "lab/chart.js")
SCRIPTS += ("lab/after.js", "lab/start.js")
STYLES = ("lab/form.css", "lab/run.css")


def lab_view(studio: Studio, lab: Lab, elem_id: str = "lab") -> gr.HTML:
    """The component; what it `submit`s holds its visit's token."""
    lab.on_drop(studio.dismiss)
    return live_html(
        "lab",
        {},
        lab_functions(studio, lab),
        elem_id,
        scripts=SCRIPTS,
        styles=STYLES,
        objectives=[
            {
                "name": name,
                "title": TITLES[name],
                "knobs": [vars(knob) for knob in knobs],
                "falls": name not in NO_FALL,
            }
            for name, knobs in KNOBS.items()
        ],
        ranges={"latents": LATENTS, "seconds": SECONDS, "learning_rate": (RATE.low, RATE.high)},
        defaults=DEFAULTS,
        pressure=FALLS_FROM,
        factors=FACTORS,
        entropies=[round(float(nats), 3) for nats in _entropies()],
        shown=shown_pictures(Shapes2D(split="validation")),
        material=[{"name": one.name, "title": one.title} for one in lab.offered],
        others=[
            {"name": name, "title": studio.title(name), "data": studio.data(name)}
            for name in studio.names
        ],
    )


def _entropies():
    from betavae.data.shapes2d import FACTOR_SIZES
    from betavae.metrics.telling import entropies

    return entropies(FACTOR_SIZES)


def lab_functions(studio: Studio, lab: Lab) -> list:
    """begin, look, say, measure, open, download, leave: each takes one JSON value."""

    def begin(request: Any) -> dict:
        """{"token": one's own or null, "keep": a run's name or null, and the set-up} -> look."""
        token = request.get("token") if isinstance(request, dict) else None
        return _told(lab, lab.start(token, request), {})

    def look(request: Any) -> dict:
        """{"token", "seen": {run: version}} -> {"token", "state", "place", "runs": [...]}; of a run
        that the page has seen so, its report is left out."""
        seen = request.get("seen") if isinstance(request, dict) else None
        visit = lab.look(_token(request))
        return _told(lab, visit, seen if isinstance(seen, dict) else {})

    def say(request: Any) -> dict:
        """{"token", "word": go, pause, step or stop} -> {}."""
        lab.say(_token(request), request.get("word"))
        return {}

    def measure(request: Any) -> dict:
        """{"token", "run"} -> {}: what is found comes with `look`."""
        lab.measure(_token(request), request.get("run"))
        return {}

    def open(request: Any) -> dict:
        """{"token", "run"} -> {"model": as the board and the comparison take it, "code"}: served
        from now on, to those who know its name."""
        seat = lab.look(_token(request)).seat(request.get("run"))
        try:
            bundle = seat.bundle()
        except BundleError as error:
            raise checks.Refused(str(error)) from error
        studio.admit(bundle)
        model = described(studio, bundle.name)
        return {"model": model, "code": bundle.codes[0].tolist()}

    def download(request: Any) -> dict:
        """{"token", "run"} -> {"file": data URI of a zip}."""
        archive = lab.look(_token(request)).seat(request.get("run")).archive()
        return {"file": f"data:application/zip;base64,{base64.b64encode(archive).decode()}"}

    def leave(request: Any) -> dict:
        """{"token"} -> {}: the page is closed."""
        lab.leave(_token(request))
        return {}

    functions = (begin, look, say, measure, open, download, leave)
    return [answering(function) for function in functions]


def _token(request: Any) -> Any:
    if not isinstance(request, dict):
        raise checks.Refused("Send the token of your visit.")
    return request.get("token")


def _told(lab: Lab, visit: Visit, seen: dict[str, Any]) -> dict[str, Any]:
    return {
        "token": visit.token,
        "state": visit.state or ("waiting" if visit.work else ""),
        "kind": visit.kind,
        "place": lab.place(visit),
        "runs": [_run(seat, seen.get(seat.name)) for seat in visit.seats],
    }


def _run(seat: Seat, seen: Any) -> dict[str, Any]:
    found = {
        "name": seat.name,
        "title": seat.setup.title,
        "seconds": seat.setup.seconds,
        "latents": seat.setup.latents,
        "data": seat.setup.material.name,
        "objective": seat.setup.objective,
        "weights": dict(seat.setup.weights),
        "falls": seat.setup.falls,
        "stage": seat.stage,
        "sentence": seat.sentence,
    }
    report = seat.live()
    if report is not None:
        version = f"{report['state']} {report['step']} {report['seconds']}"
        found["version"] = version
        if seen != version:
            told = {k: v for k, v in report.items() if k != "config"}
            own = {str(latent): names for latent, names in own_latents(report).items()}
            found["report"] = told | {"words": in_words(report), "own": own}
    if seat.stage in (DONE, MEASURING):
        found["command"] = seat.command
        measured = seat.measured()
        if measured:
            named = {SCORES[name]: score for name, score in measured["scores"].items()}
            found["measured"] = measured | {"scores": named, "now": SCORES.get(measured["now"], "")}
    return found
