"""From a code function and a factor source to scores with their parts.

`evaluate(code_function, factor_source, names)` is all that most need. Each metric is a function of
the two pools of codes that one encoding pass gives, and of its own random generator, so that a
score depends on the seed and not on which other metrics are asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from betavae.metrics.beta_vae import beta_vae, beta_vae_paper
from betavae.metrics.codes import (
    CodeFunction,
    Codes,
    Encoded,
    FactorSource,
    Progress,
    encode,
    split,
)
from betavae.metrics.dci import dci, dci_forest
from betavae.metrics.factor_vae import factor_vae
from betavae.metrics.irs import irs
from betavae.metrics.mig import mig
from betavae.metrics.modularity import explicitness, modularity
from betavae.metrics.sap import sap

METRICS = {
    "beta-vae": beta_vae,
    "beta-vae-paper": beta_vae_paper,
    "factor-vae": factor_vae,
    "mig": mig,
    "dci": dci,
    "dci-forest": dci_forest,
    "sap": sap,
    "modularity": modularity,
    "explicitness": explicitness,
    "irs": irs,
}


def evaluate(
    code_function: CodeFunction,
    factor_source: FactorSource,
    names: Sequence[str] = tuple(METRICS),
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """{name: {"score": float, ...parts}} for each of `names`, by one encoding of 45,000 pictures.

    code_function  float pictures (N, C, 64, 64) in [0, 1] -> codes (N, L), array or tensor
    factor_source  anything with factor_sizes, sample_factors(n, generator), images(factors)
    progress       called with (share done, what is being done)
    Raises ValueError for an unknown name and for codes that are not finite.
    """
    _check(names)
    ahead = (lambda share, what: progress(share / 2, what)) if progress else None
    encoded = encode(code_function, factor_source, seed, progress=ahead)
    behind = (lambda share, what: progress((1 + share) / 2, what)) if progress else None
    return score(encoded, names, seed, behind)


def score(
    encoded: Encoded,
    names: Sequence[str] = tuple(METRICS),
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """`evaluate` on codes that are there already. Factors of one value are left out."""
    _check(names)
    results = {}
    for done, name in enumerate(names):
        if progress:
            progress(done / len(names), name)
        own = np.random.default_rng([seed, zlib.crc32(name.encode())])
        # The paper's protocol passes over the first factor, the shape, whatever it does.
        told = encoded.varying(keep=(0,) if name == "beta-vae-paper" else ())
        with threadpool_limits(1):  # thousands of tiny loops: threads would wait for each other
            results[name] = METRICS[name](told, own)
    return results


def _check(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(f"There is no metric {unknown[0]!r}; there are {', '.join(METRICS)}.")


__all__ = ["METRICS", "Codes", "Encoded", "encode", "evaluate", "score", "split"]
