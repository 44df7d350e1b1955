"""Every factor metric of a model of 2D shapes on few pictures: a look, not a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from betavae import metrics
from betavae.bundles.bundle import Bundle
from betavae.bundles.files import write_json
from betavae.data import Shapes2D

NAME = "quick.json"
TRAIN, TEST = 6_000, 3_000  # pictures; a fifth of the protocol's
ENCODING = 0.25  # of the time


def measure(bundle: Bundle, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Writes quick.json into the bundle's folder as it goes on, and yields what it then holds:

    done      the share of the work, from 0 to 1        now  what is being done
    scores    {metric: score} of those that are measured
    pictures  how many were encoded                     seed
    """
    known = {"pictures": TRAIN + TEST, "seed": seed}
    path, names = bundle.folder / NAME, list(metrics.METRICS)
    scores: dict[str, float] = {}

    def told(done: float, now: str) -> dict[str, Any]:
        found = {"done": round(done, 3), "now": now, "scores": dict(scores), **known}
        write_json(path, found)
        return found

    yield told(0.0, "encoding")
    encoded = metrics.encode(
        lambda images: bundle.vae.encode(images).mean, Shapes2D(split="all"), seed, TRAIN, TEST
    )
    for place, name in enumerate(names):
        yield told(ENCODING + (1 - ENCODING) * place / len(names), name)
        scores[name] = round(metrics.score(encoded, [name], seed)[name]["score"], 5)
    yield told(1.0, "")
