"""Training a renderer: what a step sees and moves, exact resume, stops, starts, packaging."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from small_runs import one_line, start, start_two, wait_for_history

from betavae import Renderer, bundles, cli
from betavae.metrics import renderer as renderer_scores
from betavae.model import VAE
from betavae.renderer import loading
from betavae.training import checkpoints, sharpen_monitor
from betavae.training.checkpoints import CheckpointError
from betavae.training.distributed import Processes
from betavae.training.failures import TrainingError
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.sharpen import SharpenConfig, averaging, learning_rate
from betavae.training.sharpen_batch import other_codes
from betavae.training.sharpen_run import SharpenRun
from betavae.training.sharpen_start import starting_weights

PLAIN = {"precision": "fp32", "memory_format": "contiguous"}
STATES = ("renderer", "average", "discriminator")


def small_config(**changes) -> SharpenConfig:
    settings = {"steps": 8, "batch_size": 4, "alone": 2, "warm_up": 2, "judges_channels": 4}
    return SharpenConfig(**{**settings, **PLAIN, **changes})


def small_vae() -> VAE:
    torch.manual_seed(5)
    return VAE("conv", 3, 4)


def make_run(folder: Path, data, start=None, **changes) -> SharpenRun:
    return SharpenRun(folder, small_config(**changes), small_vae(), data, Processes(), start)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Path:
    """A face bundle that says it was trained on a folder of pictures."""
    folder = tmp_path_factory.mktemp("served") / "mine"
    shutil.copytree(bundles.root() / "celeba-beta-vae", folder)
    config = json.loads((folder / "config.json").read_bytes())
    config["data"]["name"] = "images"
    del config["renderer"]  # its own is not looked for
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def command(served: Path, pictures: Path, run: Path, *words: str) -> list[str]:
    return (
        f"sharpen {served} --data {pictures} --to {run} --batch-size 4 --alone 3 --warm-up 2 "
        "--judges-channels 4 --precision fp32 --memory-format contiguous --checkpoint-seconds 0 "
        "--history-steps 5 --picture-seconds 1000"
    ).split() + list(words)


def assert_same(one: dict, other: dict) -> None:
    """Everything the next step depends on is equal bit for bit; times may differ."""
    assert one["step"] == other["step"]
    for part in STATES:
        assert one[part].keys() == other[part].keys()
        assert all(torch.equal(one[part][k], other[part][k]) for k in one[part]), part
    for part in ("optimiser", "judges_optimiser"):
        assert one[part]["state"].keys() == other[part]["state"].keys()
        for key, state in one[part]["state"].items():
            assert all(torch.equal(v, other[part]["state"][key][k]) for k, v in state.items())
    assert torch.equal(one["generator"], other["generator"])
    for row, its_twin in zip(one["history"], other["history"], strict=True):
        assert {**row, "seconds": 0} == {**its_twin, "seconds": 0}


class TestResume:
    @pytest.mark.slow
    def test_after_sigkill_equals_no_interruption(self, served, picture_folder, tmp_path):
        torch.set_num_threads(1)  # as in the process it is compared with: sums round otherwise
        whole, killed, steps = tmp_path / "whole", tmp_path / "killed", ("--steps", "8")
        assert cli.main(command(served, picture_folder, whole, *steps)) == 0
        process = start(command(served, picture_folder, killed, *steps))
        wait_for_history(killed, process)
        process.kill()
        process.wait()
        assert 5 <= checkpoints.read(killed)["step"] < 8
        assert cli.main(command(served, picture_folder, killed, *steps, "--resume")) == 0
        assert_same(checkpoints.read(killed), checkpoints.read(whole))
        assert (whole / "renderer.png").is_file()

    @pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"precision": "auto"}])
    def test_before_and_after_the_discriminator_joins(self, changes, smooth_pictures, tmp_path):
        data = smooth_pictures(12)
        whole = make_run(tmp_path, data, **changes)
        assert "auto" not in vars(whole.config).values(), "what was measured is what is stored"
        for saved_at in (1, 4):
            while whole.step < saved_at:
                whole.train_step()
            whole.save()
            resumed = SharpenRun.resume(tmp_path, small_vae(), data, Processes())
            assert resumed.config == whole.config
            states = []
            for run in (whole, resumed):
                for _ in range(2):
                    run.train_step()
                run.save()
                states.append(checkpoints.read(tmp_path))
            assert_same(*states)

    def test_of_another_vae_or_other_data_is_refused(self, smooth_pictures, tmp_path):
        data = smooth_pictures(12)
        make_run(tmp_path, data).save()
        with pytest.raises(TrainingError, match="for other weights of the VAE"):
            SharpenRun.resume(tmp_path, VAE("conv", 3, 4), data, Processes())
        with pytest.raises(TrainingError, match="trained on 12 pictures, not 13"):
            SharpenRun.resume(tmp_path, small_vae(), smooth_pictures(13), Processes())

    @pytest.mark.parametrize("key", ["config", "average", "discriminator", "judges_optimiser"])
    def test_a_checkpoint_that_lacks_something_is_refused(self, key, smooth_pictures, tmp_path):
        data = smooth_pictures(12)
        make_run(tmp_path, data).save()
        state = checkpoints.read(tmp_path)
        del state[key]
        checkpoints.write(tmp_path, state)
        with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
            SharpenRun.resume(tmp_path, small_vae(), data, Processes())

    def test_other_settings_are_refused(self, served, picture_folder, tmp_path, capsys):
        words = command(served, picture_folder, tmp_path / "run", "--steps", "1")
        assert cli.main(words) == 0
        assert cli.main(words) == 1
        assert "add --resume" in one_line(capsys.readouterr().err)
        assert cli.main([*words, "--resume", "--realism", "3"]) == 1
        assert "realism = 0.3, not 3.0" in one_line(capsys.readouterr().err)


class TestStep:
    def test_the_vae_stays_as_it_is_and_all_else_moves(self, smooth_pictures, tmp_path):
        run = make_run(tmp_path, smooth_pictures(12), alone=0)
        before = {k: v.clone() for k, v in run.renderer.state_dict().items()}
        judge = {k: v.clone() for k, v in run.discriminator.state_dict().items()}
        for _ in range(2):
            run.train_step()
        for name, value in run.renderer.state_dict().items():
            still = name.startswith("vae.") or name == "known"  # told when it is saved
            assert torch.equal(value, before[name]) == still, name
        after = run.discriminator.state_dict()
        assert not any(torch.equal(after[name], value) for name, value in judge.items())

    def test_alone_the_discriminator_stands_still(self, smooth_pictures, tmp_path):
        run = make_run(tmp_path, smooth_pictures(12), alone=5)
        judge = {k: v.clone() for k, v in run.discriminator.state_dict().items()}
        run.train_step()
        assert all(torch.equal(v, judge[k]) for k, v in run.discriminator.state_dict().items())
        assert "judge" not in run.recent[-1]

    def test_alone_it_learns_to_reconstruct(self, smooth_pictures, tmp_path):
        data = smooth_pictures(8)
        changes = {"steps": 50, "alone": 50, "warm_up": 10, "averaging": 0.9, "kept": 0.0}
        changes |= {"contrast": 0.0, "rate": 0.0}
        run = make_run(tmp_path, data, learning_rate=1e-3, slowing=0.0, **changes)
        train(run, data, Pace(10, 1e9, 1e9, progress=False), sharpen_monitor)
        first, *_, last = run.history
        assert last["pixels"] < first["pixels"] - 0.02
        assert last["validation_psnr"] > last["validation_psnr_plain"] + 0.5
        assert all(math.isfinite(value) for value in last.values())
        assert (tmp_path / "renderer.png").is_file() and (tmp_path / "history.csv").is_file()

    def test_not_a_number_stops_and_spoils_nothing(self, smooth_pictures, tmp_path):
        run = make_run(tmp_path, smooth_pictures(12), alone=0)
        run.save()
        good = (tmp_path / checkpoints.NAME).read_bytes()
        with torch.no_grad():
            run.renderer.painter.add.bias[0] = torch.nan
        with pytest.raises(TrainingError, match=r"The loss is nan at step 0"):
            run.train_step()
        with pytest.raises(TrainingError, match="The weights are not finite"):
            run.save()
        assert (tmp_path / checkpoints.NAME).read_bytes() == good

    def test_a_gradient_past_float32_stops(self, smooth_pictures, tmp_path):
        run = make_run(tmp_path, smooth_pictures(12), alone=100, pixels=1e30)
        with pytest.raises(TrainingError, match="The gradient's norm is"):
            run.train_step()

    def test_weights_are_averaged(self, smooth_pictures, tmp_path):
        run = make_run(tmp_path, smooth_pictures(12), averaging=0.6)
        name, expected = "painter.add.bias", run.average.own_state()["painter.add.bias"].clone()
        for step in range(3):
            run.train_step()
            stays = min(0.6, (1 + step) / (10 + step))
            expected = stays * expected + (1 - stays) * run.renderer.own_state()[name]
        assert torch.allclose(run.average.own_state()[name], expected)


def test_other_codes_are_the_neighbours_or_a_slider_moved():
    codes = torch.arange(24.0).view(6, 4)
    active, deviation = torch.tensor([1, 3]), torch.tensor([2.0, 10.0])
    moved = torch.tensor([[False], [True], [True]])
    found = other_codes(
        codes, active, deviation, moved, torch.tensor([0, 0, 1]), torch.tensor([1.0, 1.5, -1])
    )
    assert found[0].tolist() == codes[5].tolist(), "that of the picture before the first: the last"
    assert found[1].tolist() == [8, 3, 10, 11], "its own with z1 at 1.5 x 2"
    assert found[2].tolist() == [16, 17, 18, -10], "its own with z3 at -1 x 10"


def test_learning_rate_rises_stays_and_falls_to_a_tenth():
    config = SharpenConfig(steps=100, warm_up=10, slowing=0.5, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[4] == 0.5 and rates[9:50] == [1.0] * 41
    assert rates[75] == pytest.approx(0.55) and 0.1 < rates[99] < 0.12
    assert averaging(config, 0) == 0.1 and averaging(config, 10**6) == config.averaging


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"batch_size": 3}, "The batch is 3; it must be even"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": math.nan}, "The learning rate is nan"),
        ({"realism": -1.0}, "realism is -1.0"),
        ({"averaging": 1.0}, "averaging is 1.0"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"alone": -1}, "The time alone is -1 steps"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, why):
    with pytest.raises(ValueError, match=why):
        SharpenConfig(**changes)


def test_models_of_shapes_are_refused(capsys):
    assert cli.main(["sharpen", str(bundles.root() / "shapes2d-vae")]) == 1
    assert "draws no colour pictures" in one_line(capsys.readouterr().err)


class TestStart:
    def test_a_run_gives_its_average_and_its_discriminator(self, smooth_pictures, tmp_path):
        data = smooth_pictures(12)
        first = make_run(tmp_path, data, alone=0)
        first.train_step()
        first.save()
        second = make_run(tmp_path / "next", data, starting_weights(tmp_path))
        average = first.average.own_state()
        for part, state in (
            (second.renderer.own_state(), average),
            (second.average.own_state(), average),
            (second.discriminator.state_dict(), first.discriminator.state_dict()),
        ):
            assert all(torch.equal(part[name], value) for name, value in state.items())

    def test_a_bundle_gives_its_renderer(self, served, smooth_pictures, tmp_path):
        folder = Path(shutil.copytree(served, tmp_path / "other"))
        torch.manual_seed(9)
        other = Renderer(VAE.from_pretrained(folder))
        loading.write(other, folder / loading.NAME)
        run = make_run(tmp_path, smooth_pictures(12), starting_weights(folder))
        for name, value in other.own_state().items():
            assert torch.equal(run.renderer.own_state()[name], value.half().float())

    def test_another_run_gives_the_discriminator_alone(self, served, smooth_pictures, tmp_path):
        data = smooth_pictures(12)
        judging = make_run(tmp_path / "judge", data, alone=0)
        judging.train_step()
        (tmp_path / "judge").mkdir()
        judging.save()
        folder = Path(shutil.copytree(served, tmp_path / "other"))
        drawing = Renderer(VAE.from_pretrained(folder))
        loading.write(drawing, folder / loading.NAME)
        made = {"training": {"bundle": "other"}, "steps_done": 7, "earlier": [{"steps": 3}]}
        config = json.loads((folder / "config.json").read_bytes())
        (folder / "config.json").write_text(
            json.dumps({**config, "renderer": made}), encoding="utf-8"
        )
        run = make_run(tmp_path, data, starting_weights(folder, tmp_path / "judge"))
        for name, value in judging.discriminator.state_dict().items():
            assert torch.equal(run.discriminator.state_dict()[name], value)
        for name, value in drawing.own_state().items():
            assert torch.equal(run.renderer.own_state()[name], value.half().float())
        told = [(before["steps"], before.get("judge_alone", False)) for before in run.earlier]
        assert told == [(3, False), (7, False), (1, True)]


@pytest.mark.slow
def test_two_processes_compute_what_one_does(served, picture_folder, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    # Adam makes whole steps of what rounding leaves of a gradient that is zero: in eight steps sums
    # that are added in another order have moved weights by as much as is allowed for here.
    words = ("--steps", "6", "--batch-size", "8")
    assert cli.main(command(served, picture_folder, one, *words)) == 0
    process = start_two(command(served, picture_folder, two, *words))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    single, pair = (checkpoints.read(run) for run in (one, two))
    for row, its_twin in zip(single["history"], pair["history"], strict=True):
        for term in ("pixels", "kept", "kl", "judge", "validation_psnr"):
            assert its_twin[term] == pytest.approx(row[term], rel=2e-2), term
    for part in STATES:
        for name, tensor in single[part].items():
            # Within the hinge's margin the gradient of a score's bias is zero: Adam makes a whole
            # step of its rounding.
            if name not in ("small.bias", "middle.bias", "whole.bias"):
                assert (tensor - pair[part][name]).abs().mean() < 1e-4, name


def test_publish_puts_it_into_the_bundle_and_measures_it(
    served, picture_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(renderer_scores, "STRIP_FACES", 1)
    monkeypatch.setattr(renderer_scores, "STRIP_FRAMES", 5)
    monkeypatch.setattr(renderer_scores, "MOVED_FACES", 4)
    folder, run = Path(shutil.copytree(served, tmp_path / "mine")), tmp_path / "run"
    assert cli.main(command(folder, picture_folder, run, "--steps", "5")) == 0
    before = json.loads((folder / "metrics.json").read_bytes())
    before.pop("renderer")
    words = ["publish", str(run), "--data", str(picture_folder), "--to", str(folder)]
    assert cli.main(words) == 0
    loaded = bundles.load(folder)
    average = checkpoints.read(run)["average"]
    for name, value in loaded.renderer.own_state().items():
        assert torch.equal(value, average[name].half().float())
    assert loaded.config["renderer"]["training"]["bundle"] == "mine"
    assert loaded.config["renderer"]["steps_done"] == 5
    measured = loaded.metrics["renderer"]["scores"]
    assert {k: v for k, v in loaded.metrics.items() if k != "renderer"} == before
    assert measured["psnr_own"] == pytest.approx(measured["psnr_plain"], abs=3)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Sharp: the renderer" in card and "invented: likely, not seen" in card
    assert "detail" in capsys.readouterr().out
