"""Which two latents turn together, and so become polar coordinates (betavae/model/polar.py).

A shape that turns draws a ring on two latents. On straight axes they then tell of each other, how
far along one the point is at most from where it is on the other; as distance and angle from the
centre they do not. Latents that are what they are, a place say, fill a square, and it is the other
way round. So the pair is taken that loses most mutual information by the change, for what the
fainter of the two tells; no label is asked.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from betavae.metrics.information import mutual_information
from betavae.metrics.reconstruction import ACTIVE_NATS

PICTURES = 4096
BINS = 12  # as many pictures in each, a latent


def pair_that_turns(means: Tensor, kl: Tensor) -> tuple[int, int] | None:
    """means (N, L), kl (L,) in nats -> two latents, or None where no change loses anything."""
    codes, worth = means.double().cpu().numpy(), kl.cpu().numpy()
    active = np.flatnonzero(worth >= ACTIVE_NATS).tolist()
    gains = {
        (i, j): _loss(codes[:, i], codes[:, j]) * min(worth[i], worth[j])
        for i, j in itertools.combinations(active, 2)
    }
    best = max(gains, key=gains.get, default=None)
    return best if best and gains[best] > 0 else None


def _loss(one: np.ndarray, other: np.ndarray) -> float:
    """How many nats less two coordinates tell of each other as distance and angle."""
    polar = np.hypot(one, other), np.arctan2(other, one)
    straight, round_ = (
        mutual_information(*(_ranked(values) for values in pair)) for pair in ((one, other), polar)
    )
    return straight - round_


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
