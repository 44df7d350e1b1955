"""A bundle of every β beside those trained for one β each: measured alike, and told in its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from betavae.bundles import places
from betavae.metrics.rates import NAMED, evaluate_rates, rate_point
from betavae.model import VAE, MultiRateVAE

ALIKE = ("data", "architecture", "latents", "likelihood", "channels")


def measure_rates(
    dial: MultiRateVAE, config: dict[str, Any], training, validation, seed: int
) -> dict:
    """For metrics.json: the points along β, and those of the bundles here that were trained for
    one β with the same architecture on the same data: {"name", "steps", "batch_size", ...}."""
    source = training if hasattr(training, "factor_sizes") else None
    found = evaluate_rates(dial.at, dial.betas, validation, seed, source)
    single = []
    for folder, beta, other in comparable(config):
        point = rate_point(VAE.from_pretrained(folder), beta, validation, seed)
        beside = rate_point(dial.at(beta), beta, validation, seed)
        single.append(
            {
                "name": folder.name,
                "steps": other["training"]["steps_done"],
                "batch_size": other["training"]["batch_size"],
                **point,
                "dial": beside,
            }
        )
    return {**found, "single": single}


def comparable(config: dict[str, Any]) -> list[tuple[Path, float, dict[str, Any]]]:
    """(folder, β, config) of the bundles to compare with, from the smallest β."""
    low, high = config["betas"]
    found = []
    for folder in places.found():
        other = json.loads((folder / "config.json").read_bytes())
        training = other.get("training", {})
        same = all(training.get(key) == config["training"].get(key) for key in ALIKE)
        pictures = ("validation_pictures", "crop")
        same = same and all(other["data"].get(k) == config["data"].get(k) for k in pictures)
        same = same and "rotated" not in other  # the code of one that is here
        if not same or any(training.get(key) for key in ("betas", "growth", "falling")):
            continue
        if training["objective"] not in ("vae", "beta-vae"):
            continue
        beta = training["objective_settings"].get("beta", 1.0)
        if low <= beta <= high:
            found.append((folder, beta, other))
    return sorted(found, key=lambda each: (each[1], each[0].name))


def rates_part(config: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    """Lines of Markdown; none for a bundle of one β."""
    if "rates" not in metrics or not config.get("betas"):
        return []
    rates, (low, high) = metrics["rates"], config["betas"]
    scored = "mig" in rates["points"][0]
    lines = [
        "",
        "## One network for every β",
        "",
        f"β may be anything from {low:g} to {high:g} (Bae et al., ICLR 2023). What this card says "
        f"of latents and scores is measured at β = {config['beta']:g}; along β:",
        "",
        "| β | KL, nats | active latents | PSNR of means, dB | PSNR of samples, dB |"
        + (" MIG | β-VAE metric, 5 factors |" if scored else ""),
        "|---|---|---|---|---|" + ("---|---|" if scored else ""),
    ]
    shown = {low, high, *NAMED}
    for point in rates["points"]:
        if point["beta"] in shown:
            lines.append(
                f"| {point['beta']:g} | {point['kl']:.1f} | {point['active_latents']} | "
                f"{point['psnr_mean']:.2f} | {point['psnr_sample']:.2f} |"
                + (f" {point['mig']:.3f} | {100 * point['beta-vae']:.1f} % |" if scored else "")
            )
    return [
        *lines,
        *_beside(rates),
        "",
        f"Protocol: {rates['protocol']}; seed {rates['seed']}.",
    ]


def difference(one: dict[str, Any]) -> dict[str, float]:
    """How far the network for every β is from `one` of "single", in per cent; loss in nats."""
    dial, names = one["dial"], ("kl", "mse_mean", "mse_sample")
    shares = {name: 100 * (dial[name] / one[name] - 1) for name in names}
    return {**shares, "loss": dial["loss"] - one["loss"]}


def _beside(rates: dict[str, Any]) -> list[str]:
    if not rates["single"]:
        return []
    lines = [
        "",
        "Beside models that were trained for one β (MSE: mean squared error over pixels in "
        "[0, 1]; loss: what both were trained to lower, in nats):",
        "",
        "| β | model | steps | KL, nats | active | MSE of means | MSE of samples | loss |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for other in rates["single"]:
        own, off = other["dial"], difference(other)
        lines += [
            f"| {other['beta']:g} | `{other['name']}` | {other['steps']:,} of "
            f"{other['batch_size']} | {_figures(other)} |",
            f"| {other['beta']:g} | this one | | {_figures(own)} |",
            f"| | difference | | {off['kl']:+.1f}% | "
            f"{own['active_latents'] - other['active_latents']:+d} | "
            f"{off['mse_mean']:+.1f}% | {off['mse_sample']:+.1f}% | {off['loss']:+.0f} |",
        ]
    return lines


def _figures(point: dict[str, Any]) -> str:
    return (
        f"{point['kl']:.1f} | {point['active_latents']} | {point['mse_mean']:.5f} | "
        f"{point['mse_sample']:.5f} | {point['loss']:,.0f}"
    )
