"""What a tab shows travels when the tab is first opened, not with the page."""

from __future__ import annotations

import json

import gradio as gr

LARGE = 1000  # characters of JSON; smaller values are no gain
DRAWN = (gr.HTML, gr.LinePlot, gr.ScatterPlot, gr.Code)


def fill_when_opened(tab: gr.Tab) -> None:
    """Take the large values of the tab's components out of the page, and bring them when the tab is
    first selected. To be called when all are laid out, in the Blocks that holds them."""
    large = [part for part in _parts(tab) if _size(getattr(part, "value", None)) > LARGE]
    if not large:
        return
    values = [part.value for part in large]
    for part in large:
        part.value = None
    opened = gr.State(False)

    def fill(before: bool):
        """What the visitor has chosen since the first time stays."""
        return [True, *(gr.skip() if before else value for value in values)]

    tab.select(
        fill,
        opened,
        [opened, *large],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def _parts(block) -> list[gr.components.Component]:
    children = getattr(block, "children", [])
    if not children:
        return (
            [block] if isinstance(block, gr.HTML | gr.LinePlot | gr.ScatterPlot | gr.Code) else []
        )
    return [part for child in children for part in _parts(child)]


def _size(value) -> int:
    return len(json.dumps(value, default=str)) if value else 0
