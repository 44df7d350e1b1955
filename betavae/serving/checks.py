"""What a visitor sends, checked: each refusal is one sentence that says what to do."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

LARGEST = 20.0  # a standard normal latent never comes near; beyond it decoders saturate
MOST_CODES = 64  # in one call


class Refused(ValueError):
    """The request cannot be served; the message is for the person who sent it."""


def model_name(value: Any, names: Collection[str]) -> str:
    """One of the served models."""
    if not isinstance(value, str) or value not in names:
        raise Refused(f"There is no such model here; choose one of: {', '.join(names)}.")
    return value


OUTPUTS = ("mean", "sample", "sharp")


def output(value: Any) -> str:
    """Which picture of a code is asked for: p(x|z)'s mean, a sample of it, or the renderer's."""
    if value not in OUTPUTS:
        raise Refused("The output must be 'mean', 'sample' or 'sharp'.")
    return value


def whole_number(value: Any, low: int, high: int, what: str) -> int:
    """An integer from `low` to `high`, both included; JSON's 3.0 is one too."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not good or not low <= value <= high:
        raise Refused(f"{what} must be a whole number from {low} to {high}.")
    return int(value)


def beta(value: Any, betas: tuple[float, float]) -> float:
    """One of those that a model of every β was trained for."""
    low, high = betas
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= high:  # false for NaN too
        raise Refused(f"β must be a number from {low:g} to {high:g}.")
    return float(value)


def codes(value: Any, latents: int) -> Tensor:
    """A code or a list of codes -> float (N, latents), N from 1 to MOST_CODES, all finite."""
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    if len(rows) > MOST_CODES:
        raise Refused(f"{len(rows)} codes are too many for one call; send at most {MOST_CODES}.")
    for row in rows:
        if not isinstance(row, list) or len(row) != latents:
            got = f"{len(row)} numbers" if isinstance(row, list) else "something else"
            raise Refused(f"A code of this model is a list of {latents} numbers, not {got}.")
        for number in row:
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise Refused("A code holds numbers only.")
            if not math.isfinite(number) or abs(number) > LARGEST:
                raise Refused(
                    f"Each latent must be finite and between -{LARGEST:g} and {LARGEST:g}."
                )
    return torch.tensor(rows, dtype=torch.float32)


def latents(value: Any, count: int) -> list[int]:
    """Some of a model's `count` latents by index, each at most once -> as they were sent."""
    if not isinstance(value, list) or len(value) > count:
        raise Refused(f"Send a list of at most {count} latents.")
    chosen = [whole_number(latent, 0, count - 1, "A latent") for latent in value]
    if len(set(chosen)) != len(chosen):
        raise Refused("Send each latent once.")
    return chosen


def locked(value: Any, sizes: dict[str, int]) -> dict[str, dict[int, float]]:
    """{model: {latent: value}} as JSON has it, the latents as text -> the same, checked.

    sizes  each model's number of latents
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > len(sizes):
        raise Refused("Send the locked latents of each model.")
    found: dict[str, dict[int, float]] = {}
    for name, kept in value.items():
        size = sizes[model_name(name, sizes)]
        if not isinstance(kept, dict) or len(kept) > size:
            raise Refused("Send the locked latents of each model.")
        if not all(isinstance(key, str) and key.isdecimal() and len(key) < 6 for key in kept):
            raise Refused("A locked latent is named by its number.")
        numbers = latents([int(latent) for latent in kept], size)
        values = codes(list(kept.values()), len(kept))[0].tolist() if kept else []
        found[name] = dict(zip(numbers, values, strict=True))
    return found
