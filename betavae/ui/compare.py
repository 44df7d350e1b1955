"""The Compare tab: two models on the same faces, their latents matched, and the numbers."""

from __future__ import annotations

from html import escape

import gradio as gr
import pandas as pd
import torch

from betavae.bundle import pair_latents
from betavae.traversal import strip
from betavae.ui.markup import picture
from betavae.ui.studio import Studio

FACES = 8  # in a row
MATCHED = 10  # latents
SCORES = (  # score, heading, digits
    ("psnr", "PSNR, dB", 2),
    ("ssim", "SSIM", 3),
    ("kl", "KL, nats", 1),
    ("elbo", "ELBO, nats", 0),
    ("active_latents", "Active latents", 0),
    ("pca_psnr", "PCA of as many, dB", 2),
)
INTRODUCTION = (
    "**The same faces, two codes.** A larger β leaves fewer active latents: each does one thing, "
    "and detail is lost. Matched rows show, for each active latent of the second model, the latent "
    "of the first that varies with it over the same faces."
)


def build(studio: Studio) -> None:
    """Lay out the tab's content."""
    gr.Markdown(INTRODUCTION)
    choices = [(studio.title(name), name) for name in studio.names]
    if len(choices) < 2:
        gr.Markdown("Two models are needed to compare; only one could be loaded.")
        return
    with gr.Row(equal_height=True):
        one = gr.Dropdown(
            choices, value=studio.names[0], label="First model", min_width=220, elem_id="one"
        )
        other = gr.Dropdown(
            choices, value=studio.names[1], label="Second model", min_width=220, elem_id="other"
        )
        start = gr.Slider(
            0,
            studio.faces() - FACES,
            value=0,
            step=1,
            label="First face",
            info="Validation faces, drawn from their stored codes.",
            min_width=220,
            elem_id="start",
        )
    gr.Markdown("### Scores on the validation split")
    table = gr.HTML(elem_id="scores")
    gr.Markdown("### The same faces, reconstructed")
    faces = gr.HTML(elem_id="faces")
    gr.Markdown("### Matched traversals, from −3 to 3")
    matched = gr.HTML(elem_id="matched")
    gr.Markdown("### KL per latent")
    with gr.Row(elem_id="compare-bars"):
        bars = [_kl_bars(studio, name) for name in studio.names[:2]]

    def show_models(first: str, second: str, index: int):
        plots = [_kl_bars(studio, name) for name in (first, second)]
        return _scores(studio, [first, second]), *show_faces(first, second, index), *plots

    def show_faces(first: str, second: str, index: int):
        index = int(index)
        return (
            _faces(studio, [first, second], index),
            _matched(studio, first, second, index),
        )

    inputs = [one, other, start]
    everything = [table, faces, matched, *bars]
    quiet = {"api_visibility": "private", "show_progress": "minimal"}
    gr.on([one.change, other.change], show_models, inputs, everything, **quiet)
    start.release(show_faces, inputs, [faces, matched], **quiet)
    table.value, faces.value, matched.value = (
        _scores(studio, studio.names[:2]),
        *show_faces(*studio.names[:2], 0),
    )


def _scores(studio: Studio, names: list[str]) -> str:
    head = "".join(f"<th>{escape(studio.title(name))}</th>" for name in names)
    scores = [studio.bundles[name].metrics["scores"] for name in names]
    rows = ""
    for key, title, digits in SCORES:
        cells = "".join(f"<td>{score[key]:,.{digits}f}</td>" for score in scores)
        rows += f"<tr><th>{escape(title)}</th>{cells}</tr>"
    return f'<div class="scroll"><table class="scores"><tr><th></th>{head}</tr>{rows}</table></div>'


def _faces(studio: Studio, names: list[str], first: int) -> str:
    rows = ""
    for name in names:
        decoded = studio.decode(name, studio.bundles[name].codes[first : first + FACES])
        image = picture(strip(decoded), f"{FACES} faces by {studio.title(name)}", False)
        rows += f"<figure>{image}<figcaption>{escape(studio.title(name))}</figcaption></figure>"
    return f'<div class="strips wide">{rows}</div>'


def _matched(studio: Studio, first: str, second: str, face: int) -> str:
    """A row a latent of `second`: its strip, and that of the latent of `first` that follows it."""
    one, other = studio.bundles[first], studio.bundles[second]
    latents = other.active[:MATCHED] or other.by_kl[:1]
    pairs = pair_latents(other.codes, one.codes)
    labels = [{latent.index: latent.label for latent in b.latents} for b in (one, other)]
    partners = [pairs[latent.index] for latent in latents]
    left = studio.strips(first, one.codes[face], [index for index, _ in partners])
    right = studio.strips(second, other.codes[face], [latent.index for latent in latents])
    rows = _pair_heading(one.title, other.title)
    for i, (latent, (index, correlation)) in enumerate(zip(latents, partners, strict=True)):
        link = f'<span class="link" title="correlation over stored faces">{correlation:+.2f}</span>'
        pair = _strip(left[i], labels[0][index]) + link + _strip(right[i], labels[1][latent.index])
        rows += f'<div class="pair">{pair}</div>'
    return f'<div class="pairs">{rows}</div>'


def _pair_heading(one: str, other: str) -> str:
    return f'<div class="pair"><b>{escape(one)}</b><b class="link"></b><b>{escape(other)}</b></div>'


def _strip(frames: torch.Tensor, label: str) -> str:
    image = picture(strip(frames), f"Traversal of {label}", lossless=False)
    return f"<figure>{image}<figcaption>{escape(label)}</figcaption></figure>"


def _kl_table(studio: Studio, name: str) -> pd.DataFrame:
    latents = studio.bundles[name].by_kl
    return pd.DataFrame(
        {
            "latent": [f"z{latent.index}" for latent in latents],
            "KL, nats": [round(latent.kl, 3) for latent in latents],
            "tracks": [latent.label for latent in latents],
        }
    )


def _kl_bars(studio: Studio, name: str) -> gr.BarPlot:
    return gr.BarPlot(
        _kl_table(studio, name),
        y_lim=[0, _most_nats(studio, name)],
        x="latent",
        y="KL, nats",
        sort="-y",
        tooltip=["latent", "KL, nats", "tracks"],
        title=studio.title(name),
        height=260,
        x_label_angle=-60,
    )


def _most_nats(studio: Studio, name: str) -> float:
    """The top of the axis: bars that start above zero would lie."""
    return round(studio.bundles[name].by_kl[0].kl * 1.05, 2)
