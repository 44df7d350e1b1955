"""The paper's disentanglement metric (Higgins et al., ICLR 2017, section 3), in two protocols."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from betavae.metrics.codes import Alike, Codes, Encoded

PAIRS = 64  # L where a protocol does not say otherwise
TRAIN, TEST = 10_000, 5_000
CLASSIFIERS = 3  # the paper scores each model with three classifiers' draws of points


def differences(
    pool: Codes,
    sizes: Sequence[int],
    factors: Sequence[int],
    points: int,
    lengths: Sequence[int],
    generator: np.random.Generator,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """z_diff of `points` points for each L in ascending `lengths`: (L, x (points, latents), y).

    A point: a factor y out of `factors`, L pairs of pictures whose factor y has the same value
    while all others are drawn anew, and the mean over the pairs of |μ₁ - μ₂|. The pairs of a
    smaller L are among those of a larger one. y counts places in `factors`.
    """
    y = generator.integers(len(factors), size=points)
    rows_of = [np.flatnonzero(y == place) for place in range(len(factors))]
    groups = [Alike(pool, factor, sizes[factor]) for factor in factors]
    codes = pool.codes.astype(np.float32)
    total, done = np.zeros((points, codes.shape[1]), np.float32), 0
    for length in lengths:
        for rows, alike in zip(rows_of, groups, strict=True):
            for block in np.array_split(rows, max(1, len(rows) * codes.shape[1] // 20_000)):
                first = generator.integers(len(pool), size=(len(block), length - done))
                second = alike.partners(first, generator)
                total[block] += np.abs(codes[first] - codes[second]).sum(1)
        done = length
        yield length, total / length, y


def fit(x: np.ndarray, y: np.ndarray) -> tuple[Any, bool]:
    """The linear softmax classifier at the optimum of its convex loss, and whether it got there.

    The paper descends by Adagrad (rate 1e-2); L-BFGS on standardised features ends at the same
    optimum, in a second. A penalty of 1e-5 keeps the optimum finite where classes are separable.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e5, max_iter=1000, tol=1e-4))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y)
    converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
    return model.predict, converged


def beta_vae(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """The protocol `dlib`, as in disentanglement_lib (Locatello et al., ICML 2019, appendix B).

    All factors, L = 64 pairs, 10,000 points to fit scikit-learn's LogisticRegression with its
    default penalty, 5,000 others for the accuracy. Chance is 1/F.

    Parts: `per_factor` accuracies (F,), `confusion` (F, F) (true, guessed), `train_accuracy`.
    """
    every = range(len(encoded.sizes))
    sides = [(encoded.train, TRAIN), (encoded.test, TEST)]
    (_, x, y), (_, x_test, y_test) = (
        next(differences(pool, encoded.sizes, every, points, [PAIRS], generator))
        for pool, points in sides
    )
    model = LogisticRegression(max_iter=1000).fit(x, y)
    return {
        **_accuracies(confusion_matrix(y_test, model.predict(x_test), labels=every)),
        "train_accuracy": float(model.score(x, y)),
        "protocol": "dlib",
        "pairs": PAIRS,
        "points": [TRAIN, TEST],
    }


def beta_vae_paper(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """The protocol `paper`: all factors but the first (the shape), a converged linear classifier.

    L = 64, because the paper leaves it open and the score saturates with it: see
    `betavae.metrics.curve`. 10,000 points to fit, 5,000 others for the accuracy, drawn and fitted
    three times. Chance is 1/(F - 1).

    Parts: `per_factor`, `confusion` (summed), `scores` of the three, `converged`.
    """
    chosen = range(1, len(encoded.sizes))
    total, scores, all_converged = np.zeros((len(chosen), len(chosen)), int), [], True
    for _ in range(CLASSIFIERS):
        (_, x, y), (_, x_test, y_test) = (
            next(differences(pool, encoded.sizes, chosen, points, [PAIRS], generator))
            for pool, points in [(encoded.train, TRAIN), (encoded.test, TEST)]
        )
        guess, converged = fit(x, y)
        table = confusion_matrix(y_test, guess(x_test), labels=range(len(chosen)))
        total, all_converged = total + table, all_converged and converged
        scores.append(float(np.trace(table) / table.sum()))
    return {
        **_accuracies(total),
        "scores": scores,
        "converged": all_converged,
        "protocol": "paper",
        "pairs": PAIRS,
        "points": [TRAIN, TEST],
    }


def _accuracies(table: np.ndarray) -> dict[str, Any]:
    return {
        "score": float(np.trace(table) / table.sum()),
        "per_factor": (np.diag(table) / np.maximum(1, table.sum(1))).tolist(),
        "confusion": table.tolist(),
    }
