"""What the Compare tab's sections show, as HTML: each a function of the models that are chosen."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import torch
from torch import Tensor

from betavae.bundles.bundle import Bundle
from betavae.bundles.naming import WORDS
from betavae.data.shapes2d import FACTOR_NAMES
from betavae.serving.details import of_stored
from betavae.serving.studio import Studio
from betavae.ui.parts.markup import bar_chart, heat_map, picture, table
from betavae.ui.parts.scores import chosen_models, every_model
from betavae.ui.parts.shares import told_shares
from betavae.ui.parts.tuning import tuning_view
from betavae.views.traversal import strip

PICTURES = 8  # in a row
LEAST_AUROC = 0.6  # under it a latent hardly tells an attribute
LEAST_CORRELATION = 0.4  # or what is measured on the picture
HEADS = [name.replace("orientation", "orien\u00adtation") for name in FACTOR_NAMES]  # may break
HEAT = (
    "How much information each latent carries about each factor: I(z; v) / H(v), in per cent of "
    "the factor's entropy, measured on 10,000 pictures. In a disentangled code, one cell of each "
    "row and one of each column stands out. MIG rewards this."
)
ADDED = (
    "A model's picture is all that its code says, and blurred: the mean of every face with that "
    "code. A second network, the renderer, adds hair, skin and background, with details that it "
    "read from the photo. The added detail is invented: likely, not seen."
)
GREY = "Grey: equal. Lighter: brighter than there. Darker: darker than there."
NO_ORIGINALS = (
    "CelebA's own pictures may not be shown here, so the models are compared with each other."
)
TELLS = (
    "What each latent tells best. For faces: the attributes of which it is the model's best single "
    "latent, and its AUROC ↑ (0.5 is chance, 1 is perfect), or its correlation r with what is "
    "measured on the picture. For shapes: the share of a factor's entropy that it tells."
)


def section(studio: Studio, name: str, models: list[str], first: int) -> str:
    """One of `sections`, for these models, from the stored picture `first` on."""
    _, make = SECTIONS[name]
    return make(studio, models, first)


def sections(shapes: bool) -> list[tuple[str, str]]:
    """(name, heading) of all that a data set has."""
    only_shapes = ("heat", "tuning")
    left_out = ("sharp",) if shapes else only_shapes
    return [(name, SECTIONS[name][0]) for name in SECTIONS if name not in left_out]


def tells(bundle: Bundle, latent: int) -> str:
    """Such as "smiling 0.78, skin (r +0.72)": what this latent tells best of all its model's, the
    attributes by AUROC, the picture's statistics by correlation; the shares of factors where those
    are known; nothing said of how attractive a face is."""
    attributes = bundle.metrics.get("attributes")
    if attributes is None:
        shares = [track for track in bundle.latents[latent].named if "share" in track]
        return ", ".join(f"{track['name']}\u00a0{track['share']:.0%}" for track in shares)
    own = {
        f"{name}\u00a0{found['auroc']:.2f}": found["auroc"]
        for name, found in attributes.items()
        if found["latent"] == latent and found["auroc"] >= LEAST_AUROC and WORDS.get(name)
    }
    for name, found in bundle.metrics.get("statistics", {}).items():
        if found["latent"] == latent and abs(found["correlation"]) >= LEAST_CORRELATION:
            own[f"{name} (r\u00a0{found['correlation']:+.2f})"] = abs(found["correlation"])
    return ", ".join(sorted(own, key=lambda said: -own[said])[:3])


def _scores(studio: Studio, names: list[str], _: int) -> str:
    return chosen_models(studio, names)


def _every(studio: Studio, names: list[str], _: int) -> str:
    return every_model(studio, studio.families[studio.family(names[0])])


def _tuning(studio: Studio, names: list[str], _: int) -> str:
    return tuning_view(studio, names)


def _heat_maps(studio: Studio, names: list[str], _: int) -> str:
    maps = "".join(heat_map(*_shares(studio, name), HEADS, studio.title(name)) for name in names)
    return f'<p>{HEAT}</p><div class="heat-maps">{maps}</div>'


def _shares(studio: Studio, name: str) -> tuple[np.ndarray, list[str]]:
    """I(z; v) / H(v), strongest latent first, and the latents."""
    order = [latent.index for latent in studio.bundles[name].by_kl]
    return told_shares(studio, name)[order], [f"z{index}" for index in order]


def _reconstructions(studio: Studio, names: list[str], first: int) -> str:
    """Originals above, where they can be had, then each model's pictures and their difference from
    the originals; without those, from the first model's pictures."""
    originals = studio.originals(names[0], first, PICTURES)
    decoded = {
        name: studio.decode(name, studio.bundles[name].codes[first : first + PICTURES])
        for name in names
    }
    rows, base, whose = "", originals, "the originals"
    if originals is None:
        base, whose = decoded[names[0]], f"those of {studio.title(names[0])}"
    else:
        rows = _row(originals, "Originals")
    for name in names:
        rows += _row(decoded[name], f"Reconstructions by {studio.title(name)}")
        if base is not decoded[name]:
            difference = (decoded[name] - base) / 2 + 0.5
            rows += _row(difference, f"Their difference from {whose}", "difference")
    why = NO_ORIGINALS if originals is None else ""
    return f'<p class="reading">{GREY} {why}</p><div class="strips wide">{rows}</div>'


def _sharp(studio: Studio, names: list[str], first: int) -> str:
    """Of each model that has a renderer: what the code says, and with the faces' own details."""
    rows, faces = "", range(first, min(first + PICTURES, studio.faces()))
    for name in (name for name in names if name in studio.sharp):
        codes = studio.bundles[name].codes[first : first + PICTURES]
        own = [studio.details(name, of_stored(face)) for face in faces]
        pairs = zip(codes, own, strict=True)
        sharp = torch.cat([studio.decode(name, c[None], "sharp", details=d) for c, d in pairs])
        plain = studio.decode(name, codes)
        rows += _row(plain, f"What {studio.title(name)} says")
        rows += _row(sharp, "With the details that its renderer adds")
    if not rows:
        return "<p>None of these models has a renderer.</p>"
    return f'<p class="reading">{ADDED}</p><div class="strips wide">{rows}</div>'


def _row(pictures: Tensor, title: str, kind: str = "") -> str:
    image = picture(strip(pictures), f"{title}, {len(pictures)} pictures", lossless=False)
    return f'<figure class="{kind}">{image}<figcaption>{escape(title)}</figcaption></figure>'


def _latents(studio: Studio, names: list[str], _: int) -> str:
    """Each model's KL bars, and a table of what its latents tell."""
    drawn = ""
    for name in names:
        bundle, called = studio.bundles[name], studio.latent_names(name)
        bars = bar_chart(
            [latent.kl for latent in bundle.by_kl],
            [f"z{latent.index}" for latent in bundle.by_kl],
            [f"z{k.index}, {called[k.index]}: {k.kl:.2f} nats" for k in bundle.by_kl],
            f"{studio.title(name)}: KL in nats",
        )
        lines = [["Latent in use", "KL, nats", "tells"]]
        for latent in bundle.active:
            said = tells(bundle, latent.index) or "–"
            lines.append([str(called[latent.index]), f"{latent.kl:.2f}", said])
        told = table(lines, "told", label=f"Latents of {studio.title(name)}")
        drawn += f"<div>{bars}{told}</div>"
    return f'<p class="reading">{TELLS}</p><div class="bar-charts">{drawn}</div>'


Make = Callable[[Studio, list[str], int], str]
SECTIONS: dict[str, tuple[str, Make]] = {  # name -> heading, what it shows
    "heat": ("Information between latents and factors", _heat_maps),
    "tuning": ("What each latent responds to", _tuning),
    "faces": ("Reconstructions of the same pictures, and their differences", _reconstructions),
    "sharp": ("What the model says, and what the renderer adds", _sharp),
    "scores": ("All numbers of these models", _scores),
    "latents": ("KL of every latent, and what it tells", _latents),
    "every": ("All models of this data set", _every),
}
