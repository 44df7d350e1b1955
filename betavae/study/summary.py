"""The scores of many runs -> the headline table, the curves and the sweep, as plain data."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from betavae import metrics
from betavae.machine.version import code_version
from betavae.metrics.baselines import BASELINES
from betavae.metrics.codes import Encoded
from betavae.metrics.curve import accuracy_against_pairs, accuracy_against_steps
from betavae.metrics.shapes import FACTOR_CHOICES, PROTOCOL
from betavae.metrics.udr import udr
from betavae.study.kinds import by_kind, is_long, is_plain, pictures, weighted, who
from betavae.study.protocols import BEFORE, PARTS
from betavae.study.score import CODES, read_runs
from betavae.training.checkpoints import CheckpointError
from betavae.training.config import TrainingConfig, fresh_rounds, log_beta_norm, title

# The paper's table (its Figure 6 left), per cent, and the earlier reproduction's.
PAPER = {
    "ground truth": 100.0,
    "beta-vae-beta4": 99.23,
    "PCA": 84.9,
    "beta-vae-beta1": 61.58,
    "raw pixels": 45.75,
    "untrained": 44.14,
    "ICA": 42.03,
}
EARLIER = {"beta-vae-beta1": 62.0, "beta-vae-beta4": 79.0}
HEADLINE = tuple(EARLIER)  # the two that the curves show, of each network
WIDE = (
    "beta-vae",
    "beta-vae-paper",
    "factor-vae",
    "irs",
)  # what 4,096 latents can be asked in time
SEEDED = ("ICA", "untrained")  # the others do not depend on a seed, or hardly
CRITERION = (
    "by agreement with the other seeds (UDR, Duan et al., ICLR 2020), among the half that "
    "reconstructs best"
)
VALIDATION = ("reconstruction", "kl", "psnr", "mse", "active_latents")


def summarise(runs: list[dict[str, Any]], baselines: dict[str, list[dict]]) -> dict[str, Any]:
    """All that the tables and plots need: see each part's function."""
    groups = by_kind(runs)
    return {
        "models": sorted((_model_row(group) for group in groups.values()), key=by_weight),
        "baselines": [baseline_row(name, found) for name, found in baselines.items()],
        "curves": _curves(groups, baselines),
        "classifier": _classifier(groups, baselines),
        "sweep": [_point(run) for run in runs if run["config"]["architecture"] == "conv"],
        "protocol": PROTOCOL,
        "code_version": code_version(),
    }


def measure_baselines(
    source,
    seeds: Iterable[int],
    progress=None,
    only: Iterable[str] = (),
    kept: Path | None = None,
) -> dict[str, list[dict]]:
    """Every baseline's metrics and curves; those that a seed changes, for each seed.

    only  these metrics, and no curves: for when the protocol of some has changed
    kept  the file that takes each result when it is there; what it holds is not measured again
    """
    results = json.loads(kept.read_bytes()) if kept and kept.is_file() else {}
    for name, make in BASELINES.items():
        varied = seeds if name in SEEDED else [0]
        found = results.setdefault(name, [])
        for seed in varied:
            if progress:
                progress(f"{name}, seed {seed}")
            if any(result["seed"] == seed for result in found):
                continue
            found.append(_measure(make(source, seed), seed, only))
            if kept:
                _write_json(results, kept)
    return results


def _measure(encoded: Encoded, seed: int, only: Iterable[str]) -> dict[str, Any]:
    """What `measure_baselines` finds of one."""
    names = WIDE if encoded.train.codes.shape[1] > 100 else tuple(metrics.METRICS)
    names = [name for name in names if not only or name in only]
    measured = {"seed": seed, "metrics": metrics.score(encoded, names, seed=0)}
    if only:
        return measured
    return measured | {
        "curves": {
            f"means, {label}": accuracy_against_pairs(encoded, factors, 0)
            for label, factors in FACTOR_CHOICES.items()
        },
        "classifier": accuracy_against_steps(encoded, FACTOR_CHOICES["4 factors"], 0),
    }


def _write_json(results: Any, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(results), encoding="utf-8")
    os.replace(part, path)


def choose_seed(runs: list[dict[str, Any]]) -> tuple[dict[str, Any], list[float]]:
    """The run whose latents the other seeds find too (UDR), and every run's UDR.

    It is one of the half that reconstructs best: seeds that stick in the same poor optimum find
    the same latents. Nothing of the factors goes into the choice, so the served model's scores are
    not picked.
    """
    codes = [load_file(Path(run["folder"]) / CODES) for run in runs]
    scores = udr([c["means"] for c in codes], [c["kl"] for c in codes])
    losses = [run["validation"]["reconstruction"] for run in runs]
    allowed = sorted(losses)[(len(runs) - 1) // 2]
    able = [k for k, loss in enumerate(losses) if loss <= allowed]
    return runs[max(able, key=scores.__getitem__)], scores


def choose_run(source: Path) -> tuple[Path, dict[str, Any] | None]:
    """A run folder as it is; or, of all folders SOURCE-seed*, the one that `choose_seed` takes and
    how it was taken. Raises CheckpointError where there is neither."""
    if source.is_dir():
        return source, None
    runs = [
        run for run in read_runs(source.parent) if run["name"].startswith(f"{source.name}-seed")
    ]
    if len(runs) < 3:
        raise CheckpointError(
            f"{source} is not a run folder. To choose among seeds, three or more measured folders "
            f"{source}-seed* are needed; there are {len(runs)}."
        )
    best, scores = choose_seed(runs)
    found = {run["config"]["seed"]: round(s, 4) for run, s in zip(runs, scores, strict=True)}
    return best["folder"], {"criterion": CRITERION, "udr": found}


def spread(values: list[float]) -> dict[str, Any]:
    """Mean, standard deviation over seeds, and the paper's mean of the better half."""
    array = np.array(values, float)
    half = np.sort(array)[len(array) // 2 :]
    return {
        "mean": float(array.mean()),
        "sd": float(array.std(ddof=1)) if len(array) > 1 else 0.0,
        "top_half": float(half.mean()),
        "values": [round(float(v), 5) for v in array],
    }


def by_weight(row: dict[str, Any]) -> tuple:
    """Sorts rows by network, the paper's objective first, the weights' numbers (4 before 16),
    length and growth."""
    other = row["objective"] not in ("vae", "beta-vae")
    weights = tuple(row["settings"].values())
    grown = row.get("growth", 0)  # earlier studies do not say
    order = row["architecture"], other, row["objective"], weights
    return *order, pictures(row), grown, fresh_rounds(row), row.get("polar", 0)


def _model_row(group: list[dict[str, Any]]) -> dict[str, Any]:
    config = group[0]["config"]
    objective, plain = weighted(config), is_plain(config)
    scores = {
        name: spread([run["metrics"][name]["score"] for run in group])
        for name in (*metrics.METRICS, *BEFORE.values())
        if all(name in run["metrics"] for run in group)  # earlier runs lack the newest
    }
    for trees in scores.keys() & {"dci", BEFORE["dci"]}:
        for part in PARTS:
            scores[f"{trees}-{part}"] = spread([run["metrics"][trees][part] for run in group])
    row = {
        "architecture": config["architecture"],
        "kind": objective,
        "title": title(config),
        "objective": config["objective"],
        "settings": config["objective_settings"],
        "seeds": [run["config"]["seed"] for run in group],
        "steps": config["steps"],
        "batch_size": config["batch_size"],
        "optimiser": config["optimiser"],
        "learning_rate": config["learning_rate"],
        "warm_up": config["warm_up"],
        "decay": config["decay"],
        "precision": config["precision"],
        "growth": config.get("growth", 0),
        "fresh_latents": fresh_rounds(config),
        "polar": config.get("polar", 0),
        "code_version": group[0]["code_version"],
        "minutes": float(np.mean([run["seconds"] for run in group]) / 60),
        "paper": PAPER.get(objective) if plain else None,
        "earlier": EARLIER.get(objective) if plain else None,
        "scores": scores,
        "validation": {
            name: spread([run["validation"][name] for run in group]) for name in VALIDATION
        },
    }
    if len(group) > 2 and all(run["folder"] for run in group):  # a bundle keeps other codes
        best, scores = choose_seed(group)
        row |= {"udr": [round(s, 4) for s in scores], "chosen_seed": best["config"]["seed"]}
    return row


def baseline_row(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    measured = [m for m in found[0]["metrics"] if all(m in r["metrics"] for r in found)]
    return {
        "title": name,
        "seeds": [result["seed"] for result in found],
        "paper": PAPER.get(name),
        "scores": {m: spread([r["metrics"][m]["score"] for r in found]) for m in measured},
    }


def _curves(groups, baselines) -> dict[str, dict[str, dict[str, list[float]]]]:
    """{"means, 4 factors": {who: {"pairs", "mean", "low", "high"}}}: bands are the extremes."""
    return _bands(groups, baselines, "curves", "pairs")


def _classifier(groups, baselines) -> dict[str, dict[str, list[float]]]:
    """{who: {"steps", "mean", "low", "high"}} for L = 64, four factors, posterior means."""
    everyone = _everyone(groups, baselines)
    return {name: _band([r["classifier"] for r in found], "steps") for name, found in everyone}


def _bands(groups, baselines, part: str, axis: str) -> dict[str, dict[str, Any]]:
    everyone = _everyone(groups, baselines)
    charts: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, found in everyone:
        for chart in found[0][part]:
            charts[chart][name] = _band([result[part][chart] for result in found], axis)
    return dict(charts)


def _everyone(groups, baselines) -> list[tuple[str, list[dict[str, Any]]]]:
    """What the curves show: the headline's objectives and the baselines."""
    shown = []
    for _, group in sorted(groups.items()):
        config = group[0]["config"]
        if weighted(config) in HEADLINE and is_plain(config):
            shown.append((who({**config, "title": title(config)}), group))
    return [*shown, *baselines.items()]


def _band(curves: list[list[dict[str, Any]]], axis: str) -> dict[str, list[float]]:
    accuracy = np.array([[row["accuracy"] for row in curve] for curve in curves])
    return {
        axis: [row[axis] for row in curves[0]],
        "mean": accuracy.mean(0).round(5).tolist(),
        "low": accuracy.min(0).round(5).tolist(),
        "high": accuracy.max(0).round(5).tolist(),
    }


def _point(run: dict[str, Any]) -> dict[str, Any]:
    """One model of the rate-distortion plane and of the sweep over β."""
    config = TrainingConfig(**run["config"])
    point = {
        "name": run["name"],
        "objective": config.objective,
        "seed": config.seed,
        "pictures": pictures(run["config"]),
        **{name: run["validation"][name] for name in VALIDATION},
        **{name: found["score"] for name, found in run["metrics"].items()},
    }
    beta_norm = log_beta_norm(config)
    if beta_norm is not None and not is_long(run["config"]):  # a sweep is of equal runs
        beta = config.objective_settings.get("beta", 1.0)
        point |= {"beta": beta, "log_beta_norm": beta_norm}
    return point


def write(summary: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.json"
    path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
