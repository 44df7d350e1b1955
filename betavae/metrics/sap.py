"""Separated attribute predictability (Kumar et al., "Variational Inference of Disentangled Latent
Concepts from Unlabeled Observations", ICLR 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Encoded, varies

TRAIN, TEST = 10_000, 5_000


def sap(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Mean over factors of the gap between the two latents that predict the factor best.

    Section 3 there; each latent alone predicts each factor by a linear SVM (C = 0.01, classes
    balanced), fitted on 10,000 pictures, its accuracy taken on 5,000 others, as in
    disentanglement_lib. A latent's scale matters a little, because the SVM is regularised. Of a
    code of one latent the gap is to what a constant reaches.

    SAP depends on the draw: over four other draws of pictures its standard deviation is 0.001 to
    0.022 on the served models, mostly more than what several trainings' means seem to differ by.

    Parts: `accuracy` (L, F), `per_factor` (F,).
    """
    from sklearn.svm import LinearSVC

    train, test = encoded.train.first(TRAIN), encoded.test.first(TEST)
    x, x_test = train.codes, test.codes
    if x.shape[1] == 1:
        says = varies(x)
        x, x_test = (np.hstack([codes * says, np.zeros_like(codes)]) for codes in (x, x_test))
    accuracy = np.zeros((x.shape[1], len(encoded.sizes)))
    seed = int(generator.integers(2**31))
    for latent in range(len(accuracy)):
        for factor in range(len(encoded.sizes)):
            svm = LinearSVC(C=0.01, class_weight="balanced", random_state=seed)
            svm.fit(x[:, [latent]], train.factors[:, factor])
            accuracy[latent, factor] = svm.score(x_test[:, [latent]], test.factors[:, factor])
    ranked = np.sort(accuracy, axis=0)
    gaps = ranked[-1] - ranked[-2]
    return {
        "score": float(gaps.mean()),
        "per_factor": gaps.tolist(),
        "accuracy": accuracy[: train.codes.shape[1]].tolist(),
        "pictures": [len(train), len(test)],
    }
