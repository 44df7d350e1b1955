"""The choice of one of the models of a data set."""

from __future__ import annotations

import gradio as gr

from betavae.serving.studio import Studio


def model_choice(
    studio: Studio, names: list[str], chosen: str, *, optional: bool = False, **options
) -> gr.Dropdown:
    """`names` by their titles; an `optional` choice may also be none, whose value is ""."""
    choices = [(studio.title(name), name) for name in names]
    if optional:
        choices = [("none", ""), *choices]
    return gr.Dropdown(choices, value=chosen, min_width=190, **options)


def different(*chosen: str) -> list[str]:
    """The models chosen, each once and none left out, in their order."""
    return [name for name in dict.fromkeys(chosen) if name]
