"""The paper's metric against L, the pairs a point averages: what the protocol leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from betavae.metrics.beta_vae import differences, fit
from betavae.metrics.codes import Encoded

STEPS = (10, 30, 100, 300, 1_000, 3_000)
BATCH, RATE = 64, 1e-2
LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TRAIN, TEST = 4_000, 2_000


def accuracy_against_pairs(
    encoded: Encoded,
    factors: Sequence[int],
    seed: int = 0,
    lengths: Sequence[int] = LENGTHS,
    points: tuple[int, int] = (TRAIN, TEST),
) -> list[dict[str, Any]]:
    """[{"pairs": L, "accuracy", "train_accuracy", "converged"}, ...] for each L.

    The protocol `paper` on the factors named (places in factor_sizes): points to fit a converged
    linear classifier come from one pool, those that count from the other. Codes may be posterior
    means or samples: what `encoded` was made of.
    """
    generator = np.random.default_rng([seed, len(factors)])
    sides = [
        differences(pool, encoded.sizes, factors, count, lengths, generator)
        for pool, count in zip((encoded.train, encoded.test), points, strict=True)
    ]
    rows = []
    for (length, x, y), (_, x_test, y_test) in zip(*sides, strict=True):
        with threadpool_limits(1):
            guess, converged = fit(x, y)
        rows.append(
            {
                "pairs": length,
                "accuracy": float((guess(x_test) == y_test).mean()),
                "train_accuracy": float((guess(x) == y).mean()),
                "converged": converged,
            }
        )
    return rows


def accuracy_against_steps(
    encoded: Encoded,
    factors: Sequence[int],
    seed: int = 0,
    pairs: int = 64,
    points: tuple[int, int] = (TRAIN, TEST),
) -> list[dict[str, Any]]:
    """[{"steps", "accuracy", "train_accuracy"}, ...]: the paper's own classifier, not waited for.

    A linear softmax classifier on z_diff as it is, from zero weights, by Adagrad at the paper's
    rate 1e-2 on batches of 64 points, looked at after 10 to 3,000 steps. z_diff of a VAE's latents
    differs in scale from that of a β-VAE's, so an unconverged classifier favours one of them.
    """
    generator = np.random.default_rng([seed, len(factors), 1])
    (_, x, y), (_, x_test, y_test) = (
        next(differences(pool, encoded.sizes, factors, count, [pairs], generator))
        for pool, count in zip((encoded.train, encoded.test), points, strict=True)
    )
    x, y, x_test, y_test = (torch.from_numpy(array) for array in (x, y, x_test, y_test))
    classifier = nn.Linear(x.shape[1], len(factors))
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    optimiser = torch.optim.Adagrad(classifier.parameters(), RATE)
    batches = generator.integers(len(x), size=(max(STEPS), BATCH))
    rows = []
    for step, batch in enumerate(torch.from_numpy(batches), start=1):
        optimiser.zero_grad()
        nn.functional.cross_entropy(classifier(x[batch]), y[batch]).backward()
        optimiser.step()
        if step in STEPS:
            with torch.no_grad():
                right, right_train = (
                    (classifier(a).argmax(1) == b).float().mean().item()
                    for a, b in ((x_test, y_test), (x, y))
                )
            rows.append({"steps": step, "accuracy": right, "train_accuracy": right_train})
    return rows
