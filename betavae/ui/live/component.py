"""Components that live in the browser: a script of their own, and server functions it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent
IN_FLIGHT = 3  # over 80 ms of network one request at a time gives 10 frames a second, three give 33


def live_html(name: str, value: Any, functions: list, elem_id: str, **props: Any) -> gr.HTML:
    """An empty <div class=NAME> that NAME.js fills, NAME.css styles and `value` commands.

    functions  what the script may call as server.FUNCTION(one JSON value)
    props      what it finds in `props`
    """
    return gr.HTML(
        value,
        html_template=f"<div class='{name}'></div>",
        css_template=_read("component.css") + _read(f"{name}.css"),
        js_on_load=_read("component.js") + _read(f"{name}.js"),
        server_functions=functions,
        in_flight=IN_FLIGHT,
        elem_id=elem_id,
        apply_default_css=False,
        **props,
    )


def _read(file: str) -> str:
    return (HERE / file).read_text()
