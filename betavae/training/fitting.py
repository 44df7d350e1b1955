"""How many steps fit a time, on this machine and just now."""

from __future__ import annotations

import time
from dataclasses import replace

from betavae.training.config import TrainingConfig
from betavae.training.run import Run

SETTLING, TIMED = 3, 30  # steps
LONGEST = 2.0  # seconds of timing, on a slow machine
SHARE = 0.7  # of the time for steps; the rest is for reports, and for what else the machine does


def steps_in(seconds: float, run: Run) -> int:
    """How many steps `run` makes in that time, by its first ones; it is of no use afterwards."""
    for _ in range(SETTLING):
        run.train_step()
    run.read()
    began, made = time.perf_counter(), 0
    while made < TIMED and time.perf_counter() - began < LONGEST:
        run.train_step()
        made += 1
    run.read()
    return max(1, int(SHARE * seconds * made / (time.perf_counter() - began)))


def scaled(config: TrainingConfig, steps: int) -> TrainingConfig:
    """The same run in so many steps: what counts in steps is scaled, but for the warm-up."""
    share = steps / config.steps
    counted = {"capacity_steps"} & config.objective_settings.keys()
    settings = config.objective_settings | {
        name: max(1.0, round(config.objective_settings[name] * share)) for name in counted
    }
    return replace(
        config,
        steps=steps,
        falling=min(round(config.falling * share), steps - 1),
        growth=int(config.growth * share),
        warm_up=min(config.warm_up, steps),
        objective_settings=settings,
    )
