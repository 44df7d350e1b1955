"""Which two latents turn together, and so become polar coordinates (betavae/model/polar.py).

A shape that turns draws a ring on two latents. On straight axes these tell of each other: how far
along one the point is at most from where it is on the other. Seen from the ring's centre, distance
and angle do not. Latents that are each a thing of their own, a place say, fill a square, and there
it is the other way round. So the pair is taken that loses most mutual information by the change, of
those latents that tell something worth a place; no label is asked.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from betavae.metrics.information import mutual_information

PICTURES = 4096
BINS = 12  # as many pictures in each, a latent
TOLD = 0.5  # nats that each of the two tells at least: fainter ones are what is left of others


def pair_that_turns(means: Tensor, kl: Tensor) -> tuple[int, int] | None:
    """means (N, L), kl (L,) in nats -> two latents, or None where no change loses anything."""
    codes = means.double().cpu().numpy()
    told = (kl >= TOLD).nonzero().flatten().tolist()
    losses = {pair: _loss(*codes[:, pair].T) for pair in itertools.combinations(told, 2)}
    best = max(losses, key=losses.get, default=None)
    return best if best and losses[best] > 0 else None


def _loss(one: np.ndarray, other: np.ndarray) -> float:
    """How many nats less two coordinates (N,) tell of each other as distance and angle."""
    pairs = (one, other), (np.hypot(one, other), np.arctan2(other, one))
    straight, polar = (mutual_information(*map(_ranked, pair)) for pair in pairs)
    return straight - polar


def _ranked(values: np.ndarray) -> np.ndarray:
    """(N,) -> integers from 0 to BINS - 1, each as often."""
    return np.argsort(np.argsort(values)) * BINS // len(values)


@torch.no_grad()
def turn(run) -> None:
    """Make the pair that turns in `run`'s code polar, seen on pictures drawn from its data."""
    places = torch.randint(len(run.data), (PICTURES,), generator=run.generator)
    posteriors = [
        run.vae.encode(run.data.batch(some).to(run.processes.device).float() / 255)
        for some in places.split(256)
    ]
    means = torch.cat([posterior.mean for posterior in posteriors])
    kl = torch.cat([posterior.kl() for posterior in posteriors]).mean(0)
    if pair := pair_that_turns(means, kl):
        run.vae.make_polar(pair)
