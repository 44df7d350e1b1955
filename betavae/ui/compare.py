"""The Compare tab: two models on the same pictures, their latents matched, and the numbers."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
import numpy as np
import torch

from betavae.bundle import Bundle, pair_latents
from betavae.data.shapes2d import FACTOR_NAMES
from betavae.traversal import strip
from betavae.ui.factors import factors_view
from betavae.ui.markup import bar_chart, heat_map, picture, table
from betavae.ui.studio import FAMILIES, Studio

PICTURES = 8  # in a row
MATCHED = 10  # latents
FACES = (  # score, heading, digits
    ("psnr", "PSNR, dB", 2),
    ("ssim", "SSIM", 3),
    ("kl", "KL, nats", 1),
    ("elbo", "ELBO, nats", 0),
    ("active_latents", "Active latents", 0),
    ("pca_psnr", "PCA of as many, dB", 2),
)
SHAPES = (
    ("beta-vae-paper", "β-VAE metric, 4 factors", 3),
    ("beta-vae", "β-VAE metric, 5 factors", 3),
    ("mig", "MIG", 3),
    ("dci", "DCI disentanglement", 3),
    ("factor-vae", "FactorVAE score", 3),
    ("sap", "SAP", 3),
    ("reconstruction", "−log p(x|z), nats", 1),
    ("kl", "KL, nats", 1),
    ("active_latents", "Active latents", 0),
)
INTRODUCTION = (
    "**The same pictures, two codes.** A larger β leaves fewer active latents: each does one "
    "thing, and detail is lost. Matched rows show, for each active latent of the second model, "
    "the latent of the first that varies with it over the same pictures."
)
HEAT = (
    "How much each latent tells about each factor: the share I(z; v) / H(v) of the factor's "
    "entropy, on 10,000 pictures. One dark cell in a row and in a column is what MIG rewards."
)


def build(studio: Studio) -> None:
    """Lay out the tab's content."""
    gr.Markdown(INTRODUCTION)
    families = {data: names for data, names in studio.families.items() if len(names) > 1}
    if not families:
        gr.Markdown("Two models of one data set are needed to compare; too few could be loaded.")
        return
    first = next(iter(families))
    with gr.Row(equal_height=True):
        data = gr.Radio(
            [(FAMILIES[family], family) for family in families],
            value=first,
            label="Data",
            elem_id="compare-data",
            min_width=180,
            visible=len(families) > 1,
        )
        one, other = (_choice(studio, families[first], place) for place in (0, 1))
        start = gr.Slider(
            0,
            studio.faces() - PICTURES,
            value=0,
            step=1,
            label="First picture",
            info="Of the validation split, drawn from the stored codes.",
            min_width=220,
            elem_id="start",
        )
    with gr.Column(visible=first == "shapes2d", elem_id="factors-group") as factors_group:
        gr.Markdown("### Factors: drag what is true, see what the codes say")
        factors = factors_view(studio, families.get("shapes2d", [])[:2])
    gr.Markdown("### Scores")
    scores = gr.HTML(elem_id="scores")
    heat = gr.HTML(elem_id="heat", visible=first == "shapes2d")
    gr.Markdown("### The same pictures, reconstructed")
    pictures = gr.HTML(elem_id="faces")
    gr.Markdown("### Matched traversals, from −3 to 3")
    matched = gr.HTML(elem_id="matched")
    gr.Markdown("### KL per latent")
    bars = gr.HTML(elem_id="compare-bars")

    def show_pictures(first: str, second: str, index: int):
        index = int(index)
        return _pictures(studio, [first, second], index), _matched(studio, first, second, index)

    def show_models(first: str, second: str, index: int):
        shapes = studio.family(first) == "shapes2d"
        pair = [first, second]
        return (
            gr.Column(visible=shapes),
            {"models": pair if shapes else []},
            _scores(studio, pair),
            gr.HTML(_heat_maps(studio, pair) if shapes else "", visible=shapes),
            *show_pictures(first, second, index),
            _kl_bars(studio, pair),
        )

    def show_data(family: str, index: int):
        names = families[family]
        choices = [_choice(studio, names, place) for place in (0, 1)]
        return *choices, *show_models(*names[:2], index)

    inputs = [one, other, start]
    everything = [factors_group, factors, scores, heat, pictures, matched, bars]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    data.input(show_data, [data, start], [one, other, *everything], **quiet)
    gr.on([one.input, other.input], show_models, inputs, everything, **quiet)
    start.release(show_pictures, inputs, [pictures, matched], **quiet)
    pair = families[first][:2]
    scores.value = _scores(studio, pair)
    pictures.value, matched.value = show_pictures(*pair, 0)
    bars.value = _kl_bars(studio, pair)


def _choice(studio: Studio, names: list[str], place: int) -> gr.Dropdown:
    return gr.Dropdown(
        [(studio.title(name), name) for name in names],
        value=names[place],
        label=("First model", "Second model")[place],
        min_width=220,
        elem_id=("one", "other")[place],
    )


def _scores(studio: Studio, names: list[str]) -> str:
    scores = [studio.bundles[name].metrics["scores"] for name in names]
    lines = [["", *(studio.title(name) for name in names)]]
    for key, title, digits in SHAPES if studio.family(names[0]) == "shapes2d" else FACES:
        lines.append([title, *(f"{score[key]:,.{digits}f}" for score in scores)])
    return table(lines, "pair")


def _heat_maps(studio: Studio, names: list[str]) -> str:
    maps = "".join(
        heat_map(*_shares(studio.bundles[name]), FACTOR_NAMES, studio.title(name)) for name in names
    )
    return f'<h3>Latent × factor</h3><p>{HEAT}</p><div class="heat-maps">{maps}</div>'


def _shares(bundle: Bundle) -> tuple[np.ndarray, list[str]]:
    """I(z; v) / H(v) as stored with the bundle's MIG, strongest latent first, and the latents."""
    parts = bundle.metrics["metrics"]["mig"]
    shares = np.array(parts["information"]) / np.array(parts["entropy"])
    order = [latent.index for latent in bundle.by_kl]
    return shares[order], [f"z{index}" for index in order]


def _pictures(studio: Studio, names: list[str], first: int) -> str:
    rows = ""
    for name in names:
        decoded = studio.decode(name, studio.bundles[name].codes[first : first + PICTURES])
        image = picture(strip(decoded), f"{PICTURES} pictures by {studio.title(name)}", False)
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
        link = f'<span class="link" title="correlation over stored codes">{correlation:+.2f}</span>'
        pair = _strip(left[i], labels[0][index]) + link + _strip(right[i], labels[1][latent.index])
        rows += f'<div class="pair">{pair}</div>'
    return f'<div class="pairs">{rows}</div>'


def _pair_heading(one: str, other: str) -> str:
    return f'<div class="pair"><b>{escape(one)}</b><b class="link"></b><b>{escape(other)}</b></div>'


def _strip(frames: torch.Tensor, label: str) -> str:
    image = picture(strip(frames), f"Traversal of {label}", lossless=False)
    return f"<figure>{image}<figcaption>{escape(label)}</figcaption></figure>"


def _kl_bars(studio: Studio, names: list[str]) -> str:
    bars = "".join(
        bar_chart(
            [latent.kl for latent in studio.bundles[name].by_kl],
            [f"z{latent.index}" for latent in studio.bundles[name].by_kl],
            [f"{latent.label}: {latent.kl:.2f} nats" for latent in studio.bundles[name].by_kl],
            f"{studio.title(name)}, nats",
        )
        for name in names
    )
    return f'<div class="bar-charts">{bars}</div>'
