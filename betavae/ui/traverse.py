"""The Traverse tab: a slider for every latent, and faces that follow."""

from __future__ import annotations

import json

import gradio as gr

from betavae.ui.board import live_board
from betavae.ui.studio import Studio

BOTH = "Side by side"
INTRODUCTION = (
    "**Drag a slider** and the face follows. The strip under it shows what that latent does from "
    "here, from −3 to 3: a disentangled one changes one thing. The strongest come first."
)


def build(studio: Studio) -> gr.HTML:
    """Lay out the tab's content; returns the board, whose value takes commands."""
    gr.Markdown(INTRODUCTION, elem_id="introduction")
    titles = {studio.title(name): name for name in studio.names}
    choices = [*titles, BOTH] if len(titles) > 1 else list(titles)
    with gr.Row(equal_height=True, elem_id="toolbar"):
        model = gr.Radio(choices, value=choices[-1], label="Model", elem_id="model", scale=3)
        output = gr.Radio(
            [("mean", "mean"), ("sample", "sample")],
            value="mean",
            label="Decoder output",
            elem_id="output",
            scale=2,
        )
        strips = gr.Checkbox(True, label="Strips", elem_id="strips", scale=1, min_width=90)
    with gr.Row(elem_id="faces-row"):
        random = gr.Button("Random face", variant="primary", elem_id="random", min_width=90)
        real = gr.Button("A real face", elem_id="real", min_width=90)
        reset = gr.Button("Reset", elem_id="reset", min_width=90)
    board = live_board(studio)

    def command(event, inputs, body: str) -> None:
        """Run `body` (JavaScript, an object without braces) in the browser as the board's value."""
        script = f"(value) => ({{{body}, at: Date.now() + Math.random()}})"
        event(None, inputs, board, js=script, show_progress="hidden", api_visibility="private")

    shown = {title: [name] for title, name in titles.items()} | {BOTH: list(titles.values())[:2]}
    command(model.change, model, f"action: 'show', models: ({json.dumps(shown)})[value]")
    command(output.change, output, "action: 'output', output: value")
    command(strips.change, strips, "action: 'strips', strips: value")
    command(random.click, None, "action: 'random'")
    command(real.click, None, "action: 'real'")
    command(reset.click, None, "action: 'reset'")
    return board
