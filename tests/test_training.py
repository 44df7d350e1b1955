"""Training resumes exactly, whatever stopped it, and says in one sentence what went wrong."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from betavae import checkpoints, cli
from betavae.checkpoints import CheckpointError
from betavae.distributed import Processes
from betavae.training import Pace, Run, TrainingConfig, TrainingError, learning_rate, train

PROJECT = Path(__file__).parents[1]
QUIET = Pace(history_steps=4, checkpoint_seconds=0, picture_seconds=1e9, progress=False)
SMALL = {"batch_size": 8, "latents": 4, "precision": "fp32", "memory_format": "contiguous"}


def small_config(**changes) -> TrainingConfig:
    settings = {"objective": "beta-vae", "objective_settings": {"beta": 4.0}, "steps": 8}
    return TrainingConfig(**{**SMALL, **settings, "warm_up": 2, **changes})


def command(folder: Path, run: Path, *words: str) -> list[str]:
    """The command line of a small run on a folder of pictures."""
    return (
        f"train images --data {folder} --to {run} --batch-size 8 --latents 4 --warm-up 2 "
        "--precision fp32 --memory-format contiguous --checkpoint-seconds 0 --history-steps 5 "
        "--picture-seconds 1000"
    ).split() + list(words)


def start(words: list[str], launcher=("-m", "betavae")) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *launcher, *words],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_checkpoint(run: Path, process: subprocess.Popen) -> None:
    """Until the first checkpoint is there; the process must still be training."""
    deadline = time.monotonic() + 60
    while not (run / checkpoints.NAME).exists():
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


def test_learning_rate_warms_up_then_follows_half_a_cosine_to_zero():
    config = TrainingConfig(steps=1000, warm_up=100, learning_rate=0.01)
    assert learning_rate(config, 0) == pytest.approx(0.01 / 100)
    assert learning_rate(config, 49) == pytest.approx(0.005)
    assert learning_rate(config, 100) == pytest.approx(0.01)
    assert learning_rate(config, 550) == pytest.approx(0.005)
    assert learning_rate(config, 1000) == pytest.approx(0.0)
    flat = TrainingConfig(steps=1000, warm_up=100, learning_rate=0.01, decay="none")
    assert learning_rate(flat, 999) == pytest.approx(0.01)


class TestResume:
    @pytest.mark.slow
    def test_after_sigkill_equals_no_interruption(self, picture_folder, tmp_path):
        steps = ("--steps", "120")
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        assert cli.main(command(picture_folder, whole, *steps)) == 0
        process = start(command(picture_folder, killed, *steps))
        wait_for_checkpoint(killed, process)
        process.kill()
        process.wait()
        assert 0 < checkpoints.read(killed)["step"] < 120
        assert cli.main(command(picture_folder, killed, *steps, "--resume")) == 0
        assert_same(checkpoints.read(killed), checkpoints.read(whole))
        assert (killed / "history.csv").read_text().count("\n") == 25

    @pytest.mark.slow
    def test_after_ctrl_c_equals_no_interruption_and_says_how_to_go_on(
        self, picture_folder, tmp_path
    ):
        steps = ("--steps", "120")
        whole, stopped = tmp_path / "whole", tmp_path / "stopped"
        assert cli.main(command(picture_folder, whole, *steps)) == 0
        process = start(command(picture_folder, stopped, *steps))
        wait_for_checkpoint(stopped, process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        done = checkpoints.read(stopped)["step"]
        assert f"Stopped after step {done}; go on with --resume" in output
        assert cli.main(command(picture_folder, stopped, *steps, "--resume")) == 0
        assert_same(checkpoints.read(stopped), checkpoints.read(whole))

    def test_other_settings_are_refused(self, picture_folder, tmp_path, capsys):
        run = tmp_path / "run"
        assert cli.main(command(picture_folder, run, "--steps", "2")) == 0
        assert cli.main(command(picture_folder, run, "--steps", "2")) == 1
        assert "add --resume" in capsys.readouterr().err
        words = command(picture_folder, run, "--steps", "2", "--resume", "--beta", "7")
        assert cli.main(words) == 1
        error = capsys.readouterr().err
        assert "beta = 4.0, not 7.0" in error and error.count("\n") == 1

    def test_damaged_or_missing_checkpoint_is_named(self, smooth_pictures, tmp_path):
        with pytest.raises(CheckpointError, match="nothing to resume"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())
        run = Run(tmp_path, small_config(), smooth_pictures(16), Processes())
        run.save()
        path = tmp_path / checkpoints.NAME
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(CheckpointError, match="damaged"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())


class TestFailures:
    def test_divergence_names_the_step_and_keeps_a_good_checkpoint(
        self, picture_folder, tmp_path, capsys
    ):
        run = tmp_path / "run"
        words = command(picture_folder, run, "--steps", "60", "--learning-rate", "1e20")
        assert cli.main(words) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert "at step" in error and str(run / checkpoints.NAME) in error
        state = checkpoints.read(run)
        assert f"at step {state['step']}" in error

    def test_full_disk_keeps_the_last_checkpoint_and_goes_on(
        self, smooth_pictures, tmp_path, monkeypatch
    ):
        run = Run(tmp_path, small_config(steps=6), smooth_pictures(16), Processes())
        run.train_step()
        run.save()
        good = (tmp_path / checkpoints.NAME).read_bytes()

        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with (
                pytest.warns(UserWarning, match="goes on unsaved at step"),
                pytest.raises(CheckpointError, match="No space left on device"),
            ):
                train(run, smooth_pictures(4), QUIET)
        assert run.step == 6
        assert (tmp_path / checkpoints.NAME).read_bytes() == good
        assert not list(tmp_path.glob("*.part"))

    def test_too_few_pictures_and_batches_that_cannot_be_shared(self, smooth_pictures, tmp_path):
        with pytest.raises(TrainingError, match="7 pictures are too few for batches of 8"):
            Run(tmp_path, small_config(), smooth_pictures(7), Processes())
        with pytest.raises(TrainingError, match="cannot be shared by 3"):
            Run(tmp_path, small_config(), smooth_pictures(16), Processes(count=3))

    def test_setting_of_another_objective_is_refused(self, picture_folder, tmp_path, capsys):
        words = command(picture_folder, tmp_path / "run", "--objective", "vae", "--beta", "3")
        assert cli.main(words) == 1
        assert "--beta is no setting of the objective vae" in capsys.readouterr().err


def test_training_lowers_the_loss_and_shows_itself(smooth_pictures, tmp_path):
    data = smooth_pictures(24)
    run = Run(tmp_path, small_config(steps=60, learning_rate=3e-3), data, Processes())
    train(run, smooth_pictures(8), Pace(20, 1e9, 1e9, progress=False))
    first, *_, last = run.history
    assert last["reconstruction"] < first["reconstruction"] - 100
    assert last["validation_psnr"] > first["validation_psnr"]
    assert (tmp_path / "traversal.png").is_file()
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 4
    assert all(math.isfinite(value) for value in last.values())


@pytest.mark.slow
def test_two_processes_compute_what_one_does(picture_folder, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    steps = ("--steps", "12")
    assert cli.main(command(picture_folder, one, *steps)) == 0
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = start(command(picture_folder, two, *steps), (*launcher, "-m", "betavae"))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    single, pair = (checkpoints.read(run)["vae"] for run in (one, two))
    for name, tensor in single.items():
        # Adam divides by gradients' size: rounding in their sums shows at the start of a run.
        assert torch.allclose(tensor, pair[name], atol=2e-4), name
