"""Separated attribute predictability (Kumar et al., "Variational Inference of Disentangled Latent
Concepts from Unlabeled Observations", ICLR 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Encoded

TRAIN, TEST = 10_000, 5_000


def sap(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Mean over factors of the gap between the two latents that predict the factor best.

    Section 3 there; each latent alone predicts each factor by a linear SVM (C = 0.01, classes
    balanced), fitted on 10,000 pictures, its accuracy taken on 5,000 others, as in
    disentanglement_lib. A latent's scale matters a little, because the SVM is regularised.

    Parts: `accuracy` (L, F), `per_factor` (F,).
    """
    from sklearn.svm import LinearSVC

    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    accuracy = np.zeros((train.codes.shape[1], len(encoded.sizes)))
    seed = int(generator.integers(2**31))
    for latent in range(len(accuracy)):
        for factor in range(len(encoded.sizes)):
            svm = LinearSVC(C=0.01, class_weight="balanced", random_state=seed)
            svm.fit(train.codes[:, [latent]], train.factors[:, factor])
            accuracy[latent, factor] = svm.score(test.codes[:, [latent]], test.factors[:, factor])
    ranked = np.sort(np.vstack([accuracy, np.zeros_like(accuracy)]), axis=0)
    gaps = ranked[-1] - ranked[-2]
    return {
        "score": float(gaps.mean()),
        "per_factor": gaps.tolist(),
        "accuracy": accuracy.tolist(),
        "pictures": [len(train), len(test)],
    }
