"""Scores whose protocol has changed since: what was measured before keeps a name of its own, so
that no table sets it beside what is measured now."""

from __future__ import annotations

from typing import Any

# FactorVAE's: all latents voted, and groups were drawn with replacement. DCI's: boosted trees over
# histograms, by second-order gains.
BEFORE = {"factor-vae": "factor-vae-unpruned", "dci": "dci-histogram"}
PARTS = ("completeness", "informativeness")  # of DCI, "dci-completeness" where scores are listed
NOTE = (
    "† By an earlier protocol, and not to be compared with a number without the mark: in the "
    "FactorVAE score silent latents voted too; DCI was of histogram trees."
)


def named(run: dict[str, Any]) -> dict[str, Any]:
    """A measured run, whose scores are named after the protocol that they were measured by."""
    measured = run["metrics"]
    if "latents" in measured.get("factor-vae", {"latents": []}):  # those that vote
        return run
    return run | {"metrics": {BEFORE.get(name, name): parts for name, parts in measured.items()}}
