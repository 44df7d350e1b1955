"""Disentanglement, completeness, informativeness (Eastwood & Williams, ICLR 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from betavae.metrics.codes import Encoded

TRAIN, TEST = 10_000, 5_000
DEPTHS = (4, 2, 4, 2, 2)  # of the forests that tell shape, scale, orientation, x and y


def dci(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """How much each latent matters to one factor alone (D), each factor to one latent alone (C).

    R (L, F) is the importance of each latent for predicting each factor by gradient-boosted trees
    (100 rounds, depth 3, rate 0.1, as in disentanglement_lib; over histograms of 255 bins, because
    the exact trees take ten minutes). D = Σ_l ρ_l (1 - H_F(R_l / ΣR_l)), ρ_l = ΣR_l / ΣR, and C
    likewise over columns; H_F is the entropy to the base of the number of terms (section 2 there).
    Fitted on 10,000 pictures, informativeness is the accuracy on 5,000 others.

    Score: D. Parts: `completeness`, `informativeness`, `per_latent`, `per_factor` (completeness),
    `accuracy` (F,), `importance` (L, F).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    def trees(factor: int) -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(
            max_iter=100,
            max_depth=3,
            learning_rate=0.1,
            min_samples_leaf=1,
            early_stopping=False,
            random_state=int(generator.integers(2**31)),
        )

    importance, accuracy = _fitted(encoded, trees, _gains)
    return {
        **_scores(importance),
        "informativeness": float(np.mean(accuracy)),
        "accuracy": accuracy,
        "pictures": _pictures(encoded),
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
    from sklearn.ensemble import RandomForestRegressor

    def forest(factor: int) -> RandomForestRegressor:
        return RandomForestRegressor(
            max_depth=DEPTHS[factor] if factor < len(DEPTHS) else max(DEPTHS),
            random_state=int(generator.integers(2**31)),
        )

    importance, explained = _fitted(encoded, forest, lambda fitted: fitted.feature_importances_)
    return {**_scores(importance), "explained": explained, "pictures": _pictures(encoded)}


def _fitted(
    encoded: Encoded, model: Callable[[int], Any], weigh: Callable[[Any], np.ndarray]
) -> tuple[np.ndarray, list[float]]:
    """R (L, F), which `weigh` reads off a `model` of each factor, and each one's score (F,) on the
    pictures that it was not fitted on."""
    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    importance, scores = np.zeros((train.codes.shape[1], len(encoded.sizes))), []
    for factor in range(len(encoded.sizes)):
        fitted = model(factor).fit(train.codes, train.factors[:, factor])
        importance[:, factor] = weigh(fitted)
        scores.append(float(fitted.score(test.codes, test.factors[:, factor])))
    return importance, scores


def _pictures(encoded: Encoded) -> list[int]:
    """How many were fitted on, and how many tested on."""
    return [len(encoded.train.first(TRAIN)), len(encoded.test.first(TEST))]


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


def _gains(trees: Any) -> np.ndarray:
    """(L,) share of each latent in the loss that all splits removed; 0 where nothing was split.

    scikit-learn keeps each split's gain but has no public name for their sum.
    """
    gains = np.zeros(trees.n_features_in_)
    for trees_of_a_round in trees._predictors:
        for tree in trees_of_a_round:
            splits = tree.nodes[tree.nodes["is_leaf"] == 0]
            np.add.at(gains, splits["feature_idx"], splits["gain"])
    return gains / gains.sum() if gains.sum() > 0 else gains


def _unevenness(matrix: np.ndarray) -> np.ndarray:
    """1 - entropy of each row as a distribution, to the base of its length; 0 for empty rows."""
    p = (matrix + 1e-11) / (matrix + 1e-11).sum(1, keepdims=True)
    return 1 + (p * np.log(p)).sum(1) / np.log(max(2, matrix.shape[1]))
