"""What a study takes for one kind of model: the runs that only their seeds tell apart."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from betavae.training.config import fresh_rounds

USUAL = 256_000  # pictures seen in a run of the study; a longer run is another kind of model
PARTS = (  # of a kind's name: see `who`
    "How to read a name: *conv* or *mlp* is the network, convolutional or fully connected. *1.28 "
    f"M pictures*: trained on 1.28 million pictures, not on {USUAL:,}. *Grown*: the model first "
    "learns a few latents, then its unused latents start again. *Grown by 1, then 6*: one of them "
    "starts again, later six more. *Parts of 3,000*: each part of this growth takes 3,000 steps. "
    "*With an angle*: two latents that turned together became a distance and an angle."
)


def by_kind(runs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """{"conv-beta-vae-beta4": its runs}."""
    groups = defaultdict(list)
    for run in runs:
        groups[kind(run["config"])].append(run)
    return dict(groups)


def kind(config: dict[str, Any]) -> str:
    """Network, objective, its settings, how it grew if it did, and the length of longer runs:
    "conv-beta-vae-beta4", "conv-beta-vae-beta4-growth3000-1280k" for 1,280,000 pictures."""
    parts = [config["architecture"], weighted(config)]
    if config.get("betas"):
        parts.append("betas" + "-".join(f"{beta:g}" for beta in config["betas"]))
    if config.get("growth"):
        parts.append(f"growth{config['growth']}")
    if config.get("falling"):
        parts.append(f"falling{config['falling']}")
    if fresh_rounds(config):
        parts.append("fresh" + "-".join(map(str, fresh_rounds(config))))
    if config.get("polar"):
        parts.append(f"polar{config['polar']}")
    if is_long(config):
        parts.append(f"{pictures(config) / 1000:.0f}k")
    return "-".join(parts)


def weighted(config: dict[str, Any]) -> str:
    """The objective with its settings, such as "beta-vae-beta4"."""
    settings = [f"{name}{value:g}" for name, value in config["objective_settings"].items()]
    return "-".join([config["objective"], *settings])


def who(row: dict[str, Any]) -> str:
    """A kind's name in the table and in the curves, such as "VAE (β = 1), conv"; `row` has its
    "title", "architecture", "steps" and "batch_size"."""
    parts = [row["title"], row["architecture"]]
    if row.get("growth"):
        parts.append(f"parts of {row['growth']:,}")
    if is_long(row):
        parts.append(f"{pictures(row) / 1e6:.3g} M pictures")
    return ", ".join(parts)


def named_chart(chart: str) -> str:
    """For people: "means, 4 factors" -> "posterior means, 4 factors"."""
    code, _, factors = chart.partition(", ")
    named = {"means": "posterior means", "samples": "samples of the posterior"}
    return f"{named.get(code, code)}, {factors}"


def row_kind(row: dict[str, Any]) -> str:
    """`kind` of what a row of the study is about."""
    config = {**row, "objective_settings": row["settings"]}
    return kind(config)


def pictures(config: dict[str, Any]) -> int:
    """How many pictures a run, or those of a row, saw, each as often as it came."""
    return config["steps"] * config["batch_size"]


def is_plain(config: dict[str, Any]) -> bool:
    """Neither longer than usual nor grown: what the paper's figures and the curves are about."""
    return not (is_long(config) or config.get("growth"))


def is_long(config: dict[str, Any]) -> bool:
    return pictures(config) > USUAL
