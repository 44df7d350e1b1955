"""The Compare tab: two or three models, one hand on all of them."""

from __future__ import annotations

import gradio as gr

from betavae.serving.studio import Studio
from betavae.ui.live.compare import compare_view


def build(studio: Studio) -> None:
    """Lay out the tab's content: the live comparison alone, which brings its own buttons."""
    if any(len(names) > 1 for names in studio.families.values()):
        compare_view(studio)
    else:
        gr.Markdown("Comparing needs two models of the same data set. Fewer could be loaded.")
