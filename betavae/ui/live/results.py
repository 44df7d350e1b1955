"""The results as pictures: three questions with a chart each, then the table of every kind."""

from __future__ import annotations

from typing import Any

import gradio as gr
import torch

from betavae.bundles.stored import stored_shapes
from betavae.serving import checks
from betavae.serving.lab.setup import TITLES as OBJECTIVES
from betavae.serving.pictures import sheet_uri
from betavae.serving.studio import Studio
from betavae.study.kinds import USUAL
from betavae.study.protocols import NOTE
from betavae.ui.live.board import answering
from betavae.ui.live.component import live_html
from betavae.ui.parts import results
from betavae.views.traversal import grid

SCRIPTS = ("board/parts.js", "results/plot.js", "results/charts.js", "results/table.js")
SCRIPTS += ("results/start.js",)
STYLES = ("results/results.css",)
SHAPES = 8  # that a run of the chart is shown by


def results_view(study: dict[str, Any], studio: Studio, elem_id: str = "headline") -> gr.HTML:
    """The component: it asks for its content when it is first seen."""
    return live_html(
        "results",
        {},
        [answering(function) for function in functions(study, studio)],
        elem_id,
        scripts=SCRIPTS,
        styles=STYLES,
    )


def functions(study: dict[str, Any], studio: Studio) -> list:
    """study, redraw: each takes one JSON value."""

    def all_results(request: Any) -> dict:
        """Whatever -> all that the page shows."""
        found = results.points(study, studio)
        scores = results.scores_known(found)
        lines = results.rows(study, studio)
        return {
            "points": found,
            "scores": scores,
            "sentences": {name: results.sentences(found, name) for name, _ in scores},
            "published": {"beta-vae-paper": results.PUBLISHED},
            "objectives": OBJECTIVES,
            "usual": USUAL,
            "rows": lines,
            "columns": {data: results.columns(data) for data in ("shapes2d", "celeba")},
            "note": NOTE if "†" in str(lines) else "",
        }

    @torch.inference_mode()
    def redraw(request: Any) -> dict:
        """{"model": a served model of 2D shapes} -> {"shapes", "again": data URIs}: eight stored
        pictures, and what it makes of them."""
        name = request.get("model") if isinstance(request, dict) else None
        if checks.model_name(name, studio.names) and studio.data(name) != "shapes2d":
            raise checks.Refused("That is no model of 2D shapes.")
        bundle = studio.bundles[name]
        shapes = stored_shapes(bundle)[:SHAPES]
        again = studio.decode(name, bundle.codes[:SHAPES])
        return {"shapes": sheet_uri(grid(shapes[None])), "again": sheet_uri(grid(again[None]))}

    all_results.__name__ = "study"
    return [all_results, redraw]
