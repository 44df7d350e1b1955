"""The reports weights/*-study/README.md: their sentences stand in reports/*.md.jinja, every number
in them is filled in from study.json and the served bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from betavae.bundles import bundle
from betavae.bundles.places import folder_of, root
from betavae.study.kinds import is_long, kind, row_kind
from betavae.study.protocols import BEFORE, named
from betavae.study.quoting import DIGITS, band, listed, quoted, quoted_bundle
from betavae.study.recipes import (
    bundle_commands,
    grid_commands,
    publish_command,
    train_command,
)
from betavae.study.reflow import reflowed
from betavae.study.summary import PAPER, spread
from betavae.study.table import as_markdown, markdown, marked, read_study

TEMPLATES = Path(__file__).with_name("reports")
SHARP = (  # of a renderer: score, heading, digits, whether the model's own stands beside it
    ("psnr", "PSNR, dB", 2, False),
    ("ssim", "SSIM", 3, False),
    ("detail", "detail, of the pictures'", 2, True),
    ("frechet", "Fréchet distance", 1, True),
    ("kept_swapped_median", "code read back, median correlation", 3, True),
)
STUDIES = ("shapes2d", "celeba")  # reports/NAME.md.jinja -> weights/NAME-study/README.md
LONG = (  # of the longer runs: score, heading, the best one (None: neither is better)
    ("reconstruction", "−log p(x given z), nats", min),
    ("kl", "KL, nats", None),
    ("active_latents", "active latents", None),
    ("mig", "MIG", max),
    ("dci", "DCI", max),
    ("factor-vae", "FactorVAE", max),
    ("beta-vae", "β-VAE metric, 5 factors", max),
)
FACES = (
    ("psnr", "PSNR, dB"),
    ("pca_psnr", "PSNR of a PCA with as many components, dB"),
    ("ssim", "SSIM"),
    ("kl", "KL, nats"),
    ("active_latents", "active latents"),
    ("attribute_latents", "latents that track one attribute"),
)


class StaleReport(ValueError):
    """A report's sentence says what the data no longer show, or quotes what they lack."""


def report(name: str) -> str:
    """The text of weights/NAME-study/README.md as the data are now.

    Raises StaleReport, naming every sentence, where one no longer holds.
    """
    folder = root() / f"{name}-study"
    claims = Claims()
    known = {
        "claim": claims,
        "listed": listed,
        "served": {n: quoted_bundle(*parts) for n, parts in _bundles(name).items()},
        "asides": json.loads((folder / "asides.json").read_text(encoding="utf-8")),
        **_KNOWN[name](folder),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = lambda value: f"{float(value):.0f}"
    try:
        text = environment.get_template(f"{name}.md.jinja").render(known)
    except (jinja2.UndefinedError, KeyError) as error:
        raise StaleReport(f"{_source(name)} quotes what the data lack: {error}.") from error
    if claims.broken:
        told = "; ".join(f'"{sentence}"' for sentence in claims.broken)
        raise StaleReport(f"{_source(name)} says what the data no longer show: {told}.")
    return reflowed(text)


def write(*names: str) -> list[Path]:
    """Write each `report(name)` to its place: all of them, or none where one is stale."""
    texts = {root() / f"{name}-study" / "README.md": report(name) for name in names}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


class Claims:
    """`claim(sentence, holds)` gives the sentence; those that do not hold are kept."""

    def __init__(self):
        self.broken: list[str] = []

    def __call__(self, sentence: str, holds: bool) -> str:
        if not holds:
            self.broken.append(sentence)
        return sentence


def _source(name: str) -> str:
    return f"betavae/study/reports/{name}.md.jinja"


def _bundles(data: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """{name: (config.json, metrics.json)} of the served bundles of the data, the paper's pair
    first: all that a report needs of them, without their weights."""
    found = {}
    for name in sorted(bundle.names(), key=bundle.served_order):
        config, metrics = (
            json.loads((folder_of(name) / f"{part}.json").read_text(encoding="utf-8"))
            for part in ("config", "metrics")
        )
        if config["data"]["name"] == data:
            found[name] = config, metrics
    return found


def _shapes(folder: Path) -> dict[str, Any]:
    """What shapes2d.md.jinja knows: see the dictionary."""
    study = read_study(folder)
    rows = {row_kind(row): row for row in study["models"]}
    quotes = {name: quoted(row) for name, row in rows.items()}
    bundles = {name: config for name, (config, _) in _bundles("shapes2d").items()}
    served = {kind(config["training"]): name for name, config in bundles.items()}
    measured = {
        name: {score: parts["score"] for score, parts in named(found)["metrics"].items()}
        for name, (_, found) in _bundles("shapes2d").items()
    }
    return {
        "kind": quotes.__getitem__,
        "baseline": {row["title"]: quoted(row) for row in study["baselines"]}.__getitem__,
        "paper": PAPER,
        "at": lambda chart, who, pairs: band(study["curves"][chart][who], "pairs", pairs),
        "after": lambda who, steps: band(study["classifier"][who], "steps", steps),
        "cost_of_samples": _cost_of_samples(study["curves"]),
        "table": markdown(study),
        "long_table": _long_table(study["models"], served, measured),
        "grid_commands": [line for row in study["models"] for line in grid_commands(row)],
        "publish_commands": [
            *(train_command(n, c["training"]) for n, c in bundles.items() if c.get("betas")),
            *(publish_command(name, config) for name, config in bundles.items()),
        ],
    }


def _cost_of_samples(curves: dict[str, dict[str, Any]]) -> float:
    """The most, in points of a per cent, that sampling from q(z|x) costs in place of its mean."""
    return 100 * max(
        mean - sample
        for chart, lines in curves.items()
        if chart.startswith("samples")
        for who, line in lines.items()
        for mean, sample in zip(
            curves[chart.replace("samples", "means")][who]["mean"], line["mean"], strict=True
        )
    )


def _long_table(
    rows: list[dict[str, Any]], served: dict[str, str], measured: dict[str, dict[str, float]]
) -> str:
    """The runs that are longer than usual; the best of a column is bold. Where the seeds of a row
    were measured by an earlier protocol alone, the served one, of `measured`, stands for them."""
    rows = [row for row in rows if is_long(row)]
    found = [row["scores"] | row["validation"] for row in rows]
    for row, scores in zip(rows, found, strict=True):
        for name in BEFORE.keys() - scores.keys():
            found_there = measured.get(served.get(row_kind(row)), {})
            if name in found_there:
                scores[name] = spread([found_there[name]])
    best = {
        name: better(scores[name]["mean"] for scores in found if name in scores)
        for name, _, better in LONG
        if better
    }
    table = [["model", "seeds", *(heading for _, heading, _ in LONG), "served as"]]
    for row, scores in zip(rows, found, strict=True):
        cells = []
        for name, _, _ in LONG:
            text = marked(scores, name, _digits(name))
            alone = name in scores and len(scores[name]["values"]) < len(row["seeds"])
            best_of_all = name in scores and scores[name]["mean"] == best.get(name)
            text = f"{text} ‡" if alone else text
            cells.append(f"**{text}**" if best_of_all else text)
        bundled = served.get(row_kind(row))
        link = f"[`{bundled}`](../{bundled})" if bundled else "–"
        table.append([row["title"], str(len(row["seeds"])), *cells, link])
    return as_markdown(table)


def _digits(name: str) -> int:
    return 1 if name == "reconstruction" else DIGITS.get(name, 3)


def _faces(folder: Path) -> dict[str, Any]:
    """What celeba.md.jinja knows: see the dictionary."""
    table = [["model", "title", *(heading for _, heading in FACES)]]
    bundles = _bundles("celeba")
    for name, (config, metrics) in bundles.items():
        values = [f"{metrics['scores'][s]:.{DIGITS.get(s, 3)}f}" for s, _ in FACES]
        table.append([f"[`{name}`](../{name})", config["title"], *values])
    return {
        "table": as_markdown(table),
        "sharp": as_markdown(_sharp(bundles)),
        "commands": [
            line for name, (config, _) in bundles.items() for line in bundle_commands(name, config)
        ],
    }


def _sharp(bundles: dict[str, tuple[dict, dict]]) -> list[list[str]]:
    """A row a model that has a renderer: its pictures with the faces' own details; of some scores
    the model's own beside them."""
    rows = [["model", *(heading for _, heading, *_ in SHARP)]]
    for config, metrics in bundles.values():
        found = metrics.get("renderer", {}).get("scores")
        if found:
            rows.append([config["title"], *(_sharp_cell(found, *of) for of in SHARP)])
    return rows


def _sharp_cell(found: dict[str, float], score: str, _: str, digits: int, both: bool) -> str:
    own = f"{found[f'{score}_own']:.{digits}f}"
    return f"{found[f'{score}_plain']:.{digits}f} → {own}" if both else own


_KNOWN: dict[str, Callable[[Path], dict[str, Any]]] = {"shapes2d": _shapes, "celeba": _faces}
