"""What each latent of a model of 2D shapes responds to, drawn as the paper's Figure 7."""

from __future__ import annotations

from html import escape

import numpy as np
from PIL import Image
from torch import Tensor

from betavae.bundles.latent import Latent
from betavae.bundles.naming import Name
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
        f"<p>{ABOUT} One line per shape: "
        f'<span class="shapes">{key}</span></p><div class="tuning">{models}</div>'
    )


def _model(studio: Studio, name: str) -> str:
    found, called = studio.tuning(name), studio.latent_names(name)
    latents = "".join(
        f"<figure><figcaption>{_called(called[latent.index], latent)}</figcaption>"
        f"{_map(found.place[k], f'z{k} by position')}"
        f"{_curves(found.scale[k], 'size', f'z{k} by size')}"
        f"{_curves(found.orientation[k], 'rotation', f'z{k} by rotation')}</figure>"
        for k, latent in ((latent.index, latent) for latent in studio.bundles[name].active)
    )
    return f'<h3>{escape(studio.title(name))}</h3><div class="latents">{latents}</div>'


def _called(name: Name, latent: Latent) -> str:
    """The latent in words, and how much of that it tells, with no per cent sign alone on a line."""
    tracked = f"z{latent.index} · {latent.tracked or 'tracks nothing'}".replace(" %", "\u00a0%")
    return f"<b>{escape(name.noun)}</b> {escape(tracked)}"


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
