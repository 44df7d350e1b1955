"""The Compare tab: two models on the same pictures, their latents matched, and the numbers."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
import numpy as np
import torch

from betavae.bundles.bundle import Bundle, pair_latents
from betavae.data.shapes2d import FACTOR_NAMES
from betavae.serving.studio import Studio
from betavae.ui.live.factors import factors_view
from betavae.ui.parts.choice import different, model_choice
from betavae.ui.parts.markup import bar_chart, heat_map, picture
from betavae.ui.parts.scores import chosen_models, every_model
from betavae.ui.parts.tuning import tuning_view
from betavae.views.traversal import strip

PICTURES = 8  # in a row
MATCHED = 10  # latents
MOST = 3  # models side by side
INTRODUCTION = (
    "**Two or three models, side by side.** Choose models of the same data set. Everything below "
    "compares them on the same pictures."
)
HEAT = (
    "How much information each latent carries about each factor: I(z; v) / H(v), in per cent of "
    "the factor's entropy, measured on 10,000 pictures. In a disentangled code, one cell of each "
    "row and one of each column stands out. MIG rewards this."
)
HEADS = [name.replace("orientation", "orien\u00adtation") for name in FACTOR_NAMES]  # may break
PAIRED = (
    "Each row begins with one latent of the model that has the fewest active latents. Beside it is "
    "the latent of each other model that correlates most with it, over the same pictures. The "
    "correlation is written below."
)


def build(studio: Studio) -> None:
    """Lay out the tab's content."""
    gr.Markdown(INTRODUCTION)
    families = {data: names for data, names in studio.families.items() if len(names) > 1}
    if not families:
        gr.Markdown("Comparing needs two models of the same data set. Fewer could be loaded.")
        return
    first = next(iter(families))
    with gr.Row(equal_height=True):
        data = gr.Radio(
            [(studio.family_title(family), family) for family in families],
            value=first,
            label="Data",
            elem_id="compare-data",
            min_width=180,
            visible=len(families) > 1,
        )
        models = [_choice(studio, families[first], place) for place in range(MOST)]
        start = gr.Slider(
            0,
            max(0, studio.faces() - PICTURES),
            value=0,
            step=1,
            label="First picture",
            info=f"and the {PICTURES - 1} after it",
            min_width=220,
            elem_id="start",
        )
    with gr.Column(visible=first == "shapes2d", elem_id="factors-group") as factors_group:
        gr.Markdown("### Change the true factors and watch each code respond")
        factors = factors_view(studio, families.get("shapes2d", [])[:2])
    gr.Markdown("### Scores")
    scores = gr.HTML(elem_id="scores")
    heat = gr.HTML(elem_id="heat", visible=first == "shapes2d")
    tuned = gr.HTML(elem_id="tuning", visible=first == "shapes2d")
    gr.Markdown("### Reconstructions of the same pictures")
    pictures = gr.HTML(elem_id="faces")
    gr.Markdown(f"### Matched traversals, from −3 to 3\n\n{PAIRED}")
    matched = gr.HTML(elem_id="matched")
    gr.Markdown("### KL per latent")
    bars = gr.HTML(elem_id="compare-bars")
    gr.Markdown("### All models of this data set")
    every = gr.HTML(elem_id="every")

    def show_pictures(one: str, two: str, three: str, index: int):
        names = different(one, two, three)
        return _pictures(studio, names, int(index)), _matched(studio, names, int(index))

    def show_models(one: str, two: str, three: str, index: int):
        names = different(one, two, three)
        shapes = studio.family(one) == "shapes2d"  # as the factors view
        return (
            gr.Column(visible=shapes),
            {"models": names if shapes else []},
            chosen_models(studio, names),
            gr.HTML(_heat_maps(studio, names) if shapes else "", visible=shapes),
            *show_pictures(one, two, three, index),
            _kl_bars(studio, names),
        )

    def show_tuning(one: str, two: str, three: str):
        """After the rest: it encodes some thousand pictures the first time."""
        shapes = studio.family(one) == "shapes2d"
        names = different(one, two, three)
        return gr.HTML(tuning_view(studio, names) if shapes else "", visible=shapes)

    def show_data(family: str, index: int):
        names = families[family]
        return (
            *(_choice(studio, names, place) for place in range(MOST)),
            *show_models(*names[:2], "", index),
            every_model(studio, names),
        )

    inputs = [*models, start]
    everything = [factors_group, factors, scores, heat, pictures, matched, bars]
    # Of choices made faster than they are answered, the last one counts.
    quiet: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "minimal",
        "trigger_mode": "always_last",
    }
    shown = data.input(show_data, [data, start], [*models, *everything, every], **quiet)
    chosen = gr.on([model.input for model in models], show_models, inputs, everything, **quiet)
    for event in (shown, chosen):
        event.then(show_tuning, models, tuned, **quiet)
    start.change(show_pictures, inputs, [pictures, matched], **quiet)  # keys and drags alike
    pair = families[first][:2]
    scores.value = chosen_models(studio, pair)
    pictures.value, matched.value = show_pictures(*pair, "", 0)
    bars.value = _kl_bars(studio, pair)
    every.value = every_model(studio, families[first])
    if first == "shapes2d":  # where no model of faces could be loaded
        heat.value, tuned.value = _heat_maps(studio, pair), tuning_view(studio, pair)


def _choice(studio: Studio, names: list[str], place: int) -> gr.Dropdown:
    optional = place == MOST - 1
    return model_choice(
        studio,
        names,
        "" if optional else names[place],
        optional=optional,
        label=("First model", "Second model", "Third model")[place],
        elem_id=("one", "other", "third")[place],
    )


def _heat_maps(studio: Studio, names: list[str]) -> str:
    maps = "".join(
        heat_map(*_shares(studio.bundles[name]), HEADS, studio.title(name)) for name in names
    )
    title = "Information between latents and factors"
    return f'<h3>{title}</h3><p>{HEAT}</p><div class="heat-maps">{maps}</div>'


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
        image = picture(
            strip(decoded), f"{PICTURES} reconstructions by {studio.title(name)}", False
        )
        rows += f"<figure>{image}<figcaption>{escape(studio.title(name))}</figcaption></figure>"
    return f'<div class="strips wide">{rows}</div>'


def _matched(studio: Studio, names: list[str], at: int) -> str:
    """A row a latent of the model with fewest active ones: its strip, and in each other model that
    of the latent which follows it."""
    base = min(names, key=lambda name: len(studio.bundles[name].active))
    others = [name for name in names if name != base]
    bundle = studio.bundles[base]
    latents = [latent.index for latent in bundle.active[:MATCHED] or bundle.by_kl[:1]]
    columns = [_column(studio, base, at, latents, [None] * len(latents))]
    for name in others:
        pairs = pair_latents(bundle.codes, studio.bundles[name].codes)
        partners = [pairs[latent] for latent in latents]
        indices, correlations = zip(*partners, strict=True)
        columns.append(_column(studio, name, at, list(indices), list(correlations)))
    heads = "".join(f"<b>{escape(studio.title(name))}</b>" for name in (base, *others))
    rows = "".join(
        f'<div class="pair">{"".join(cells)}</div>' for cells in zip(*columns, strict=True)
    )
    style = f"--columns: {len(names)}"
    if len(bundle.active) > MATCHED:
        some = f"The {MATCHED} latents with the largest KL, of {len(bundle.active)} active ones."
        rows = f"<p>{some}</p>{rows}"
    return f'<div class="pairs" style="{style}"><div class="pair heads">{heads}</div>{rows}</div>'


def _column(studio: Studio, name: str, at: int, latents: list[int], links: list) -> list[str]:
    """One model's strips, a latent each, with its correlation to the first column's latent."""
    bundle = studio.bundles[name]
    labels = {latent.index: latent.label for latent in bundle.latents}
    strips = studio.strips(name, bundle.codes[at], latents)
    cells = []
    for frames, latent, link in zip(strips, latents, links, strict=True):
        label = labels[latent] if link is None else f"{labels[latent]} · correlation {link:+.2f}"
        cells.append(_strip(frames, label, studio.title(name)))
    return cells


def _strip(frames: torch.Tensor, label: str, title: str) -> str:
    """A strip and its caption, which names the model where the columns' heads have no room."""
    image = picture(strip(frames), f"{title}: traversal of {label}", lossless=False)
    whose = f'<span class="whose">{escape(title)}: </span>'
    return f"<figure>{image}<figcaption>{whose}{escape(label)}</figcaption></figure>"


def _kl_bars(studio: Studio, names: list[str]) -> str:
    bars = "".join(
        bar_chart(
            [latent.kl for latent in studio.bundles[name].by_kl],
            [f"z{latent.index}" for latent in studio.bundles[name].by_kl],
            [f"{latent.label}: {latent.kl:.2f} nats" for latent in studio.bundles[name].by_kl],
            f"{studio.title(name)}: KL in nats",
        )
        for name in names
    )
    return f'<div class="bar-charts">{bars}</div>'
