"""A run resumes exactly, whatever stopped it, and refuses what it cannot go on with."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from small_runs import (
    assert_same,
    command,
    one_line,
    small_config,
    start,
    wait_for_history,
)

from betavae import cli
from betavae.training import checkpoints
from betavae.training.batches import trained_on_others
from betavae.training.checkpoints import CheckpointError
from betavae.training.distributed import Processes
from betavae.training.run import Run, TrainingError


@pytest.fixture(scope="module")
def whole(picture_folder, tmp_path_factory) -> Path:
    """A run of 12 steps that nothing interrupts: what the interrupted ones must equal."""
    torch.set_num_threads(1)  # as in the processes they are compared with: sums round otherwise
    run = tmp_path_factory.mktemp("whole") / "run"
    assert cli.main(command(picture_folder, run, "--steps", "12")) == 0
    return run


class TestResume:
    @pytest.mark.slow
    def test_after_sigkill_equals_no_interruption(self, picture_folder, whole, tmp_path):
        steps, killed = ("--steps", "12"), tmp_path / "killed"
        process = start(command(picture_folder, killed, *steps))
        wait_for_history(killed, process)
        process.kill()
        process.wait()
        state = checkpoints.read(killed)
        assert state["history"] and 5 <= state["step"] < 12
        assert cli.main(command(picture_folder, killed, *steps, "--resume")) == 0
        assert_same(checkpoints.read(killed), checkpoints.read(whole))
        assert (killed / "history.csv").read_text(encoding="utf-8").count("\n") == 4

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
    def test_after_a_request_to_stop_equals_no_interruption_and_says_how_to_go_on(
        self, number, picture_folder, whole, tmp_path
    ):
        steps, stopped = ("--steps", "12"), tmp_path / "stopped"
        process = start(command(picture_folder, stopped, *steps))
        wait_for_history(stopped, process)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        done = checkpoints.read(stopped)["step"]
        assert f"Stopped after step {done}; go on with --resume" in output
        assert cli.main(command(picture_folder, stopped, *steps, "--resume")) == 0
        assert done < 12
        assert_same(checkpoints.read(stopped), checkpoints.read(whole))

    @pytest.mark.parametrize(
        "changes",
        [
            {"optimiser": "adagrad"},
            {"precision": "bf16"},
            {"precision": "auto", "memory_format": "auto"},
            {"architecture": "mlp"},
        ],
        ids=lambda changes: " ".join(changes.values()),
    )
    def test_every_setting_resumes_exactly(self, changes, smooth_pictures, tmp_path):
        data = smooth_pictures(24)
        data.images = data.images[:, :1]  # of one channel an mlp is a third as large
        whole = Run(tmp_path, small_config(channels=1, **changes), data, Processes())
        assert "auto" not in vars(whole.config).values(), "what was measured is what is stored"
        names = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}
        assert type(whole.optimiser) is names[whole.config.optimiser]
        for _ in range(2):
            whole.train_step()
        whole.save()
        resumed = Run.resume(tmp_path, data, Processes())
        assert resumed.config == whole.config
        states = []
        for run in (whole, resumed):
            for _ in range(2):
                run.train_step()
            run.save()
            states.append(checkpoints.read(tmp_path))
        assert_same(*states)

    def test_bf16_computes_in_bf16(self, smooth_pictures, tmp_path):
        run = Run(tmp_path, small_config(precision="bf16"), smooth_pictures(24), Processes())
        seen = []
        run.vae.encoder[0].register_forward_hook(lambda *call: seen.append(call[-1].dtype))
        run.train_step()
        assert seen == [torch.bfloat16]
        assert {p.dtype for p in run.vae.parameters()} == {torch.float32}

    def test_other_settings_are_refused(self, picture_folder, tmp_path, capsys):
        run = tmp_path / "run"
        assert cli.main(command(picture_folder, run, "--steps", "2")) == 0
        assert cli.main(command(picture_folder, run, "--steps", "2")) == 1
        assert "add --resume" in capsys.readouterr().err
        words = command(picture_folder, run, "--steps", "2", "--resume", "--beta", "7")
        assert cli.main(words) == 1
        error = capsys.readouterr().err
        assert "beta = 4.0, not 7.0" in error and error.count("\n") == 1

    def test_the_same_rounds_of_growth_are_no_other_setting(self, picture_folder, tmp_path, capsys):
        words = command(picture_folder, tmp_path / "run", "--steps", "6", "--growth", "1")
        words += ["--objective", "vae", "--fresh-latents"]
        assert cli.main([*words, "1", "2"]) == 0
        assert cli.main([*words, "1", "2", "--resume"]) == 0
        assert cli.main([*words, "1", "--resume"]) == 1
        assert "fresh_latents = (1, 2), not (1,)" in one_line(capsys.readouterr().err)

    def test_a_setting_that_the_objective_does_not_have_is_refused(
        self, picture_folder, tmp_path, capsys
    ):
        words = command(picture_folder, tmp_path / "run", "--steps", "2", "--objective", "vae")
        assert cli.main(words) == 0
        assert cli.main([*words, "--resume", "--beta", "9"]) == 1
        error = one_line(capsys.readouterr().err)
        assert "--beta is not a setting of the objective vae" in error

    def test_other_data_are_refused(self, smooth_pictures, tmp_path):
        Run(tmp_path, small_config(), smooth_pictures(16), Processes()).save()
        with pytest.raises(TrainingError, match="trained on 16 pictures, not 17"):
            Run.resume(tmp_path, smooth_pictures(17), Processes())
        assert Run.resume(tmp_path, smooth_pictures(16), Processes()).step == 0

    def test_other_data_of_the_same_number_are_refused(self, smooth_pictures, tmp_path):
        data = smooth_pictures(16)
        Run(tmp_path, small_config(), data, Processes()).save()
        rounded = type(data)((data.images.int() + 1).clamp(0, 255).byte())  # by another decoder
        assert Run.resume(tmp_path, rounded, Processes()).step == 0
        other = type(data)(data.images.flip(0))
        with pytest.raises(TrainingError, match="trained on 16 other pictures: a resumed run"):
            Run.resume(tmp_path, other, Processes())
        state = checkpoints.read(tmp_path)
        assert trained_on_others(state, data) == ""
        assert trained_on_others(state, smooth_pictures(10)) == "16 pictures, not 10"
        del state["looks"]  # as earlier checkpoints
        assert trained_on_others(state, other) == ""

    def test_publish_refuses_other_data_than_the_runs(
        self, picture_folder, smooth_pictures, tmp_path, capsys
    ):
        (tmp_path / "run").mkdir()
        Run(tmp_path / "run", small_config(data="images"), smooth_pictures(16), Processes()).save()
        publish = f"publish {tmp_path / 'run'} --data {picture_folder} --to {tmp_path / 'bundle'}"
        assert cli.main(publish.split()) == 1
        assert "was trained on 16 pictures, not 37: name those" in capsys.readouterr().err
        assert not (tmp_path / "bundle").exists()

    def test_a_checkpoint_from_before_pictures_were_counted_goes_on(
        self, smooth_pictures, tmp_path
    ):
        Run(tmp_path, small_config(), smooth_pictures(16), Processes()).save()
        state = checkpoints.read(tmp_path)
        del state["pictures"]
        checkpoints.write(tmp_path, state)
        assert Run.resume(tmp_path, smooth_pictures(16), Processes()).step == 0

    def test_damaged_or_missing_checkpoint_is_named(self, smooth_pictures, tmp_path):
        with pytest.raises(CheckpointError, match="nothing to resume"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())
        run = Run(tmp_path, small_config(), smooth_pictures(16), Processes())
        run.save()
        path = tmp_path / checkpoints.NAME
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(CheckpointError, match="damaged"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="empty"),
            pytest.param(bytes(5000), id="zeros"),
            pytest.param(b"hello world\n", id="text"),
            pytest.param(b"<html>not found</html>", id="a page"),
        ],
    )
    def test_what_never_was_a_checkpoint_is_refused_in_one_line(
        self, content, picture_folder, tmp_path, capsys
    ):
        (tmp_path / checkpoints.NAME).write_bytes(content)
        assert cli.main(command(picture_folder, tmp_path, "--resume")) == 1
        refusal = one_line(capsys.readouterr().err)
        assert str(tmp_path / checkpoints.NAME) in refusal and "damaged" in refusal

    def test_another_programs_checkpoint_is_refused_in_one_line(
        self, picture_folder, tmp_path, capsys
    ):
        torch.save({"state_dict": {}}, tmp_path / checkpoints.NAME)
        assert cli.main(command(picture_folder, tmp_path, "--resume")) == 1
        assert str(tmp_path / checkpoints.NAME) in one_line(capsys.readouterr().err)

    @pytest.mark.parametrize(
        "key", ["config", "vae", "optimiser", "generator", "step", "history", "recent"]
    )
    def test_a_checkpoint_that_lacks_something_is_refused(self, key, smooth_pictures, tmp_path):
        Run(tmp_path, small_config(), smooth_pictures(16), Processes()).save()
        state = checkpoints.read(tmp_path)
        del state[key]
        checkpoints.write(tmp_path, state)
        with pytest.raises(CheckpointError, match=f"not a checkpoint of this .*'{key}' is missing"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())

    @pytest.mark.parametrize(
        ("part", "value"),
        [
            ("config", {"objective": "unheard"}),
            ("config", {"architecture": "unheard"}),
            ("config", {"optimiser": "unheard"}),
            ("config", {"latents": 5}),  # not what the weights were made for
            ("config", {"latents": "five"}),
            ("config", {"unheard": 1}),
            ("generator", torch.zeros(3)),
        ],
    )
    def test_a_checkpoint_that_does_not_fit_is_refused(
        self, part, value, smooth_pictures, tmp_path
    ):
        Run(tmp_path, small_config(), smooth_pictures(16), Processes()).save()
        state = checkpoints.read(tmp_path)
        state[part] = {**state[part], **value} if part == "config" else value
        checkpoints.write(tmp_path, state)
        with pytest.raises(CheckpointError, match="not a checkpoint of this version") as error:
            Run.resume(tmp_path, smooth_pictures(16), Processes())
        assert "\n" not in str(error.value)

    def test_a_tensor_is_no_checkpoint(self, smooth_pictures, tmp_path):
        torch.save(torch.zeros(3), tmp_path / checkpoints.NAME)
        with pytest.raises(CheckpointError, match="is not a checkpoint: it holds a Tensor"):
            Run.resume(tmp_path, smooth_pictures(16), Processes())

    def test_an_altered_byte_is_noticed(self, tmp_path):
        """torch.load reads a tensor without comparing the checksum that is stored beside it."""
        checkpoints.write(tmp_path, {"weights": torch.arange(100_000.0)})
        path = tmp_path / checkpoints.NAME
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.read(tmp_path)
