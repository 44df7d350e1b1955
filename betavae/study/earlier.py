"""A study goes on elsewhere: what this machine's runs say, added to what an earlier study says."""

from __future__ import annotations

from typing import Any

from betavae.study.summary import by_weight


def added(summary: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """`summary`, with all that `earlier` has of models and baselines that `summary` lacks.

    A kind of model, such as conv-beta-vae-beta4, is measured anew or kept as it is: seeds of two
    studies are not mixed. Each kept row names the code version it was measured by.
    """
    measured = {_kind(row) for row in summary["models"]}
    kept = [
        {"code_version": earlier["code_version"], **row}
        for row in earlier["models"]
        if _kind(row) not in measured
    ]
    titles = {row["title"] for row in summary["baselines"]}
    points = [p for p in earlier["sweep"] if p["name"].rpartition("-seed")[0] not in measured]
    return summary | {
        "models": sorted([*kept, *summary["models"]], key=by_weight),
        "baselines": [
            *(row for row in earlier["baselines"] if row["title"] not in titles),
            *summary["baselines"],
        ],
        "curves": {
            chart: earlier["curves"].get(chart, {}) | summary["curves"].get(chart, {})
            for chart in {**earlier["curves"], **summary["curves"]}
        },
        "classifier": earlier["classifier"] | summary["classifier"],
        "sweep": [*points, *summary["sweep"]],
    }


def _kind(row: dict[str, Any]) -> str:
    return f"{row['architecture']}-{row['kind']}"
