"""Small grids of runs on 2D shapes."""

from __future__ import annotations

from functools import partial
from importlib import import_module

from betavae.data import shapes2d
from betavae.metrics import baselines, boosting, codes, curve, forest, shapes
from betavae.study import grid, summary

few_points = partial(curve.accuracy_against_pairs, points=(400, 200))
# Few pictures, held out and encoded, and coarse curves.
SMALL_POOLS = [
    (codes, "TRAIN", 400),
    (codes, "TEST", 200),
    (baselines, "FITTED_ON", 2_000),
    (shapes2d, "HELD_OUT", 300),
    (grid, "HISTORY_ROWS", 1),
    (curve, "STEPS", (10, 30)),
    (shapes, "accuracy_against_pairs", few_points),
    (summary, "accuracy_against_pairs", few_points),
]
# And few points, trees and steps: every score is there, and none is precise.
SMALL_METRICS = [
    *SMALL_POOLS,
    *(
        (import_module(f"betavae.metrics.{name}"), part, points)  # where a function has that name
        for name in ("beta_vae", "factor_vae")
        for part, points in (("TRAIN", 1_000), ("TEST", 500))
    ),
    (boosting, "ROUNDS", 5),
    (forest, "TREES", 10),
]

BASE = {
    "data": "shapes2d",
    "channels": 1,
    "latents": 4,
    "likelihood": "bernoulli",
    "flips": False,
    "steps": 6,
    "batch_size": 8,
    "precision": "fp32",
    "memory_format": "contiguous",
}


def planned(root, seeds=(0,), betas=(4.0,)):
    choices = {"seed": list(seeds), "architecture": ["conv"], "beta": list(betas)}
    return grid.plan(root, None, {**BASE, "objective": "beta-vae"}, choices)


def make_small() -> None:
    """For the processes that a test starts, whose scores nobody reads."""
    for module, name, value in SMALL_METRICS:
        setattr(module, name, value)
    grid.CHECKPOINT_SECONDS = 0.3
