"""Small grids of runs on 2D shapes."""

from __future__ import annotations

from betavae.study import grid

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
