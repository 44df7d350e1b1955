"""Modularity and explicitness (Ridgeway & Mozer, "Learning Deep Disentangled Embeddings", 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from betavae.metrics.codes import Encoded
from betavae.metrics.information import information_matrix

TRAIN, TEST = 10_000, 5_000


def modularity(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Mean over latents of 1 - Σ_{f ≠ best} I_lf² / (I_l,best² (F - 1)): equation 2 there.

    1 where each latent tells about one factor only; duplicated latents cost nothing. A latent that
    tells nothing counts 0, as in disentanglement_lib. 10,000 pictures, 20 bins a latent.

    Parts: `per_latent` (L,).
    """
    pool = encoded.train.first(TRAIN)
    squares = information_matrix(pool.codes, pool.factors) ** 2
    best = squares.max(1)
    others = (squares.sum(1) - best) / (np.maximum(best, 1e-24) * max(1, squares.shape[1] - 1))
    scores = np.where(best > 0, 1 - others, 0)
    return {"score": float(scores.mean()), "per_latent": scores.tolist(), "pictures": len(pool)}


def explicitness(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Mean over factors and their values of the AUROC, one value against the others, of a logistic
    regression from all latents: section 3 there, without its rescaling, as in disentanglement_lib.

    Fitted on 10,000 pictures, measured on 5,000 others. 1 where each value can be read off, 0.5 at
    chance. Parts: `per_factor` (F,).
    """
    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    areas = []
    for factor in range(len(encoded.sizes)):
        y, y_test = train.factors[:, factor], test.factors[:, factor]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
        probability = model.fit(train.codes, y).predict_proba(test.codes)
        seen = [c for c in model.classes_ if 0 < (y_test == c).mean() < 1]
        columns = [list(model.classes_).index(c) for c in seen]
        hit = np.stack([y_test == c for c in seen], axis=1)
        areas.append(float(roc_auc_score(hit, probability[:, columns], average="macro")))
    return {
        "score": float(np.mean(areas)),
        "per_factor": areas,
        "pictures": [len(train), len(test)],
    }
