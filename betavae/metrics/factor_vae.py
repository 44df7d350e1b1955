"""The FactorVAE score (Kim & Mnih, "Disentangling by Factorising", ICML 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np

from betavae.metrics.codes import Alike, Codes, Encoded, varies

TRAIN, TEST, GROUP = 10_000, 5_000, 64
BLOCK = 200  # points whose groups are looked at together
SILENT = 0.05  # standard deviation below which a latent has no vote: `prune_dims.threshold` there


def factor_vae(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """Accuracy of a majority vote that tells which factor was held fixed (section 4.1 there).

    A point: 64 different pictures that share one factor's value; the latent whose variance over
    them, relative to its variance over all, is smallest votes. 10,000 points decide which factor
    each latent stands for, 5,000 others are counted. As in disentanglement_lib's studies, a latent
    whose standard deviation is below 0.05 has no vote: it has collapsed to the prior, and what
    little its mean moves would be magnified. The score is 0 if all have.

    Parts: `latents` that vote, `votes` (L, F) of the first points, `confusion` (F, F) of the second
    (true, voted).
    """
    return _score(encoded, generator, SILENT)


def factor_vae_relative(encoded: Encoded, generator: np.random.Generator) -> dict[str, Any]:
    """The same, of codes in any unit: latents vote whose standard deviation is at least 0.05 of the
    largest. Not comparable with published scores where a code has weak latents."""
    return _score(encoded, generator, SILENT * encoded.train.codes.std(0, ddof=1).max())


def _score(encoded: Encoded, generator: np.random.Generator, least: float) -> dict[str, Any]:
    variance = encoded.train.codes.var(0, ddof=1)
    kept = np.flatnonzero((np.sqrt(variance) >= least) & varies(encoded.train.codes))
    factors = len(encoded.sizes)
    votes = np.zeros((len(variance), factors), int)
    if not len(kept):
        return {"score": 0.0, "latents": [], "votes": votes.tolist(), "confusion": []}
    fixed, latent = _votes(encoded.train, encoded.sizes, kept, variance, TRAIN, generator)
    np.add.at(votes, (latent, fixed), 1)
    voted = votes.argmax(1)
    fixed, latent = _votes(encoded.test, encoded.sizes, kept, variance, TEST, generator)
    confusion = np.zeros((factors, factors), int)
    np.add.at(confusion, (fixed, voted[latent]), 1)
    return {
        "score": float(np.trace(confusion) / confusion.sum()),
        "latents": kept.tolist(),
        "votes": votes.tolist(),
        "confusion": confusion.tolist(),
        "points": [TRAIN, TEST],
        "group": GROUP,
        "least_deviation": float(least),
    }


def _votes(pool: Codes, sizes, kept, variance, points: int, generator: np.random.Generator):
    """The factor that was fixed and the latent that varied least, both (points,)."""
    groups = [Alike(pool, factor, size) for factor, size in enumerate(sizes)]
    for factor, alike in enumerate(groups):
        if not len(alike.shared):
            raise ValueError(
                f"No two of {len(pool):,} pictures share a value of factor {factor}, which the "
                "FactorVAE score holds fixed; encode more pictures."
            )
    fixed = generator.integers(len(sizes), size=points)
    codes = pool.codes[:, kept] / np.sqrt(variance[kept])
    drawn = [groups[factor].group(GROUP, generator) for factor in fixed]
    latent, lengths = np.empty(points, int), np.array([len(group) for group in drawn])
    for length in np.unique(lengths):  # where fewer share a value, a group is smaller
        alike = np.flatnonzero(lengths == length)
        for block in np.split(alike, range(BLOCK, len(alike), BLOCK)):
            of_block = codes[np.stack([drawn[point] for point in block])]
            latent[block] = of_block.var(1, ddof=1).argmin(1)
    return fixed, kept[latent]
