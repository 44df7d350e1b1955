"""Interventional robustness score (Suter et al., "Robustly Disentangled Causal Mechanisms")."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Encoded, varies
from betavae.metrics.information import discretise

PICTURES = 10_000
QUANTILE = 0.99  # in place of the maximum, which one picture could decide


def irs(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """How little each latent moves, at most, when only other factors than its own change.

    For latent l and factor f: 1 - mean over values v of the 99 % quantile of |z_l - E[z_l | f = v]|
    over pictures with f = v, as a share of the largest |z_l - E[z_l]|; the best factor of each
    latent, averaged with that largest deviation as weight (section 4 there), so that a latent's
    scale counts. 10,000 pictures. Constant latents are left out; 0 if all are constant.

    v runs over a factor's own values, as in the paper. disentanglement_lib cuts the factors into 20
    bins first, which puts several of 40 turns together: that is `irs_dlib`, 0.001 to 0.007 lower on
    the served models. The tables and cards have this one.

    Parts: `matrix` (latents left, F), `latents` that are left, `per_latent`.
    """
    pool = encoded.train.first(PICTURES)
    return _score(pool.codes, pool.factors)


def irs_dlib(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """IRS as disentanglement_lib's code has it: each factor is cut into 20 bins of equal width."""
    pool = encoded.train.first(PICTURES)
    return _score(pool.codes, discretise(pool.factors.astype(float)))


def _score(codes: np.ndarray, factors: np.ndarray) -> dict[str, Any]:
    kept = np.flatnonzero(varies(codes))
    if not len(kept):
        return {"score": 0.0, "matrix": [], "latents": [], "per_latent": []}
    codes = codes[:, kept]
    largest = np.abs(codes - codes.mean(0)).max(0)
    matrix = np.zeros((len(kept), factors.shape[1]))
    for factor, column in enumerate(factors.T):
        values = np.unique(column)
        for value in values:
            group = codes[column == value]
            deviation = np.quantile(np.abs(group - group.mean(0)), QUANTILE, axis=0)
            matrix[:, factor] += deviation / len(values)
    matrix = 1 - matrix / largest[:, None]
    best = matrix.max(1)
    return {
        "score": float(np.average(best, weights=largest)),
        "per_latent": best.tolist(),
        "latents": kept.tolist(),
        "matrix": matrix.tolist(),
        "pictures": len(codes),
    }
