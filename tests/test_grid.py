"""Grids of runs: planned, trained, stopped, resumed, measured and made into bundles."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from subprocess import PIPE
from types import SimpleNamespace

import psutil
import pytest
from forked import Forked
from safetensors.torch import load_file
from small_grids import BASE, make_small, planned

from betavae import bundles, cli, metrics
from betavae.bundles import packaging
from betavae.study import grid
from betavae.study.score import CODES, SCORES, read_runs
from betavae.training import checkpoints
from betavae.training.run import TrainingError


def test_a_plan_is_every_combination_seed_by_seed(tmp_path):
    runs = planned(tmp_path, seeds=(0, 1), betas=(0.5, 4.0))
    assert [run.folder.name for run in runs] == [
        "conv-beta-vae-beta0.5-seed0",
        "conv-beta-vae-beta4-seed0",
        "conv-beta-vae-beta0.5-seed1",
        "conv-beta-vae-beta4-seed1",
    ]
    assert runs[2].config.seed == 1 and runs[2].config.objective_settings == {"beta": 0.5}


def test_a_run_is_trained_measured_and_its_scores_are_its_models(measured):
    (scores,) = read_runs(measured)
    assert scores["config"]["steps"] == 6 and set(scores["metrics"]) == set(metrics.METRICS)
    assert scores["validation"]["pictures"] == 300
    assert load_file(scores["folder"] / CODES)["means"].shape == (300, 4)
    # The scores are those of the checkpoint's weights, measured from outside.
    from betavae.data import Shapes2D
    from betavae.model import VAE

    vae = VAE("conv", 1, 4, "bernoulli").eval()
    vae.load_state_dict(checkpoints.read(scores["folder"])["vae"])
    again = metrics.evaluate(lambda x: vae.encode(x).mean, Shapes2D(), ["mig", "sap"], 0)
    for name in ("mig", "sap"):
        assert again[name]["score"] == pytest.approx(scores["metrics"][name]["score"], abs=1e-4)


def test_a_measured_run_becomes_a_bundle(measured, tmp_path, monkeypatch):
    """What it scores is what the grid measured: it is not measured twice here."""
    from betavae.data import Shapes2D

    (scores,) = read_runs(measured)
    monkeypatch.setattr(packaging, "evaluate_shapes", lambda *given: dict(scores))
    monkeypatch.setattr(packaging, "tolerance", lambda *given: {"mig": 0.0123})
    splits = (Shapes2D(split=split) for split in ("train", "validation"))
    for name in ("folder", "name", "code_version"):
        scores.pop(name)
    packaging.package(measured / "conv-beta-vae-beta4-seed0", tmp_path / "shapes2d-mine", *splits)
    bundle = bundles.load(tmp_path / "shapes2d-mine")
    for name in ("mig", "dci", "factor-vae"):
        found = scores["metrics"][name]["score"]
        assert bundle.metrics["scores"][name] == pytest.approx(found, abs=1e-5)
    assert bundle.metrics["scores"]["kl"] == pytest.approx(scores["validation"]["kl"], abs=1e-4)
    for latent in bundle.latents:
        shares = [track["share"] for track in latent.tracks]
        assert shares == sorted(shares, reverse=True) and len(shares) == 3
    card = (tmp_path / "shapes2d-mine" / "README.md").read_text(encoding="utf-8")
    line = next(line for line in card.splitlines() if line.startswith("| MIG"))
    assert f" {bundle.metrics['scores']['mig']:.4f} " in line and "± 0.0123" in line


def test_a_folder_with_other_settings_is_refused(measured):
    (other,) = grid.plan(
        measured,
        None,
        {**BASE, "objective": "beta-vae", "steps": 7},
        {"seed": [0], "architecture": ["conv"], "beta": [4.0]},
    )
    with pytest.raises(TrainingError, match="holds a run with steps = 6, not 7"):
        grid.train_and_measure(other)
    with pytest.raises(TrainingError, match="holds a run with steps = 6, not 7"):
        grid.run_grid([other], 1)  # which finds it finished


def small_grid(words: list[str]) -> int:
    """A command on few pictures, in a process of its own; its workers are forks of it."""
    make_small()
    forks = multiprocessing.get_context("fork")
    grid.multiprocessing = SimpleNamespace(
        get_context=lambda method: forks, parent_process=multiprocessing.parent_process
    )
    return cli.main(words)


@pytest.mark.slow
def test_a_killed_grid_goes_on_and_skips_what_is_done(tmp_path):
    """`kill -9` in the middle of the first run; the second call finishes it from its checkpoint."""
    words = ["grid", "shapes2d"]
    words += ["--to", str(tmp_path), "--seeds", "1", "--beta", "4", "--steps", "80"]
    words += [
        "--batch-size",
        "8",
        "--precision",
        "fp32",
        "--memory-format",
        "channels_last",
        "--workers",
        "1",
    ]

    def call() -> Forked:
        return Forked(words, function=small_grid, parent=True, stderr=PIPE, encoding="utf-8")

    run = tmp_path / "conv-beta-vae-beta4-seed0"
    first = call()
    deadline = time.monotonic() + 60
    while not (run / checkpoints.NAME).exists():
        assert first.poll() is None, first.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = psutil.Process(first.pid).children(recursive=True)
    first.kill()  # the grid alone: its workers must notice
    first.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive and not (run / SCORES).exists()
    state = checkpoints.read(run)
    assert 0 < state["step"] < 80
    checkpoints.write(run, {**state, "seconds": 1000.0})  # a run begun anew would not have them
    assert call().wait(timeout=300) == 0
    scores = json.loads((run / SCORES).read_bytes())
    assert scores["config"]["steps"] == 80 and scores["seconds"] >= 1000
    stamp = (run / SCORES).stat().st_mtime_ns
    assert call().wait(timeout=60) == 0
    assert (run / SCORES).stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("may_use", "workers", "threads"), [({1}, 1, 1), ({0, 1}, 1, 2), ({5}, 2, 1)]
)
def test_a_grid_takes_the_cores_that_it_may_use(monkeypatch, may_use, workers, threads):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: may_use, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "unset")  # restored after the test
    assert grid.run_grid([], workers) == []
    assert os.environ["OMP_NUM_THREADS"] == str(threads)
