"""The Train tab: a training that one starts, watches and takes along."""

from __future__ import annotations

import gradio as gr

from betavae.serving.checks import Refused
from betavae.serving.lab.lab import Lab
from betavae.serving.studio import Studio
from betavae.ui.live.lab import lab_view


def build(studio: Studio, lab: Lab, demo: gr.Blocks) -> None:
    """Lay out the tab's content, and let the end of a page be the end of its visit."""
    view = lab_view(studio, lab)

    def belongs(request: gr.Request, event: gr.EventData) -> None:
        """The page's visit has begun: it ends with the page."""
        token = event._data.get("token") if isinstance(event._data, dict) else None
        try:
            lab.belongs(token, request.session_hash)
        except Refused:  # it has left already
            return

    view.submit(belongs, None, None, queue=False, api_visibility="private")

    def gone(request: gr.Request) -> None:
        lab.gone(request.session_hash)

    demo.unload(gone)
