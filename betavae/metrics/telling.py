"""Which latent tells which factor, from few pictures: while a model trains there is time for no
more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from betavae.metrics.information import discretise

BINS = 10  # a latent: 2,000 pictures would leave the cells of 20 too empty
LEAST = 0.1  # of a factor's entropy: what tells less of it tells nothing
TWICE = 2.0  # a factor has a latent of its own if no other tells half as much


def entropies(sizes: Sequence[int]) -> np.ndarray:
    """(F,): nats of factors that are drawn uniformly."""
    return np.log(np.asarray(sizes, float))


def information_from_few(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(L, F): nats that each latent tells about each factor, without what chance alone would add.

    From N pictures even a latent of pure noise seems to tell a factor of 40 values a tenth of a
    nat. That is about (cells of the joint histogram in use - rows - columns + 1) / 2N, which is
    taken off (Miller 1955, Panzeri & Treves 1996).

    codes (N, L) of real numbers, factors (N, F) of integers from 0
    """
    binned = discretise(codes, BINS)
    return np.array([[_information(z, v) for v in factors.T] for z in binned.T])


def _information(one: np.ndarray, other: np.ndarray) -> float:
    joint = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(joint, (one, other), 1)
    rows, columns = joint.sum(1), joint.sum(0)
    used = joint > 0
    independent = np.outer(rows, columns)[used] / len(one)
    found = (joint[used] * np.log(joint[used] / independent)).sum() / len(one)
    free = used.sum() - (rows > 0).sum() - (columns > 0).sum() + 1
    return float(max(0.0, found - free / (2 * len(one))))


def tellers(information: np.ndarray, entropy: np.ndarray) -> list[list[int]]:
    """For each factor the latents that tell it, best first: one if it tells twice as much as any
    other; else all that tell at least half of the best; none if the best tells next to nothing.

    information (L, F), entropy (F,), both in nats
    """
    found = []
    for told, most in zip(information.T, entropy, strict=True):
        order = np.argsort(-told)
        best = told[order[0]]
        found.append(
            [] if best < LEAST * most else [int(k) for k in order if told[k] * TWICE > best]
        )
    return found


def share_over_next(information: np.ndarray) -> np.ndarray:
    """(F,): how many times as much the best latent tells of each factor as the next one."""
    ordered = np.sort(information, axis=0)[::-1]
    return ordered[0] / np.maximum(ordered[1] if len(ordered) > 1 else 0.0, 1e-3)
