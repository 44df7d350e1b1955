"""What each latent of a model of 2D shapes responds to, drawn as the paper's Figure 7."""

from __future__ import annotations

from html import escape

import numpy as np
from PIL import Image
from torch import Tensor

from betavae.data.shapes2d import SHAPE_NAMES
from betavae.serving.studio import Studio
from betavae.ui.parts.markup import picture
from betavae.views.tuning import LARGEST

LOW, MIDDLE, HIGH = ((29, 78, 216), (245, 245, 244), (234, 88, 12))
WIDE, TALL = 100, 56
ABOUT = (
    "Each column is one latent. The map shows its posterior mean for each position of the shape "
    "(blue: below zero, orange: above zero). The curves show its posterior mean for each size and "
    "for each rotation. A latent that tracks one factor varies in one of these plots only; in the "
    "map it varies along one direction."
)


def tuning_view(studio: Studio, names: list[str]) -> str:
    """The active latents of each model, the strongest first."""
    key = "".join(f'<span class="shape{k}">{name}</span>' for k, name in enumerate(SHAPE_NAMES))
    models = "".join(_model(studio, name) for name in names)
    return (
        f"<h3>What each latent responds to</h3><p>{ABOUT} One line per shape: "
        f'<span class="shapes">{key}</span></p><div class="tuning">{models}</div>'
    )


def _model(studio: Studio, name: str) -> str:
    found = studio.tuning(name)
    latents = "".join(
        f"<figure><figcaption>{escape(_unbroken(latent.label))}</figcaption>"
        f"{_map(found.place[k], f'z{k} by position')}"
        f"{_curves(found.scale[k], 'size', f'z{k} by size')}"
        f"{_curves(found.orientation[k], 'rotation', f'z{k} by rotation')}</figure>"
        for k, latent in ((latent.index, latent) for latent in studio.bundles[name].active)
    )
    return f'<h4>{escape(studio.title(name))}</h4><div class="latents">{latents}</div>'


def _unbroken(label: str) -> str:
    """The label with no per cent sign alone on a line."""
    return label.replace(" %", "\u00a0%")


def _map(means: Tensor, alt: str) -> str:
    """A picture of (Y, X) mean codes, its pixels as many."""
    share = (means.numpy() / LARGEST).clip(-1, 1)[..., None]
    end = np.where(share < 0, LOW, HIGH)
    colours = np.array(MIDDLE) + np.abs(share) * (end - MIDDLE)
    return picture(Image.fromarray(colours.round().astype(np.uint8)), alt)


def _curves(means: Tensor, axis: str, alt: str) -> str:
    """A line a shape, of (shapes, values) mean codes, from -LARGEST to LARGEST."""
    lines = ""
    for shape, values in enumerate(means.clamp(-LARGEST, LARGEST).tolist()):
        points = " ".join(
            f"{WIDE * k / (len(values) - 1):.1f},{TALL * (0.5 - value / LARGEST / 2):.1f}"
            for k, value in enumerate(values)
        )
        lines += f'<polyline class="shape{shape}" points="{points}"/>'
    return (
        f'<svg viewBox="0 0 {WIDE} {TALL}" role="img" aria-label="{escape(alt, quote=True)}">'
        f'<path d="M0 {TALL / 2}H{WIDE}"/>{lines}<text x="2" y="{TALL - 3}">{axis}</text></svg>'
    )
