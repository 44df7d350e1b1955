"""The FactorVAE score (Kim & Mnih, "Disentangling by Factorising", ICML 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Alike, Codes, Encoded

TRAIN, TEST, GROUP = 10_000, 5_000, 64


def factor_vae(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Accuracy of a majority vote that tells which factor was held fixed (section 4.1 there).

    A point: 64 pictures that share one factor's value; the latent whose variance over them,
    relative to its variance over all, is smallest votes. 10,000 points decide which factor each
    latent stands for, 5,000 others are counted. Constant latents have no vote; 0 if all are.

    Parts: `votes` (L, F) of the first points, `confusion` (F, F) of the second (true, voted).
    """
    variance = encoded.train.codes.var(0)
    kept = np.flatnonzero(variance > 1e-12)
    factors = len(encoded.sizes)
    votes = np.zeros((len(variance), factors), int)
    if not len(kept):
        return {"score": 0.0, "votes": votes.tolist(), "confusion": []}
    fixed, latent = _votes(encoded.train, encoded.sizes, kept, variance, TRAIN, generator)
    np.add.at(votes, (latent, fixed), 1)
    voted = votes.argmax(1)
    fixed, latent = _votes(encoded.test, encoded.sizes, kept, variance, TEST, generator)
    confusion = np.zeros((factors, factors), int)
    np.add.at(confusion, (fixed, voted[latent]), 1)
    return {
        "score": float(np.trace(confusion) / confusion.sum()),
        "votes": votes.tolist(),
        "confusion": confusion.tolist(),
        "points": [TRAIN, TEST],
        "group": GROUP,
    }


def _votes(pool: Codes, sizes, kept, variance, points: int, generator: np.random.Generator):
    """The factor that was fixed and the latent that varied least, both (points,)."""
    fixed = generator.integers(len(sizes), size=points)
    latent = np.empty(points, int)
    for factor, size in enumerate(sizes):
        rows = np.flatnonzero(fixed == factor)
        first = generator.integers(len(pool), size=len(rows))
        groups = Alike(pool, factor, size).partners(
            np.broadcast_to(first[:, None], (len(rows), GROUP)), generator
        )
        spread = pool.codes[:, kept][groups].var(1, ddof=1) / variance[kept]
        latent[rows] = kept[spread.argmin(1)]
    return fixed, latent
