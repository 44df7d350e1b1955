"""Interventional robustness score (Suter et al., "Robustly Disentangled Causal Mechanisms")."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Encoded

PICTURES = 10_000
QUANTILE = 0.99  # in place of the maximum, which one picture could decide


def irs(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """How little each latent moves, at most, when only other factors than its own change.

    For latent l and factor f: 1 - mean over values v of the 99 % quantile of |z_l - E[z_l | f = v]|
    over pictures with f = v, as a share of the largest |z_l - E[z_l]|; the best factor of each
    latent, averaged with that largest deviation as weight (section 4 there, and
    disentanglement_lib), so that a latent's scale counts. 10,000 pictures. Constant latents are
    left out; 0 if all are constant.

    Parts: `matrix` (latents left, F), `latents` that are left, `per_latent`.
    """
    pool = encoded.train.first(PICTURES)
    kept = np.flatnonzero(pool.codes.std(0) > 1e-12)
    if not len(kept):
        return {"score": 0.0, "matrix": [], "latents": [], "per_latent": []}
    codes = pool.codes[:, kept]
    largest = np.abs(codes - codes.mean(0)).max(0)
    matrix = np.zeros((len(kept), len(encoded.sizes)))
    for factor in range(len(encoded.sizes)):
        values = np.unique(pool.factors[:, factor])
        for value in values:
            group = codes[pool.factors[:, factor] == value]
            deviation = np.quantile(np.abs(group - group.mean(0)), QUANTILE, axis=0)
            matrix[:, factor] += deviation / len(values)
    matrix = 1 - matrix / largest[:, None]
    best = matrix.max(1)
    return {
        "score": float(np.average(best, weights=largest)),
        "per_latent": best.tolist(),
        "latents": kept.tolist(),
        "matrix": matrix.tolist(),
        "pictures": len(pool),
    }
