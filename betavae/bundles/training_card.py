"""The part of a model card that says what a run's training had beside its objective."""

from __future__ import annotations

from typing import Any

from betavae.training.config import FALLS_FROM, config_from


def special_training(config: dict[str, Any]) -> str:
    """A bundle's configuration -> sentences, each after a space; "" where there is nothing."""
    training = config["training"]
    return f"{_beta_norm(config)}{_growth(training)}{_polar(config)}{_rotated(config)}"


def _beta_norm(config: dict[str, Any]) -> str:
    found = config.get("log_beta_norm")
    return "" if found is None else f" log β_norm = log(β·M/N) = {found}."


def _growth(training: dict[str, Any]) -> str:
    steps, falling = training.get("growth"), training.get("falling")
    if falling:
        return (
            f" In its first {falling:,} steps KL's weight fell from {FALLS_FROM:g} to the "
            "objective's (`betavae/training/growth.py`)."
        )
    if not steps:
        return ""
    (_, first), *later = config_from(training).fresh_starts.items()
    most = f"at most {first} of the unused latents" if first else "the unused latents"
    more = [f" At most {n} more started again at step {step:,}." for step, n in later]
    return (
        " Its code grew in parts (`betavae/training/growth.py`). It was first trained for "
        f"{steps:,} steps with the KL divergence alone, whose weight β fell to 1, and for "
        f"{steps:,} steps with the objective. Then {most} started again, with {steps:,} steps of "
        f"the KL divergence alone. The remaining steps had the objective.{''.join(more)}"
    )


def _polar(config: dict[str, Any]) -> str:
    if not config.get("polar"):
        return ""
    distance, angle = config["polar"]
    return (
        f" After step {config['training']['polar']:,}, latents z{distance} and z{angle}, which "
        "turned together, became polar coordinates: a distance, and an angle in radians "
        "(`betavae/model/polar.py`, `betavae/training/turning.py`)."
    )


def _rotated(config: dict[str, Any]) -> str:
    if "rotated" not in config:
        return ""
    of, rotations = config["rotated"]["of"], config["rotated"]["rotations"]
    best = "the one was taken that does this best."
    if config["rotated"]["attribute_latents"]:
        best = (
            "the one was taken whose latents track the most attributes in the training pictures: "
            "there labels do choose."
        )
    return (
        f" Then its code was rotated: it is the code of [`{of}`](../{of}) on other axes, and a "
        "posterior mean has the same picture as there (`betavae/model/rotation.py`). The axes were "
        "found without labels: each latent should change few places of the picture, and be near "
        f"one value for most pictures. Of {rotations} such rotations, {best}"
    )
