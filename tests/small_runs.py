"""Small training runs, and what they are compared by."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import torch
from forked import Forked, betavae, two_of_a_group

from betavae.bundles import quick
from betavae.metrics import boosting
from betavae.training.config import TrainingConfig
from betavae.training.monitor import Pace
from betavae.training.run import Run
from betavae.training.sharpen_run import SharpenRun

PROJECT = Path(__file__).parents[1]
PIPES = {"cwd": PROJECT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
FEW = {"TRAIN": 600, "TEST": 300}  # pictures that the lab measures in tests
QUIET = Pace(history_steps=4, checkpoint_seconds=0, picture_seconds=1e9, progress=False)
SMALL = {
    "architecture": "conv-small",
    "batch_size": 8,
    "latents": 4,
    "precision": "fp32",
    "memory_format": "contiguous",
}


def small_config(**changes) -> TrainingConfig:
    settings = {"objective": "beta-vae", "objective_settings": {"beta": 4.0}, "steps": 8}
    return TrainingConfig(**{**SMALL, **settings, "warm_up": 2, **changes})


def command(folder: Path, run: Path, *words: str) -> list[str]:
    """The command line of a small run on a folder of pictures."""
    return (
        f"train images --data {folder} --to {run} --architecture conv-small --batch-size 8 "
        "--latents 4 --warm-up 2 --precision fp32 --memory-format contiguous "
        "--checkpoint-seconds 0 --history-steps 5 --picture-seconds 1000"
    ).split() + list(words)


def start(words: list[str]) -> Forked:
    """`python -m betavae` with these words, for a test that stops it."""
    return Forked(words, function=lingering, **PIPES)


def lingering(words: list[str]) -> None:
    """`python -m betavae`, which rests before each step once it has a row of history: there is
    time to stop it before its last step, however few it has."""
    for kind in (Run, SharpenRun):
        kind.train_step = rested(kind.train_step)
    betavae(words)


def rested(train_step):
    def step(run) -> None:
        if run.history:
            time.sleep(0.3)
        train_step(run)

    return step


def start_two(words: list[str], function=two_of_a_group) -> Forked:
    """`torchrun --standalone --nproc-per-node 2 -m betavae` with these words."""
    return Forked(words, function=function, parent=True, **PIPES)


def measuring_few(words: list[str]) -> None:
    """`python -m betavae`, whose quick look is at FEW pictures, with few boosting rounds."""
    for name, pictures in FEW.items():
        setattr(quick, name, pictures)
    boosting.ROUNDS = 20
    betavae(words)


def wait_for_history(run: Path, process: Forked) -> None:
    """Until a checkpoint holds a row of history; the process must still be training."""
    deadline = time.monotonic() + 60
    while not (run / "history.csv").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_same(one: dict, other: dict) -> None:
    """Everything the next step depends on is equal bit for bit; times may differ."""
    assert one["step"] == other["step"]
    for part in ("vae", "objective"):
        assert one[part].keys() == other[part].keys()
        assert all(torch.equal(one[part][k], other[part][k]) for k in one[part])
    for key, state in one["optimiser"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, other["optimiser"]["state"][key][name])
    assert torch.equal(one["generator"], other["generator"])
    for row, its_twin in zip(one["history"], other["history"], strict=True):
        assert {**row, "seconds": 0} == {**its_twin, "seconds": 0}


def all_finite(state: dict) -> bool:
    """Whether the weights and the optimiser's moments can be trained on."""
    moments = [value for each in state["optimiser"]["state"].values() for value in each.values()]
    return all(bool(torch.isfinite(t).all()) for t in (*state["vae"].values(), *moments))


def one_line(errors: str) -> str:
    """The one line that betavae wrote to stderr, beside the progress bars, which end in returns."""
    lines = [line for line in errors.replace("\r", "\n").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("betavae: ")]
    assert len(said) == 1 and lines[-1] == said[0], errors
    return said[0]
