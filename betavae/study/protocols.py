"""Scores whose protocol has changed since: what was measured before keeps a name of its own, so
that no table sets it beside what is measured now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# FactorVAE's: all latents voted, and groups were drawn with replacement. DCI's: boosted trees over
# histograms, by second-order gains.
BEFORE = {"factor-vae": "factor-vae-unpruned", "dci": "dci-histogram"}
TOLD_BY = {"factor-vae": "latents", "dci": "trees"}  # what only the present protocols' parts have
PARTS = ("completeness", "informativeness")  # of DCI, "dci-completeness" where scores are listed
NOTE = (
    "† By an earlier protocol, and not to be compared with a number without the mark: in the "
    "FactorVAE score silent latents voted too; DCI was of histogram trees."
)


def named(run: dict[str, Any]) -> dict[str, Any]:
    """A measured run, whose scores are named after the protocol that they were measured by."""
    earlier = [
        name for name, part in TOLD_BY.items() if part not in run["metrics"].get(name, {part: None})
    ]
    return run | {"metrics": _renamed(run["metrics"], earlier)}


def dated(study: dict[str, Any]) -> dict[str, Any]:
    """A study, whose scores are named after the protocol that they were measured by: one that does
    not say which has the earlier one's."""
    if "protocol" in study:
        return study
    rows = {
        part: [row | {"scores": _renamed(row["scores"])} for row in study[part]]
        for part in study.keys() & {"models", "baselines"}
    }
    return study | rows | {"sweep": [_renamed(point) for point in study.get("sweep", [])]}


def _renamed(scores: dict[str, Any], earlier: Iterable[str] = tuple(BEFORE)) -> dict[str, Any]:
    names = {name: BEFORE[name] for name in earlier}
    names |= {f"{old}-{part}": f"{new}-{part}" for old, new in names.items() for part in PARTS}
    return {names.get(name, name): score for name, score in scores.items()}
