"""Which latents of two models show the same: correlated over the whole validation split.

A bundle stores the codes of a few hundred pictures only, and CelebA's pictures are nowhere in the
project: so the pairs are computed once, where the data is, and kept in weights/DATA-study/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from betavae.bundles import places
from betavae.bundles.bundle import Bundle, encode_all, pair_latents
from betavae.bundles.files import write_json

NAME = "matches.json"
Match = tuple[int, float]  # a latent of the other model, and its correlation


def matches(one: Bundle, other: Bundle, kept: dict[str, Any]) -> tuple[list[Match], int]:
    """For each latent of `one` the latent of `other` that varies with it, and over how many
    pictures that was found: the validation split, or else those whose codes both bundles store.

    kept  what `read` found
    """
    weights = kept.get("weights", {})
    same = all(weights.get(b.name) == b.config.get("weights_sha256", "") for b in (one, other))
    found = kept.get("matches", {}).get(one.name, {}).get(other.name)
    if same and isinstance(found, list) and len(found) == one.vae.latents:
        return [(int(latent), float(r)) for latent, r in found], kept["pictures"]
    return pair_latents(one.codes, other.codes), len(one.codes)


def read(data: str) -> dict[str, Any]:
    """What `write` kept for a data set under the first root that has it; {} where none can be read:
    then the stored codes must do."""
    for root in places.roots():
        try:
            kept = json.loads((root / f"{data}-study" / NAME).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(kept, dict) and isinstance(kept.get("pictures"), int):
            return kept
    return {}


def write(path: Path, bundles: Sequence[Bundle], validation) -> None:
    """Encode `validation` with each model and keep every pair's matches at `path`."""
    means = {bundle.name: encode_all(bundle.vae, validation)[0] for bundle in bundles}
    kept = {
        "pictures": len(validation),
        "weights": {bundle.name: bundle.config["weights_sha256"] for bundle in bundles},
        "matches": {
            one: {
                other: [[k, round(r, 3)] for k, r in pair_latents(means[one], means[other])]
                for other in means
                if other != one
            }
            for one in means
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, kept, compact=True)
