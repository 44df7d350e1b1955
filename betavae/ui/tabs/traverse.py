"""The Traverse tab: a slider for every latent, and pictures that follow."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from betavae.serving.studio import Studio
from betavae.ui.live.board import live_board
from betavae.ui.parts.choice import model_choice

INTRODUCTION = (
    "**Drag a slider** and the picture follows. The strip under it shows what that latent does "
    "from here, from −3 to 3: a disentangled one changes one thing. The strongest come first."
)


@dataclass(frozen=True)
class Traverse:
    """What other tabs need of this one: its board, whose value takes commands, and its choices."""

    studio: Studio
    board: gr.HTML
    data: gr.Radio
    controls: list[gr.components.Component]  # the models, the names of the buttons

    def showing(self, family: str) -> list:
        """Updates of `controls` for a data set."""
        return [*_model_choices(self.studio, family), *_words(self.studio, family)]


def build(studio: Studio) -> Traverse:
    """Lay out the tab's content."""
    gr.Markdown(INTRODUCTION, elem_id="introduction")
    families = studio.families
    first = next(iter(families))
    with gr.Row(equal_height=True, elem_id="toolbar"):
        data = gr.Radio(
            [(studio.family_title(family), family) for family in families],
            value=first,
            label="Data",
            elem_id="data",
            scale=2,
            visible=len(families) > 1,
        )
        models = _model_choices(studio, first)
        output = gr.Radio(
            [("mean", "mean"), ("sample", "sample")],
            value="mean",
            label="Decoder output",
            elem_id="output",
            scale=2,
        )
        strips = gr.Checkbox(True, label="Strips", elem_id="strips", scale=1, min_width=90)
    drawn, stored = _words(studio, first)
    with gr.Row(elem_id="faces-row"):
        random = gr.Button(drawn, variant="primary", elem_id="random", min_width=90)
        real = gr.Button(stored, elem_id="real", min_width=90)
        reset = gr.Button("Reset", elem_id="reset", min_width=90)
    board = live_board(studio)

    def command(event, inputs, body: str) -> None:
        """Run `body` (JavaScript, an object without braces) in the browser as the board's value.

        In it `value` and `other` are the first two of `inputs`."""
        script = f"(value, other) => ({{{body}, at: Date.now() + Math.random()}})"
        event(None, inputs, board, js=script, show_progress="hidden", api_visibility="private")

    tab = Traverse(studio, board, data, [*models, random, real])
    # Of choices made faster than they are answered, the last one counts.
    quiet = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "always_last"}
    changed = data.input(tab.showing, data, tab.controls, **quiet)
    for event in (changed.then, *(model.input for model in models)):
        command(event, models, "action: 'show', models: [value, other]")
    command(output.change, output, "action: 'output', output: value")
    command(strips.change, strips, "action: 'strips', strips: value")
    command(random.click, None, "action: 'random'")
    command(real.click, None, "action: 'real'")
    command(reset.click, None, "action: 'reset'")
    return tab


def _model_choices(studio: Studio, family: str) -> list[gr.Dropdown]:
    """A model of the data, and another one beside it or none."""
    names = studio.families[family]
    beside = names[1] if len(names) > 1 else ""
    return [
        model_choice(studio, names, names[0], label="Model", elem_id="model", scale=2),
        model_choice(
            studio, names, beside, optional=True, label="Beside it", elem_id="beside", scale=2
        ),
    ]


def _words(studio: Studio, family: str) -> tuple[str, str]:
    """What the buttons are called."""
    data = studio.data(studio.families[family][0])
    one = {"celeba": "face", "shapes2d": "shape"}.get(data, "picture")
    return f"Random {one}", f"A real {one}"
