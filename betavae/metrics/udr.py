"""Unsupervised disentanglement ranking: which of several seeds to serve, without any factor.

Duan et al., "Unsupervised Model Selection for Variational Disentangled Representation Learning",
ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

INFORMATIVE_NATS = 0.01  # mean KL below which a latent is left out, as published


def udr(means: Sequence[np.ndarray], kls: Sequence[np.ndarray]) -> list[float]:
    """How well each model's latents match those of the other models one to one, in [0, 1].

    means  per model, posterior means (N, L) of the same N pictures
    kls    per model, mean KL (L,) of each latent, in nats
    A latent that two trainings from different seeds find alike is likely to be a real factor: for
    each pair of models R is the absolute Spearman correlation of their latents, and the pair's
    value is the mean over informative latents, of both, of r² / ΣR (equation 2 there). A model's
    score is the median over its pairs.
    """
    from scipy.stats import rankdata

    ranked = [rankdata(m, axis=0) for m in means]
    values = np.zeros((len(means), len(means)))
    for i in range(len(means)):
        for j in range(i):
            values[i, j] = values[j, i] = _match(ranked[i], ranked[j], kls[i], kls[j])
    return [float(np.median(np.delete(row, i))) for i, row in enumerate(values)]


def _match(one: np.ndarray, other: np.ndarray, kl_one: np.ndarray, kl_other: np.ndarray) -> float:
    kept_one, kept_other = kl_one > INFORMATIVE_NATS, kl_other > INFORMATIVE_NATS
    if not kept_one.any() or not kept_other.any():
        return 0.0
    a, b = (_standardised(r) for r in (one[:, kept_one], other[:, kept_other]))
    matrix = np.abs(a.T @ b) / len(a)
    shares = [(m.max(0) ** 2 / np.maximum(m.sum(0), 1e-12)).sum() for m in (matrix, matrix.T)]
    return float(sum(shares) / sum(matrix.shape))


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(0)
    return centred / np.maximum(centred.std(0), 1e-12)
