"""The live comparison: matched latents of two or three models, moved by one slider.

A row is a latent of the model with the fewest in use, and of each other model the latent that
correlates most with it. All of a row go to the same value, the other way round where the
correlation is negative. What is read rather than played is in sections, made when they are opened.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from betavae.metrics.direction import with_arrow
from betavae.serving import checks
from betavae.serving.pictures import data_uri
from betavae.serving.studio import Studio
from betavae.ui.live.board import answering, describe, server_functions
from betavae.ui.live.component import live_html
from betavae.ui.live.dial import SCRIPTS as DIAL_SCRIPTS
from betavae.ui.live.dial import betas_of, turn_function
from betavae.ui.live.factors import code_of_factors, factor_sliders
from betavae.ui.parts import comparison
from betavae.ui.parts.scores import in_one_sentence
from betavae.views.traversal import grid

MOST = 3  # models side by side
MOST_ROWS = 64  # of strips in one question
NUMBERS = {  # beside a picture: score, heading, digits, unit
    "shapes": (
        ("reconstruction", "Error", 1, " nats"),
        ("kl", "KL", 1, " nats"),
        ("mig", "MIG", 3, ""),
    ),
    "faces": (("psnr", "PSNR", 2, " dB"), ("ssim", "SSIM", 3, ""), ("kl", "KL", 1, " nats")),
}
ALONG_BETA = ("psnr", "kl")  # of these, what is measured at every β of a model that has them all
SCRIPTS = (
    "board/parts.js",
    "compare/tools.js",  # what is compared
    "compare/factors.js",  # the true factors of 2D shapes
    "compare/pairs.js",
    *DIAL_SCRIPTS,
    "compare/dial.js",
    "compare/sections.js",
    "compare/start.js",
)
STYLES = ("board/bar.css", "compare/compare.css", "compare/factors.css", "dial/dial.css")


def compare_view(studio: Studio, elem_id: str = "comparison") -> gr.HTML:
    """The component, of all data sets with two models or more."""
    families = {family: names for family, names in studio.families.items() if len(names) > 1}
    names = [name for family in families.values() for name in family]
    return live_html(
        "compare",
        {},
        compare_functions(studio),
        elem_id,
        scripts=SCRIPTS,
        styles=STYLES,
        models=[described(studio, name) for name in names],
        families=[
            {
                "name": family,
                "title": studio.family_title(family),
                "models": members,
                "pair": studio.pair(family),
                "factors": family == "shapes2d",  # a model's own pictures: whose factors are known
                "verdict": in_one_sentence(studio, members),
                "sections": comparison.sections(family == "shapes2d"),
            }
            for family, members in families.items()
        ],
        factors=factor_sliders() if "shapes2d" in families else [],
        pictures=studio.faces(),
        most=MOST,
    )


def described(studio: Studio, name: str) -> dict[str, Any]:
    """What the browser needs of a model: as for the board, with what its latents tell, and numbers
    beside its picture."""
    bundle, scores = studio.bundles[name], studio.bundles[name].metrics["scores"]
    found = describe(studio, name) | {"title": studio.title(name)}
    for latent in found["latents"]:
        latent["tells"] = comparison.tells(bundle, latent["index"])
    kind = "shapes" if studio.data(name) == "shapes2d" else "faces"
    found["numbers"] = [
        [key, with_arrow(title, key), f"{scores[key]:,.{digits}f}{unit}"]
        for key, title, digits, unit in NUMBERS[kind]
        if key in scores and (bundle.dial is None or key in ALONG_BETA)
    ]
    in_use = f"{len(bundle.active)} of {bundle.vae.latents}"
    found["numbers"].append(["active", "Latents in use", in_use])
    return found


def compare_functions(studio: Studio) -> list:
    """frame, compared, sheets, section, factors, turn: each takes one JSON value, never raises."""

    def compared(request: Any) -> dict:
        """{"models": names, "first": a stored picture} -> {"codes": {model: numbers}, "rows":
        [{model: [latent, correlation]}], "pictures": over how many they were matched}."""
        names, first = _asked(studio, request)
        codes = {name: studio.bundles[name].codes[first].tolist() for name in names}
        rows, pictures = matched_rows(studio, names)
        return {"codes": codes, "rows": rows, "pictures": pictures}

    def sheets(request: Any) -> dict:
        """{"codes": {model: numbers}, "rows": {model: [[latent, 1 or -1], ...]}, "betas"} ->
        {"sheets": {model: data URI}}: a row each, from -3 to 3, or from 3 to -3."""
        codes = request.get("codes") if isinstance(request, dict) else None
        rows = request.get("rows") if isinstance(request, dict) else None
        if not isinstance(codes, dict) or not isinstance(rows, dict) or set(codes) != set(rows):
            raise checks.Refused("Send a code and the rows of each model.")
        made, betas = {}, betas_of(studio, request)
        for name, code in codes.items():
            size = studio.bundles[studio.model_name(name)].vae.latents
            latents, signs = _rows(rows[name], size)
            at = (checks.codes(code, size)[0], latents)
            frames = studio.strips(name, *at, beta=betas.get(name))
            turned = [f.flip(0) if sign < 0 else f for f, sign in zip(frames, signs, strict=True)]
            made[name] = data_uri(grid(turned), quality=88)
        return {"sheets": made}

    def section(request: Any) -> dict:
        """{"section", "models", "first"} -> {"html"}."""
        names, first = _asked(studio, request)
        wanted = request.get("section")
        shapes = studio.data(names[0]) == "shapes2d"
        if wanted not in [name for name, _ in comparison.sections(shapes)]:
            raise checks.Refused("There is no such section here.")
        return {"html": comparison.section(studio, wanted, names, first)}

    frame = server_functions(studio)[0]
    own = [compared, sheets, section, code_of_factors(studio), turn_function(studio)]
    return [frame, *(answering(function) for function in own)]


def matched_rows(studio: Studio, names: list[str]) -> tuple[list[dict[str, list]], int]:
    """A row a latent in use of the model with fewest of them, {model: [latent, correlation]}, the
    strongest first; and over how many pictures they were matched."""
    base = min(names, key=lambda name: len(studio.bundles[name].active))
    bundle = studio.bundles[base]
    found = {name: studio.matches(base, name) for name in names if name != base}
    rows = []
    for latent in bundle.active or bundle.by_kl[:1]:
        row = {base: [latent.index, 1.0]}
        for name, (pairs, _) in found.items():
            row[name] = [pairs[latent.index][0], round(pairs[latent.index][1], 2)]
        rows.append({name: row[name] for name in names})
    return rows, min((count for _, count in found.values()), default=studio.faces())


def _asked(studio: Studio, request: Any) -> tuple[list[str], int]:
    """The models and the stored picture that a request names."""
    names = request.get("models") if isinstance(request, dict) else None
    if not isinstance(names, list) or not 0 < len(names) <= MOST:
        raise checks.Refused(f"Name one to {MOST} models.")
    names = list(dict.fromkeys(studio.model_name(name) for name in names))
    if len({studio.family(name) for name in names}) > 1:
        raise checks.Refused("Models of different data cannot be compared.")
    first = request.get("first", 0)
    return names, checks.whole_number(first, 0, studio.faces() - 1, "The picture's number")


def _rows(value: Any, size: int) -> tuple[list[int], list[int]]:
    """[[latent, 1 or -1], ...] as JSON has it -> the latents, and their signs."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ROWS:
        raise checks.Refused(f"Send 1 to {MOST_ROWS} rows a model.")
    if not all(isinstance(row, list) and len(row) == 2 and row[1] in (1, -1) for row in value):
        raise checks.Refused("A row is a latent and its sign, 1 or -1.")
    latents = [checks.whole_number(latent, 0, size - 1, "A latent") for latent, _ in value]
    return latents, [sign for _, sign in value]
