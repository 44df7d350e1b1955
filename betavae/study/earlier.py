"""A study goes on elsewhere: what this machine's runs say, added to what an earlier study says."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.study.kinds import by_kind, row_kind, who
from betavae.study.protocols import BEFORE
from betavae.study.summary import baseline_row, by_weight, spread, summarise

# Where these differ it is another training; the rows of old studies lack the last two.
ALIKE = ("steps", "batch_size", "optimiser", "learning_rate", "warm_up", "decay")


def added(
    runs: list[dict[str, Any]], baselines: dict[str, list[dict]], earlier: dict[str, Any]
) -> dict[str, Any]:
    """The summary of `runs` and `baselines`, with all that `earlier` has and they lack.

    Of a kind of model, such as conv-beta-vae-beta4, new seeds join those of the earlier study; a
    seed of both keeps its earlier scores. They replace them if all of them are here again, or if
    the kind was trained otherwise; runs longer than usual are a kind of their own. Each row names
    the code versions it was measured by. Which seed is to be served is known only where all were
    measured at once: choosing needs their codes.
    """
    rows = {row_kind(row): row for row in earlier["models"]}
    joined, fresh = {}, []
    for kind, group in by_kind(runs).items():
        row = rows.get(kind)
        if row is None or _replaces(group, row):
            fresh += group
            continue
        joined[kind] = row
        fresh += [run for run in group if run["config"]["seed"] not in row["seeds"]]
    whole = {name: found for name, found in baselines.items() if _has_curves(found)}
    summary = summarise(fresh, whole)
    here = {row_kind(row): row for row in summary["models"]}
    dated = {
        kind: {"code_version": earlier["code_version"], **row}  # old studies have one for all
        for kind, row in rows.items()
    }
    models = dated | {
        kind: _joined_row(dated[kind], row) if kind in joined else row for kind, row in here.items()
    }
    replaced = {kind for kind in here if kind not in joined}
    seeds = {
        who(row): (len(rows[kind]["seeds"]), len(row["seeds"]))
        for kind, row in here.items()
        if kind in joined
    }
    return summary | {
        "models": sorted(models.values(), key=by_weight),
        "baselines": _joined_baselines(earlier["baselines"], baselines),
        "curves": {
            chart: _joined_chart(
                earlier["curves"].get(chart, {}), summary["curves"].get(chart, {}), seeds
            )
            for chart in {**earlier["curves"], **summary["curves"]}
        },
        "classifier": _joined_chart(earlier["classifier"], summary["classifier"], seeds),
        "sweep": [
            *(p for p in earlier["sweep"] if p["name"].rpartition("-seed")[0] not in replaced),
            *summary["sweep"],
        ],
    }


def _joined_baselines(
    earlier: list[dict[str, Any]], baselines: dict[str, list[dict]]
) -> list[dict[str, Any]]:
    """The earlier rows, those of `baselines` in their place; of those that were measured without
    curves the scores alone, beside the others."""
    rows = {row["title"]: row for row in earlier}
    for name, found in baselines.items():
        row = baseline_row(name, found)
        if not _has_curves(found) and name in rows:
            if row["seeds"] != rows[name]["seeds"]:
                raise ValueError(f"The study has {name} of the seeds {rows[name]['seeds']}.")
            before = [BEFORE.get(metric) for metric in row["scores"]]
            kept = {m: s for m, s in rows[name]["scores"].items() if m not in before}
            row = rows[name] | {"scores": kept | row["scores"]}
        rows[name] = row
    return list(rows.values())


def _has_curves(found: list[dict[str, Any]]) -> bool:
    return all("curves" in result for result in found)


def _replaces(group: list[dict[str, Any]], row: dict[str, Any]) -> bool:
    config = group[0]["config"]
    again = {run["config"]["seed"] for run in group} >= set(row["seeds"])
    return again or any(config[name] != row.get(name, config[name]) for name in ALIKE)


def _joined_row(earlier: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """One row for the seeds of both."""
    seeds = [*earlier["seeds"], *row["seeds"]]
    order = np.argsort(seeds)

    def spreads(part: str) -> dict[str, dict[str, Any]]:
        both = {
            name: np.array([*found["values"], *row[part][name]["values"]])[order]
            for name, found in earlier[part].items()
            if name in row[part]
        }
        return {name: spread(values.tolist()) for name, values in both.items()}

    total = sum(len(r["seeds"]) * r["minutes"] for r in (earlier, row))
    unknown = {"udr", "chosen_seed"}
    return {name: value for name, value in row.items() if name not in unknown} | {
        "seeds": [seeds[i] for i in order],
        "code_version": _versions(earlier) + _versions(row),
        "minutes": total / len(seeds),
        "scores": spreads("scores"),
        "validation": spreads("validation"),
    }


def _versions(row: dict[str, Any]) -> list[Any]:
    version = row["code_version"]
    return version if isinstance(version, list) else [version]


def _joined_chart(
    earlier: dict[str, Any], chart: dict[str, Any], seeds: dict[str, tuple[int, int]]
) -> dict[str, Any]:
    """{who: band}; for those whose `seeds` (there, here) are given, the band of both."""
    bands = earlier | chart
    for name in seeds.keys() & earlier.keys() & chart.keys():
        old, new = earlier[name], chart[name]
        bands[name] = new | {
            "mean": np.average([old["mean"], new["mean"]], 0, seeds[name]).round(5).tolist(),
            "low": np.minimum(old["low"], new["low"]).tolist(),
            "high": np.maximum(old["high"], new["high"]).tolist(),
        }
    return bands
