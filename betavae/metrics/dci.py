"""Disentanglement, completeness, informativeness (Eastwood & Williams, ICLR 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.boosting import boosted_trees
from betavae.metrics.codes import Encoded, varies
from betavae.metrics.forest import random_forest

TRAIN, TEST = 10_000, 5_000
DEPTHS = (4, 2, 4, 2, 2)  # of the forests that tell shape, scale, orientation, x and y


def dci(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """How much each latent matters to one factor alone (D), each factor to one latent alone (C).

    R (L, F) is the importance of each latent for predicting each factor by gradient-boosted trees
    (100 rounds, depth 3, rate 0.1, as in disentanglement_lib; by `betavae.metrics.boosting`, whose
    D is within 0.002 of scikit-learn's exact trees on three served codes, in 1/7 of the time).
    D = Σ_l ρ_l (1 - H_F(R_l / ΣR_l)), ρ_l = ΣR_l / ΣR, and C likewise over columns; H_F is the
    entropy to the base of the number of terms (section 2 there). Fitted on 10,000 pictures,
    informativeness is the accuracy on 5,000 others.

    Score: D. Parts: `completeness`, `informativeness`, `per_latent`, `per_factor` (completeness),
    `accuracy` (F,), `importance` (L, F).
    """
    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    kept = varies(train.codes)
    kept[0] |= not kept.any()  # trees of one leaf need a latent, too
    importance, accuracy = np.zeros((len(kept), len(encoded.sizes))), []
    for factor, (values, truth) in enumerate(zip(train.factors.T, test.factors.T, strict=True)):
        importance[kept, factor], guess = boosted_trees(
            train.codes[:, kept], values, test.codes[:, kept], generator
        )
        accuracy.append(float((guess == truth).mean()))
    return {
        **_scores(importance),
        "informativeness": float(np.mean(accuracy)),
        "accuracy": accuracy,
        "trees": "exact",
        "pictures": [len(train), len(test)],
    }


def dci_forest(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """The same D and C, of the importance that random forests find, as Eastwood & Williams do.

    Each factor's number is regressed by 100 trees on all latents; how deep they are is what Lin et
    al. (ICML 2020) take for 2D shapes, whose comparison of this family is often quoted. Trees as
    flat as that have no place for what tells a factor faintly, which classifiers of 40 values
    find: D is higher than `dci`'s for the same code, and the two cannot be compared.

    Score: D. Parts: `completeness`, `per_latent`, `per_factor`, `explained` (F,) (R² on 5,000
    other pictures), `importance` (L, F). Fitted on 10,000 pictures.
    """
    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    importance, explained = [], []
    for factor, place in enumerate(encoded.places):
        numbers, truth = (pool.factors[:, factor] for pool in (train, test))
        depth = DEPTHS[place] if place < len(DEPTHS) else max(DEPTHS)
        seed = int(generator.integers(2**31))
        found, guess = random_forest(train.codes, numbers, test.codes, depth, seed)
        importance.append(found)
        explained.append(float(1 - ((guess - truth) ** 2).mean() / truth.var()))
    return {
        **_scores(np.stack(importance, axis=1)),
        "explained": explained,
        "pictures": [len(train), len(test)],
    }


def _scores(importance: np.ndarray) -> dict[str, Any]:
    """D, C and their parts from R (L, F), whose columns sum to one or are empty."""
    per_latent, per_factor = _unevenness(importance), _unevenness(importance.T)
    total = importance.sum()
    weights = importance / total if total > 0 else np.zeros_like(importance)
    return {
        "score": float((weights.sum(1) * per_latent).sum()),
        "completeness": float((weights.sum(0) * per_factor).sum()),
        "per_latent": per_latent.tolist(),
        "per_factor": per_factor.tolist(),
        "importance": importance.tolist(),
    }


def _unevenness(matrix: np.ndarray) -> np.ndarray:
    """1 - entropy of each row as a distribution, to the base of its length; 0 for empty rows."""
    p = (matrix + 1e-11) / (matrix + 1e-11).sum(1, keepdims=True)
    return np.maximum(0, 1 + (p * np.log(p)).sum(1) / np.log(max(2, matrix.shape[1])))
