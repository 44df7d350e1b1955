"""Mutual information between latents and factors, by histogram, as in disentanglement_lib."""

from __future__ import annotations

import numpy as np

from betavae.metrics.codes import varies

BINS = 20  # of equal width, a latent


def discretise(codes: np.ndarray, bins: int = BINS) -> np.ndarray:
    """(N, L) -> integers (N, L) in [0, bins): each latent's range cut into equal parts.

    A value on an edge falls where np.histogram's edges say, as in disentanglement_lib. A latent
    that does not vary beyond rounding falls into one bin.
    """
    binned = np.zeros(codes.shape, np.int64)
    for latent in np.flatnonzero(varies(codes)):
        edges = np.histogram_bin_edges(codes[:, latent], bins)
        binned[:, latent] = np.searchsorted(edges[:-1], codes[:, latent], side="right") - 1
    return binned


def entropy(values: np.ndarray) -> float:
    """H(v) of integers (N,), in nats."""
    p = np.bincount(values) / len(values)
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def mutual_information(one: np.ndarray, other: np.ndarray) -> float:
    """I(u; v) of two integer arrays (N,), in nats, from their joint histogram."""
    width = int(other.max()) + 1
    return max(0.0, entropy(one) + entropy(other) - entropy(one * width + other))


def information_matrix(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(L, F): nats that each latent, in 20 bins, tells about each factor."""
    binned = discretise(codes)
    return np.array(
        [[mutual_information(latent, factor) for factor in factors.T] for latent in binned.T]
    )
