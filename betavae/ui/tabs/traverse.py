"""The Traverse tab: a slider for every latent, and pictures that follow."""

from __future__ import annotations

import gradio as gr

from betavae.serving.studio import Studio
from betavae.ui.live.board import live_board


def build(studio: Studio) -> gr.HTML:
    """Lay out the tab's content: the board alone, which brings its own buttons.

    Returns it, for tabs that put a face on it: its value takes commands.
    """
    return live_board(studio)
