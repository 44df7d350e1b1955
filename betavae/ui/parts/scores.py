"""The numbers of the Compare tab: chosen models, every model of a data set, and what they mean."""

from __future__ import annotations

from html import escape
from typing import Any

from betavae.bundles.bundle import Bundle, BundleError
from betavae.metrics.direction import BETTER, LEGEND, with_arrow
from betavae.metrics.shapes import TITLES
from betavae.serving.studio import Studio
from betavae.study.table import read_study
from betavae.ui.parts.markup import scatter, table
from betavae.ui.parts.verdict import best_cells, faces_verdict, means_over_seeds, shapes_verdict

FACES = (  # score, heading, digits
    ("psnr", "PSNR, dB", 2),
    ("ssim", "SSIM", 3),
    ("kl", "KL, nats", 1),
    ("elbo", "ELBO, nats", 0),
    ("active_latents", "Active latents", 0),
    ("attribute_latents", "Latents that track one attribute", 0),
    ("pca_psnr", "PSNR of a PCA with as many components, dB", 2),
)
DIGITS = {  # of the scores of 2D shapes that are shown
    "beta-vae-paper": 3,
    "beta-vae": 3,
    "mig": 3,
    "dci": 3,
    "dci-forest": 3,
    "factor-vae": 3,
    "sap": 3,
    "reconstruction": 1,
    "kl": 1,
    "active_latents": 0,
}
SHAPES = tuple((score, TITLES[score], digits) for score, digits in DIGITS.items())
GROWN = (
    "“Grown” models first learn a few latents. Then their unused latents start again, to code what "
    "is still missing. “Grown by 1”: only one latent starts again, and the others stay unused. "
    "“Then 6”: six more start again after it."
)
FORESTS = (
    "DCI predicts each factor from the latents, in one of two ways: with boosted trees, as in "
    "disentanglement_lib, or with random forests, as in Eastwood & Williams (2018) and in Lin et "
    "al. (2020)."
)
PLANE = "Lower left is better: a shorter code and a smaller error."
SEEN = "Pictures seen in training, millions"
BEST = f"{LEGEND} In colour: the best of its column."


def chosen_models(studio: Studio, names: list[str]) -> str:
    """The scores of these, a row a score."""
    scores = [studio.bundles[name].metrics["scores"] for name in names]
    lines = [["", *(studio.title(name) for name in names)]]
    for key, title, digits in _columns(studio, names):
        lines.append(
            [_unbroken(with_arrow(title, key)), *(f"{s[key]:,.{digits}f}" for s in scores)]
        )
    lines.append([SEEN, *(_seen(studio.bundles[name]) for name in names)])
    return f'{table(lines, "few")}<p class="reading">{LEGEND}</p>'


def every_model(studio: Studio, names: list[str]) -> str:
    """All scores of all models of a data set, a row a model, and what they come to in words."""
    shapes = studio.data(names[0]) == "shapes2d"
    models = {studio.title(name): studio.bundles[name].metrics["scores"] for name in names}
    columns = _columns(studio, names)
    lines = [["", *(_unbroken(with_arrow(title, key)) for key, title, _ in columns), SEEN]]
    for name in names:
        bundle = studio.bundles[name]
        cells = (f"{bundle.metrics['scores'][k]:,.{d}f}" for k, _, d in columns)
        lines.append([studio.title(name), *cells, _seen(bundle)])
    better = {k: BETTER[k] for k, _, _ in columns if k in BETTER}
    best = best_cells(list(models.values()), better, {k: digits for k, _, digits in columns})
    marked = [(k + 1, i) for i, (s, _, _) in enumerate(columns, start=1) for k in best.get(s, [])]
    paper = studio.beta_vae(names)
    base = paper and studio.title(paper)
    if shapes:
        words = [*shapes_verdict(models, base, means_over_seeds(_study())), FORESTS]
    else:
        words = faces_verdict(models, base)
    if any(studio.bundles[name].config.get("training", {}).get("growth") for name in names):
        words.append(GROWN)
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in (BEST, *words))
    return (
        table(lines, "headline", marked)
        + f'<div class="verdict">{said}</div>'
        + _plane(studio, names)
    )


def _study() -> dict[str, Any]:
    """The study of many seeds, or nothing where it is missing or damaged."""
    try:
        return read_study()
    except BundleError:
        return {}


def _plane(studio: Studio, names: list[str]) -> str:
    """What a code costs, and what it loses: every model as a point."""
    points = {}
    for name in names:
        found = studio.bundles[name].metrics["scores"]
        points[studio.title(name)] = (found["kl"], 1000 * found["mse"])
    drawn = scatter(points, "Rate: KL, nats", "Distortion: mean squared error × 1000")
    return f'{drawn}<p class="reading">{PLANE}</p>'


def _columns(studio: Studio, names: list[str]) -> list[tuple[str, str, int]]:
    """The scores that are shown; models of pictures without attributes have one fewer."""
    shown = SHAPES if studio.data(names[0]) == "shapes2d" else FACES
    return [s for s in shown if all(s[0] in studio.bundles[n].metrics["scores"] for n in names)]


def _unbroken(title: str) -> str:
    """The title with no arrow alone on a line."""
    return title.replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓")


def _seen(bundle: Bundle) -> str:
    """How many pictures it was trained on, each as often as it came, in millions; a dash where
    somebody else's bundle does not say."""
    training = bundle.config.get("training", {})
    if not {"steps_done", "batch_size"} <= training.keys():
        return "–"
    return f"{training['steps_done'] * training['batch_size'] / 1e6:.2f}"
