"""Components that live in the browser: a script of their own, and server functions it asks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent
IN_FLIGHT = 3  # over 80 ms of network one request at a time gives 10 frames a second, three give 33
FOR_THE_READER = re.compile(r"^[ \t]*(//.*\n)?", re.MULTILINE)
PATIENCE = 8000  # milliseconds until an answer is late; then that is said


def live_html(
    name: str,
    value: Any,
    functions: list,
    elem_id: str,
    *,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    **props: Any,
) -> gr.HTML:
    """An empty <div class=NAME> that scripts fill, styles dress and `value` commands.

    functions  what the scripts may call as server.FUNCTION(one JSON value)
    scripts    files beside this one, joined in this order; by default NAME.js alone
    styles     the same for .css
    props      what the scripts find in `props`
    """
    return gr.HTML(
        value,
        html_template=f"<div class='{name}'></div>",
        css_template=_read("component.css", *(styles or [f"{name}.css"])),
        js_on_load=_read("component.js", *(scripts or [f"{name}.js"])),
        server_functions=functions,
        in_flight=IN_FLIGHT,
        patience=PATIENCE,
        elem_id=elem_id,
        apply_default_css=False,
        **props,
    )


def _read(*files: str) -> str:
    """The files as one, without indentation and whole lines of comment: every visitor loads it."""
    text = "".join((HERE / file).read_text(encoding="utf-8") for file in files)
    return FOR_THE_READER.sub("", text)
