"""The study and the served models as rows and points, and what they answer in one sentence each."""

from __future__ import annotations

from statistics import mean
from typing import Any

from betavae.metrics.direction import BETTER, with_arrow
from betavae.metrics.shapes import TITLES
from betavae.serving.lab.setup import TITLES as OBJECTIVES
from betavae.serving.studio import Studio
from betavae.study.kinds import is_long, is_plain, kind, pictures, row_kind, who
from betavae.study.summary import PAPER
from betavae.study.table import COLUMNS, marked
from betavae.ui.parts.scores import FACES as COMPARED

FACES = tuple(row for row in COMPARED if row[0] != "pca_psnr")  # score, heading, digits
VALIDATION = (("reconstruction", "−log p(x|z), nats", 1), ("kl", "KL, nats", 1))
PUBLISHED = {  # of the β-VAE metric with 4 factors: Higgins et al. (2017), Figure 6
    "β-VAE (β = 4), Higgins et al.": PAPER["beta-vae-beta4"] / 100,
    "VAE, Higgins et al.": PAPER["beta-vae-beta1"] / 100,
}


def columns(data: str) -> list[list[str]]:
    """[[score, heading with its arrow]] of the table of a data set."""
    if data == "celeba":
        return [[name, with_arrow(title, name)] for name, title, _ in FACES]
    shown = [*COLUMNS, *((name, title) for name, title, _ in VALIDATION)]
    return [[name, with_arrow(title, name)] for name, title in shown]


def rows(study: dict[str, Any], studio: Studio) -> list[dict[str, Any]]:
    """A row a kind of model of the study, a baseline, and a served model of faces: {"name", "data",
    "objective", "long", "served": its bundle's name or None, "cells": {score: [text, number]}}."""
    served = served_kinds(studio)
    found = [_study_row(row, served.get(row_kind(row))) for row in study["models"]]
    found += [_baseline(row) for row in study["baselines"]]
    return found + [_face_row(studio, name) for name in studio.names if _is_face(studio, name)]


def served_kinds(studio: Studio) -> dict[str, str]:
    """{kind of run: the served bundle of it}, of 2D shapes."""
    names = [name for name in studio.names if studio.data(name) == "shapes2d"]
    return {kind(studio.bundles[name].config["training"]): name for name in names}


def points(study: dict[str, Any], studio: Studio) -> list[dict[str, Any]]:
    """A point a run: {"name", "objective", "beta", "plain", "kl", "reconstruction", "served",
    "scores"}; `plain`: of the usual length, not grown, of the convolutional network."""
    kinds = {row_kind(row): row for row in study["models"]}
    served = {}
    for name in served_kinds(studio).values():
        training = studio.bundles[name].config["training"]
        served[f"{kind(training)}-seed{training['seed']}"] = name
    found = []
    for run in study["sweep"]:
        row = kinds.get(run["name"].rpartition("-seed")[0])
        if row is None:
            continue
        found.append(
            {
                "name": f"{who(row)}, seed {run['seed']}",
                "kind": who(row),
                "objective": run["objective"],
                "beta": run.get("beta"),
                "plain": is_plain(row) and row["architecture"] == "conv",
                "kl": round(run["kl"], 2),
                "reconstruction": round(run["reconstruction"], 2),
                "served": served.get(run["name"]),
                "scores": {k: round(run[k], 4) for k in TITLES if k in run and k in BETTER},
            }
        )
    return found


def scores_known(found: list[dict[str, Any]]) -> list[list[str]]:
    """[[score, title]] that every plain run has, MIG first."""
    plain = [point for point in found if point["plain"]]
    names = [n for n in TITLES if n in BETTER and all(n in point["scores"] for point in plain)]
    names = [n for n in names if n not in ("reconstruction",)]
    return [[name, TITLES[name]] for name in names]


def sentences(found: list[dict[str, Any]], score: str) -> dict[str, str]:
    """What the charts say by one score: {"beta": ..., "cost": ..., "which": ...}."""
    return {
        "beta": _by_beta(found, score),
        "cost": _cost(found),
        "which": _which(found, score),
    }


def _groups(found: list[dict[str, Any]], key: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for point in found:
        groups.setdefault(point[key], []).append(point)
    return groups


def _swept(found: list[dict[str, Any]]) -> dict[float, list[dict[str, Any]]]:
    chosen = [p for p in found if p["plain"] and p["objective"] in ("beta-vae", "vae")]
    groups = _groups([p for p in chosen if p["beta"] is not None], "beta")
    return dict(sorted(groups.items()))


def _by_beta(found: list[dict[str, Any]], score: str) -> str:
    means = {
        beta: mean(point["scores"][score] for point in group)
        for beta, group in _swept(found).items()
        if all(score in point["scores"] for point in group)
    }
    if len(means) < 2 or 1.0 not in means:
        return "The study has no runs of several β."
    best = max(means, key=means.get)
    low, high = means[1.0], means[best]
    if best <= 1:
        return f"By this score, no: no β above 1 has a higher mean than β = {best:g} ({high:.3f})."
    told = f"{TITLES[score]} goes from {low:.3f} at β = 1 to {high:.3f} at β = {best:g}"
    plain = [point["scores"][score] for point in _swept(found)[1.0]]
    width = max(plain) - min(plain)
    if high - low <= width:
        return f"By this score, hardly: {told}; the seeds of β = 1 alone lie {width:.3f} apart."
    four = f" The paper's β = 4 has {means[4.0]:.3f}." if 4.0 in means and best != 4.0 else ""
    return f"Yes: {told}.{four}"


def _cost(found: list[dict[str, Any]]) -> str:
    groups = _swept(found)
    if len(groups) < 2 or 1.0 not in groups:
        return "The study has no runs of several β."
    last = max(groups)
    rate, error = (
        [mean(point[name] for point in groups[beta]) for beta in (1.0, last)]
        for name in ("kl", "reconstruction")
    )
    return (
        f"Pictures: from β = 1 to β = {last:g} the code shrinks from {rate[0]:.1f} to "
        f"{rate[1]:.1f} nats, and the reconstruction error grows from {error[0]:.0f} to "
        f"{error[1]:.0f} nats."
    )


def _which(found: list[dict[str, Any]], score: str) -> str:
    known = [point for point in found if score in point["scores"]]
    best = {}
    for name, group in _groups(known, "kind").items():
        values = [point["scores"][score] for point in group]
        best[name] = (mean(values), min(values), max(values), len(values))
    several = {name: value for name, value in best.items() if value[3] > 1}
    if len(several) < 2:
        return "The study has too few seeds to say."
    order = sorted(several, key=lambda name: -several[name][0])
    first, second = order[:2]
    told = f"{first}: {several[first][0]:.3f} over {several[first][3]} seeds"
    if several[second][2] > several[first][1]:
        return f"{told}; but its seeds and those of {second} ({several[second][0]:.3f}) overlap."
    return f"{told}; the next, {second}, has {several[second][0]:.3f}."


def _study_row(row: dict[str, Any], served: str | None) -> dict[str, Any]:
    cells = {}
    for name, _ in COLUMNS:
        score = row["scores"].get(name)
        cells[name] = [marked(row["scores"], name), score["mean"] if score else None]
    for name, _, digits in VALIDATION:
        score = row["validation"][name]
        spread = f" ± {score['sd']:.{digits}f}" if len(score["values"]) > 1 else ""
        cells[name] = [f"{score['mean']:.{digits}f}{spread}", score["mean"]]
    return {
        "name": who(row),
        "data": "shapes2d",
        "objective": _objective(row),
        "pictures": pictures(row),
        "long": is_long(row),
        "seeds": len(row["seeds"]),
        "paper": row.get("paper"),
        "served": served,
        "cells": cells,
    }


def _objective(row: dict[str, Any]) -> str:
    if row["objective"] == "beta-vae" and row["settings"].get("beta") == 1:
        return OBJECTIVES["vae"]
    return OBJECTIVES[row["objective"]]


def _baseline(row: dict[str, Any]) -> dict[str, Any]:
    cells = {}
    for name, _ in COLUMNS:
        score = row["scores"].get(name)
        cells[name] = [marked(row["scores"], name), score["mean"] if score else None]
    return {
        "name": row["title"],
        "data": "shapes2d",
        "objective": "no training",
        "pictures": 0,
        "long": False,
        "seeds": len(row["seeds"]),
        "paper": row.get("paper"),
        "served": None,
        "cells": cells,
    }


def _is_face(studio: Studio, name: str) -> bool:
    return studio.data(name) == "celeba"


def _face_row(studio: Studio, name: str) -> dict[str, Any]:
    bundle = studio.bundles[name]
    scores = bundle.metrics["scores"]
    return {
        "name": studio.title(name),
        "data": "celeba",
        "objective": OBJECTIVES.get(bundle.config["training"]["objective"], ""),
        "pictures": pictures(bundle.config["training"]),
        "long": False,
        "seeds": 1,
        "paper": None,
        "served": name,
        "cells": {
            score: [f"{scores[score]:,.{digits}f}", scores[score]]
            for score, _, digits in FACES
            if score in scores
        },
    }
