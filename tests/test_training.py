"""Training lowers the loss, shows itself, and says in one sentence what went wrong."""

from __future__ import annotations

import errno
import math
import os

import pytest
import torch
from forked import two_of_a_group
from small_runs import (
    QUIET,
    all_finite,
    command,
    one_line,
    small_config,
    start_two,
)

from betavae import cli
from betavae.commands import train as train_command
from betavae.model import VAE
from betavae.training import checkpoints, precision
from betavae.training.checkpoints import CheckpointError
from betavae.training.config import TrainingConfig, learning_rate
from betavae.training.distributed import Processes, join
from betavae.training.loop import train
from betavae.training.monitor import Pace, history_row, save_picture
from betavae.training.precision import SETTINGS, fastest_setting
from betavae.training.run import Run, TrainingError


def test_learning_rate_warms_up_then_follows_half_a_cosine_to_zero():
    config = TrainingConfig(steps=1000, warm_up=100, learning_rate=0.01)
    assert learning_rate(config, 0) == pytest.approx(0.01 / 100)
    assert learning_rate(config, 49) == pytest.approx(0.005)
    assert learning_rate(config, 100) == pytest.approx(0.01)
    assert learning_rate(config, 550) == pytest.approx(0.005)
    assert learning_rate(config, 1000) == pytest.approx(0.0)
    flat = TrainingConfig(steps=1000, warm_up=100, learning_rate=0.01, decay="none")
    assert learning_rate(flat, 999) == pytest.approx(0.01)


class TestFailures:
    def test_divergence_names_the_step_and_keeps_a_good_checkpoint(
        self, picture_folder, tmp_path, capsys
    ):
        run = tmp_path / "run"
        words = command(picture_folder, run, "--steps", "60", "--learning-rate", "1e20")
        assert cli.main(words) == 1
        error = one_line(capsys.readouterr().err)
        state = checkpoints.read(run)
        assert f"at step {state['step']}, and" in error
        assert f"{run / checkpoints.NAME}, of step {state['step']}: start again in another" in error
        assert all_finite(state)

    def test_divergence_before_the_first_checkpoint_names_none(
        self, picture_folder, tmp_path, capsys
    ):
        """The folder holds no run, so that the same command with another rate may follow."""
        words = command(picture_folder, tmp_path, "--learning-rate", "1e20")
        words[words.index("--checkpoint-seconds") + 1] = "1000"
        assert cli.main(words) == 1
        error = one_line(capsys.readouterr().err)
        assert "there is no checkpoint: start again with a smaller --learning-rate" in error
        assert checkpoints.NAME not in error and "folder" not in error
        assert not (tmp_path / checkpoints.NAME).exists()

    def test_weights_that_are_not_finite_replace_no_checkpoint(self, smooth_pictures, tmp_path):
        run = Run(tmp_path, small_config(), smooth_pictures(16), Processes())
        run.save()
        good = (tmp_path / checkpoints.NAME).read_bytes()
        run.step = 5
        with torch.no_grad():
            next(run.vae.parameters())[0] = torch.nan
        with pytest.raises(TrainingError, match=r"not finite at step 5.*checkpoint\.pt, of step 0"):
            run.save()
        assert (tmp_path / checkpoints.NAME).read_bytes() == good

    def test_no_parameter_is_frozen_unnoticed(self, smooth_pictures, tmp_path):
        """A gradient above 1.8e19 has no square in float32: Adam's second moment becomes infinite
        and its parameters never move again, though the loss is finite. Training must not go on as
        if nothing were wrong."""
        config = small_config(objective_settings={"beta": 1e25})
        run = Run(tmp_path, config, smooth_pictures(24), Processes())
        run.save()
        with pytest.raises(TrainingError, match=r"The gradient's norm is .* at step 0"):
            run.train_step()
        assert all_finite(checkpoints.read(tmp_path))

    def test_no_space_keeps_the_last_checkpoint_and_goes_on(
        self, smooth_pictures, tmp_path, file_size_limit
    ):
        """For real: the checkpoint is longer than files may be, at each place it can break off."""
        run = Run(tmp_path, small_config(steps=6), smooth_pictures(16), Processes())
        run.train_step()
        run.save()
        good = (tmp_path / checkpoints.NAME).read_bytes()
        for limit in (0, 1_000_000, len(good) - 1):
            with (
                file_size_limit(limit),
                pytest.raises(CheckpointError, match="the last good one is"),
            ):
                run.save()
            assert (tmp_path / checkpoints.NAME).read_bytes() == good
            assert not list(tmp_path.glob("*.part"))
        with (
            file_size_limit(1_000_000),
            pytest.warns(UserWarning, match="goes on unsaved at step") as warned,
            pytest.raises(CheckpointError),
        ):
            train(run, smooth_pictures(4), QUIET)
        assert len(warned) == 5  # one a step, from the second
        assert run.step == 6
        assert (tmp_path / checkpoints.NAME).read_bytes() == good
        run.save()  # there is space again
        assert checkpoints.read(tmp_path)["step"] == 6

    def test_full_disk_keeps_the_last_checkpoint_and_goes_on(
        self, smooth_pictures, tmp_path, monkeypatch
    ):
        """When only the flush to the disk finds it full."""
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
        assert "--beta is not a setting of the objective vae" in capsys.readouterr().err


def test_the_command_keeps_the_pace_of_the_library(picture_folder, tmp_path, monkeypatch):
    paces = []
    monkeypatch.setattr(train_command, "train", lambda *given, **named: paces.append(given[2]))
    words = ["--data", str(picture_folder), "--to", str(tmp_path), "--batch-size", "8"]
    assert cli.main(["train", "images", *words, "--precision", "fp32"]) == 0
    assert paces == [Pace()]


@pytest.mark.parametrize("look", [history_row, save_picture])
def test_a_look_that_fails_leaves_the_model_in_training_mode(look, smooth_pictures, tmp_path):
    validation = smooth_pictures(4)
    run = Run(tmp_path, small_config(), smooth_pictures(16), Processes())
    run.train_step()
    validation.images = validation.images[..., :60]  # no picture of the size that the model takes
    with pytest.raises(ValueError, match="encode takes pictures"):
        look(run, validation)
    assert run.vae.training


def test_training_lowers_the_loss_and_shows_itself(smooth_pictures, tmp_path):
    data = smooth_pictures(24)
    run = Run(
        tmp_path, small_config(architecture="conv", steps=60, learning_rate=3e-3), data, Processes()
    )
    train(run, smooth_pictures(8), Pace(20, 1e9, 1e9, progress=False))
    first, *_, last = run.history
    assert last["reconstruction"] < first["reconstruction"] - 100
    assert last["validation_psnr"] > first["validation_psnr"]
    assert (tmp_path / "traversal.png").is_file()
    assert len((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()) == 4
    assert all(math.isfinite(value) for value in last.values())


def test_measuring_the_speed_leaves_the_global_generator():
    vae, before = VAE("mlp", latents=2), torch.get_rng_state()
    assert fastest_setting(vae, 2, Processes()) in SETTINGS
    assert torch.equal(torch.get_rng_state(), before)


def measure_apart(words: list[str]) -> None:
    """In each of two processes: what is the fastest, where every setting has its own speed."""
    processes, measured = join(), []

    def speed_here(vae, setting, *rest):
        measured.append(setting)
        return SETTINGS.index(setting) * (1 if processes.first else -1)

    precision.pictures_per_second = speed_here
    chosen = SETTINGS.index(fastest_setting(None, 8, processes))
    line = f"rank {processes.rank}: {len(measured)} measured, {chosen} chosen\n"
    os.write(1, line.encode())  # whole: print would let the other rank's line in before its end
    processes.close()


def measured_by_two(words: list[str]) -> None:
    two_of_a_group(words, measure_apart)


@pytest.mark.slow
def test_the_first_process_measures_the_speed_for_all():
    """Though by its own measure the second would choose the opposite."""
    process = start_two([], measured_by_two)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    last = len(SETTINGS) - 1
    assert set(output.splitlines()) == {
        f"rank 0: {len(SETTINGS)} measured, {last} chosen",
        f"rank 1: 0 measured, {last} chosen",
    }


@pytest.mark.slow
@pytest.mark.parametrize("growth", ["0", "3"])
def test_two_processes_compute_what_one_does(growth, picture_folder, tmp_path):
    """With an objective that is no mean over a batch's pictures, and with a code that grows."""
    one, two = tmp_path / "one", tmp_path / "two"
    steps = ("--steps", "12", "--objective", "beta-tcvae", "--growth", growth)
    assert cli.main(command(picture_folder, one, *steps)) == 0
    process = start_two(command(picture_folder, two, *steps))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    single, pair = (checkpoints.read(run) for run in (one, two))
    assert [row["step"] for row in pair["history"]] == [5, 10, 12]
    for row, its_twin in zip(single["history"], pair["history"], strict=True):
        for term in ("reconstruction", "kl", "validation_psnr", "validation_kl"):
            assert its_twin[term] == pytest.approx(row[term], rel=1e-3), term
    for name, tensor in single["vae"].items():
        # Adam divides by the gradient's size: where that is next to nothing, rounding moves one
        # weight by a step of 1e-3. All others must agree, so the mean tells.
        assert (tensor - pair["vae"][name]).abs().mean() < 1e-5, name
