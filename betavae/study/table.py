"""The headline table: models, baselines and the paper's figures, for a terminal or for Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from betavae.bundles import bundle, places
from betavae.study.kinds import who

COLUMNS = (  # score, heading
    ("beta-vae-paper", "β-VAE metric, 4 factors"),
    ("beta-vae", "β-VAE metric, 5 factors"),
    ("factor-vae", "FactorVAE"),
    ("mig", "MIG"),
    ("dci", "DCI"),
    ("sap", "SAP"),
    ("modularity", "Modularity"),
    ("explicitness", "Explicitness"),
    ("irs", "IRS"),
)
PER_CENT = ("beta-vae-paper", "beta-vae")


def study_folder() -> Path:
    """Where the study is kept, beside the bundles: under the first root that has one."""
    folders = [root / "shapes2d-study" for root in places.roots()]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def read_study(folder: Path | None = None) -> dict[str, Any]:
    """The study.json of `folder`, by default of weights/shapes2d-study. Raises BundleError, in one
    sentence, without it."""
    path = (folder or study_folder()) / "study.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise bundle.BundleError(
            f"{path} cannot be read ({error}); `python -m betavae study` makes it."
        ) from error


def rows(study: dict[str, Any]) -> list[list[str]]:
    """The headings, then a row a model and a baseline, as text."""
    table = [["", "seeds", "paper", *(heading for _, heading in COLUMNS)]]
    for model in study["models"]:
        table.append(_row(who(model), model))
    return [*table, *(_row(baseline["title"], baseline) for baseline in study["baselines"])]


def markdown(study: dict[str, Any]) -> str:
    """The table for a report."""
    return as_markdown(rows(study))


def as_markdown(table: list[list[str]]) -> str:
    """A head and its rows as a table of Markdown."""
    head, *body = table
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_text(study: dict[str, Any]) -> str:
    """The table for a terminal."""
    table = rows(study)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(z))
        for z in (list(zip(row, widths, strict=True)) for row in table)
    )


def _row(title: str, found: dict[str, Any]) -> list[str]:
    paper = f"{found['paper']:.2f}" if found.get("paper") else "–"
    cells = [cell(found["scores"].get(name), name in PER_CENT) for name, _ in COLUMNS]
    return [title, str(len(found["seeds"])), paper, *cells]


def cell(score: dict[str, Any] | None, per_cent: bool, digits: int | None = None) -> str:
    """Mean ± standard deviation over seeds, and in brackets the mean of the better half."""
    if score is None:
        return "–"
    scale, usual = (100, 1) if per_cent else (1, 3)
    digits = usual if digits is None else digits
    text = f"{score['mean'] * scale:.{digits}f}"
    if len(score["values"]) == 1:
        return text
    half = f" ({score['top_half'] * scale:.{digits}f})" if per_cent else ""
    return f"{text} ± {score['sd'] * scale:.{digits}f}{half}"
