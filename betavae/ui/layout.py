"""The page: header, tabs, footer, and how it looks."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from betavae.serving.lab.lab import Lab
from betavae.serving.studio import Studio
from betavae.ui import endpoints
from betavae.ui.parts.markup import notice
from betavae.ui.parts.opened import fill_when_opened
from betavae.ui.tabs import compare, reconstruct, results, train, traverse
from betavae.ui.wire import MIDDLEWARE, first_sight

CSS = Path(__file__).with_name("page.css")
KEEP_SECONDS = 1800  # uploads older than this are deleted, looked for as often
HEADER = """<header class="masthead"><a class="skip" data-place="0" href="#sliders-0">To the sliders
</a><a class="skip" data-place="1" href="#sliders-1">To the right model's sliders</a>
<h1>See disentanglement</h1>
<p>A face is a handful of numbers. Drag one, and watch what it means.</p></header>"""
FOOTER = (
    "The face models were trained on [CelebA](https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html) "
    "(Liu et al., ICCV 2015) and are for **non-commercial research** only. No CelebA picture is "
    "part of this app: the faces are decoder output. The names of the attributes are those of "
    "CelebA's annotators. The 2D shapes are drawn by this app, like those of "
    "[dSprites](https://github.com/google-deepmind/dsprites-dataset). The app reproduces "
    "[β-VAE](https://openreview.net/forum?id=Sy2fzU9gl) (Higgins et al., ICLR 2017)."
)


# The theme's own colours of these are too pale to read: text needs 4.5 to 1 on what is behind it.
CONTRAST = {
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "*neutral_400",
    "color_accent": "*primary_600",
    "block_label_text_color": "*primary_700",
    "block_label_text_color_dark": "white",
    "block_title_text_color": "*body_text_color",
    "block_title_text_color_dark": "*body_text_color",
    "block_info_text_color": "*neutral_600",
    "block_info_text_color_dark": "*neutral_300",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_hover_dark": "*primary_700",
    "checkbox_label_background_fill_selected": "*primary_600",
    "checkbox_label_background_fill_selected_dark": "*primary_600",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_background_color_selected_dark": "*primary_600",
    "input_placeholder_color": "*neutral_500",
    "input_placeholder_color_dark": "*neutral_400",
}


def theme() -> gr.themes.Base:
    """Soft, with system fonts: nothing is asked of the network. A field's name is no badge."""
    return gr.themes.Soft(
        primary_hue="indigo",
        neutral_hue="slate",
        font=["ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        **CONTRAST,
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_padding="0",
        block_title_text_weight="600",
    )


def build(studio: Studio, lab: Lab | None = None) -> gr.Blocks:
    """The whole app. Damaged or missing bundles are named at the top; the others work."""
    lab = lab or Lab()
    with gr.Blocks(
        title="See disentanglement: β-VAE, live",
        analytics_enabled=False,
        delete_cache=(KEEP_SECONDS, KEEP_SECONDS),
    ) as demo:
        gr.HTML(HEADER, elem_id="header")
        for problem in studio.problems.values():
            gr.HTML(notice(problem, wrong=True))
        if studio.names:
            with gr.Tabs(selected="traverse") as tabs:
                with gr.Tab("Traverse", id="traverse"):
                    board = traverse.build(studio)
                with gr.Tab("Reconstruct", id="reconstruct") as second:
                    reconstruct.build(studio, board, tabs)
                with gr.Tab("Compare", id="compare") as third:
                    compare.build(studio)
                with gr.Tab("Train", id="train"):
                    train.build(studio, lab, demo)
                with gr.Tab("Results", id="results") as fourth:
                    results.build(studio)
            titles = {name: studio.title(name) for name in studio.first_pair}
            demo.first_sight = first_sight(board.props["opening"], titles)
            for tab in (second, third, fourth):
                fill_when_opened(tab)
            endpoints.build(studio)
        else:
            gr.HTML(notice("No model could be loaded, so there is nothing to show.", wrong=True))
        gr.Markdown(FOOTER, elem_classes="footnote")
    return demo.queue(default_concurrency_limit=4, max_size=64)


LAUNCH = {  # for Blocks.launch
    "theme": theme(),
    "css_paths": CSS,
    "run_history": False,  # it would keep uploads and every event in the browser's storage
    "ssr_mode": False,  # no Node needed
    "max_threads": 8,  # of 40, on a few cores, most would wait, each with a heap of its own
    "max_file_size": "20mb",
    "app_kwargs": {"middleware": MIDDLEWARE},
    "footer_links": ["api", "gradio", "settings"],
}
