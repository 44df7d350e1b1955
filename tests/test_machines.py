"""Machines as they are: no home, folders of others, launchers that say little, closed terminals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import sys
import tempfile
from pathlib import Path

import huggingface_hub
import pytest
import torch
from forked import Forked
from small_runs import PIPES, PROJECT, command, start, wait_for_history

from betavae import VAE, Renderer, cli
from betavae.bundles import hub
from betavae.data import ImageFolder
from betavae.machine.folders import uploads, user_cache
from betavae.model import WeightsError
from betavae.training import checkpoints
from betavae.training.distributed import join

# ---- folders ----------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch):
    """As `docker run --user 12345`: no HOME, and no entry in the list of users."""
    for name in ("HOME", "XDG_CACHE_HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"):
        monkeypatch.delenv(name, raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)


def test_a_user_without_a_home_reads_data_and_has_a_cache(homeless, picture_folder):
    assert len(ImageFolder(picture_folder, "all", progress=False)) == 40
    assert user_cache().parent == Path(tempfile.gettempdir())


@pytest.mark.parametrize("named", ["", "relative"])
def test_a_cache_folder_that_is_none_is_not_the_working_directory(monkeypatch, tmp_path, named):
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache" / "betavae"


@pytest.mark.skipif(os.name == "nt", reason="needs owners of folders")
def test_uploads_are_kept_in_a_folder_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = Path(uploads())
    assert first.parent == tmp_path and stat.S_IMODE(first.stat().st_mode) == 0o700
    assert uploads() == str(first)
    first.rmdir()
    first.write_bytes(b"somebody else's")
    other = Path(uploads())
    assert other.is_dir() and other != first
    first.unlink()
    first.symlink_to(tmp_path)  # one that leads elsewhere
    assert Path(uploads()) not in (first, tmp_path)


# ---- launchers --------------------------------------------------------------------------------

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "SLURM_PROCID", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def launched(monkeypatch):
    def launch(**variables: str) -> None:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return launch


@pytest.mark.parametrize("variables", [{}, {"WORLD_SIZE": ""}, {"WORLD_SIZE": "1", "RANK": ""}])
def test_one_process(launched, variables):
    launched(**variables)
    assert (join().rank, join().count) == (0, 1)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'; it must be a whole number"),
        ({"WORLD_SIZE": "2"}, "MASTER_ADDR, MASTER_PORT is not set: start the processes with"),
        ({"WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "RANK is not set"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            "RANK is 2; it must be from 0 to 1",
        ),
    ],
)
def test_what_can_be_no_group_is_one_sentence(launched, variables, sentence):
    launched(**variables)
    with pytest.raises(ValueError, match=sentence):
        join()


def unused_port() -> str:
    """Below those that machines hand out by themselves: nobody else takes it in between."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return str(port)
    raise AssertionError("no port is free")


def ranks(words: list[str]) -> None:
    group = join()
    print(group.rank, group.count, int(group.average(torch.tensor(float(group.rank))) * 2))
    group.close()


def test_without_a_local_rank_a_group_is_joined(tmp_path):
    """As srun starts it: SLURM_PROCID in place of RANK, and no LOCAL_RANK."""
    port = unused_port()
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    plain = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    processes = [
        Forked([], function=ranks, env={**plain, **shared, "SLURM_PROCID": str(rank)}, **PIPES)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300) for process in processes]
    # Gloo has words of its own.
    last = [out.splitlines()[-1] if out else errors for out, errors in said]
    assert last == ["0 2 1", "1 2 1"]


# ---- signals and pipes ------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has none")
def test_a_closed_terminal_saves_the_run(picture_folder, tmp_path):
    process = start(command(picture_folder, tmp_path / "run", "--steps", "100000"))
    wait_for_history(tmp_path / "run", process)
    process.send_signal(signal.SIGHUP)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "go on with --resume" in out
    assert checkpoints.read(tmp_path / "run")["step"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "train images --data x",
            "Stopped before a step was trained; the same command starts again.",
        ),
        ("compare x y", "Stopped."),
    ],
)
def test_ctrl_c_is_one_sentence_that_is_true(monkeypatch, capsys, words, said):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("betavae.commands.train.splits", interrupted)
    monkeypatch.setattr("betavae.commands.evaluate.bundle.load", interrupted)
    assert cli.main(words.split()) == 130
    assert capsys.readouterr().err.strip().splitlines() == [f"betavae: {said}"]


@pytest.mark.parametrize("words", ["--beta nan", "--seed 12345678901234567890"])
def test_what_cannot_be_trained_with_is_said_before_pictures_are_read(capsys, tmp_path, words):
    train = f"train images --data {tmp_path / 'not-there'} --to {tmp_path / 'run'} {words}"
    assert cli.main(train.split()) == 1
    assert "must be" in capsys.readouterr().err


def test_compare_into_head_ends_quietly():
    bundle = str(PROJECT / "weights" / "celeba-vae")
    read, write = os.pipe()
    os.close(read)  # whoever was to read has gone
    words = [sys.executable, "-m", "betavae", "compare", bundle, bundle]
    process = Forked(words, **PIPES | {"stdout": write})
    os.close(write)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")


# ---- without a network --------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A Hub that nobody answers for; to wait and ask again is an error, and would take 27 s."""

    def waited(_):
        raise AssertionError("asked again")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", nobody)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", waited)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_network_one_sentence_comes_at_once(no_network, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_ada")
    for ask in (VAE.from_pretrained, Renderer.from_pretrained):
        with pytest.raises(WeightsError, match=r"^ada/model is not a folder here, and the Hub can"):
            ask("ada/model")
    for ask in (hub.fetch, lambda _: hub.logged_in()):
        with pytest.raises(hub.HubError, match=r"the Hub cannot be reached; check the network\.$"):
            ask("ada/model")


def test_what_was_fetched_before_is_there_without_a_network(no_network, tmp_path):
    kept = tmp_path / "hub" / "betavae" / "ada" / "model"
    kept.mkdir(parents=True)
    (kept / "config.json").write_text("{}", encoding="utf-8")
    assert hub.fetch("ada/model") == kept


# ---- weights ----------------------------------------------------------------------------------


def test_from_pretrained_takes_a_device_as_the_hubs_mixin_documents(tmp_path):
    VAE("conv", 1, 3, "bernoulli").save_pretrained(tmp_path)
    vae = VAE.from_pretrained(tmp_path, map_location="meta")
    assert {parameter.device.type for parameter in vae.parameters()} == {"meta"}
    assert torch.device("cpu") == next(VAE.from_pretrained(tmp_path).parameters()).device


def test_save_pretrained_does_not_damage_a_bundle(tmp_path):
    vae = VAE("conv", 1, 3, "bernoulli")
    (tmp_path / "latents.json").write_text("[]", encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WeightsError, match="is a bundle; save the model in another folder"):
        vae.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "latents.json"]
