"""The lab behind its page: real trainings in processes of their own, and a queue of visits."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO
from pathlib import Path

import forked
import pytest
import torch

from betavae import cli
from betavae.data import shapes2d
from betavae.machine.scratch import Scratch
from betavae.model import VAE
from betavae.serving.checks import Refused
from betavae.serving.lab import lab as lab_module
from betavae.serving.lab import process
from betavae.serving.lab import visit as visit_module
from betavae.serving.lab.lab import Lab, slots_wanted
from betavae.serving.lab.material import on_offer
from betavae.serving.lab.setup import checked, commands
from betavae.training import checkpoints
from betavae.training.config import TrainingConfig
from betavae.training.fitting import scaled

PROJECT = Path(__file__).parents[1]
SETTING = {"precision": "fp32", "memory_format": "contiguous", "steps": 100_000}
SETUP = {"latents": 3, "learning_rate": 0.002, "seed": 0, "seconds": 300}


def asked(*betas, **changes):
    runs = [{"objective": "beta-vae", "weights": {"beta": beta}} for beta in betas]
    return SETUP | {"runs": runs} | changes


def few_held_out(words: list[str]) -> None:
    """`python -m betavae`, which validates on 300 pictures."""
    shapes2d.HELD_OUT = 300
    forked.betavae(words)


@pytest.fixture
def lab(monkeypatch):
    """Nobody looks here: silence ends no visit but where that is tested."""
    monkeypatch.setattr(lab_module, "SILENT", 1e9)
    monkeypatch.setattr(process, "subprocess", forked.forking(few_held_out))
    lab = Lab(slots=1, setting=SETTING)
    yield lab
    lab.close()


def until(true, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def steps(seat) -> int:
    return (seat.live() or {}).get("step", 0)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_runs_begin_together_and_become_bundles(lab, tmp_path):
    visit = lab.start(None, asked(1, 4))
    until(lambda: visit.state == "running" and all(steps(s) > 1 for s in visit.seats))
    assert [seat.setup.title for seat in visit.seats] == ["VAE (β = 1)", "β-VAE (β = 4)"]
    lab.say(visit.token, "pause")
    until(lambda: all(seat.live()["state"] == "paused" for seat in visit.seats))
    before = [steps(seat) for seat in visit.seats]
    lab.say(visit.token, "step")
    until(lambda: [steps(seat) for seat in visit.seats] == [step + 1 for step in before])
    pids = [seat.process.pid for seat in visit.seats]
    lab.say(visit.token, "stop")
    until(lambda: not visit.work)
    assert [seat.stage for seat in visit.seats] == ["done", "done"]
    assert not any(map(alive, pids))
    first = visit.seats[0]
    assert first.bundle().title == "VAE (β = 1)"
    with zipfile.ZipFile(BytesIO(first.archive())) as archive:
        archive.extractall(tmp_path)
    assert VAE.from_pretrained(tmp_path / "mine").latents == 3
    command = (tmp_path / "mine" / "commands.txt").read_text(encoding="utf-8")
    assert f"--stop-after {steps(first)} " in command and "--beta 1 " in command
    # One of them is kept beside the next run; the other is gone with its files.
    again = lab.start(visit.token, asked(8, keep=first.name))
    assert again is visit and visit.seats[0] is first and len(visit.seats) == 2
    kept = {path.name for path in first.folder.parent.glob("lab-*")}
    assert kept == {seat.name for seat in visit.seats}
    lab.leave(visit.token)
    assert list(first.folder.parent.glob("lab-*")) == []


def test_a_killed_worker_is_told_in_a_sentence_and_frees_the_place(lab):
    visit = lab.start(None, asked(4))
    waiting = lab.start(None, asked(4))
    until(lambda: visit.at_it)
    assert lab.place(visit) == 0 and lab.place(waiting) == 1
    os.kill(visit.seats[0].process.pid, signal.SIGKILL)
    until(lambda: waiting.at_it)
    assert visit.seats[0].stage == "failed"
    assert visit.seats[0].sentence.startswith("The system ended this training")
    lab.leave(waiting.token)


def test_who_waits_may_leave_and_a_closed_page_frees_its_place(lab):
    first, second, third = (lab.start(None, asked(4)) for _ in range(3))
    lab.belongs(first.token, "session")
    until(lambda: first.at_it and first.seats[0].process)
    assert [lab.place(v) for v in (second, third)] == [1, 2]
    with pytest.raises(Refused, match="under way"):
        lab.start(first.token, asked(4))
    lab.say(second.token, "stop")
    assert lab.place(third) == 1 and second.seats[0].sentence == "It left the queue."
    pid = first.seats[0].process.pid
    lab.gone("session")
    lab.look(first.token)  # the line was only cut
    assert alive(pid)
    lab.gone("session")
    until(lambda: third.at_it)
    assert not alive(pid)
    with pytest.raises(Refused, match="no longer here"):
        lab.look(first.token)


def test_silence_and_long_pauses_free_the_place(lab, monkeypatch):
    monkeypatch.setattr(visit_module, "PAUSED", 0.1)
    visit = lab.start(None, asked(4))
    until(lambda: visit.state == "running" and steps(visit.seats[0]) > 0)
    lab.say(visit.token, "pause")
    until(lambda: visit.seats[0].stage == "done" and not visit.work)
    monkeypatch.setattr(lab_module, "SILENT", 0.1)
    silent = lab.start(None, asked(4))
    until(lambda: not silent.work and silent.token not in lab._visits)
    assert silent.seats[0].process is None


def test_nothing_outlives_an_app_that_is_killed(tmp_path):
    script = """
import time
from betavae.serving.lab.lab import Lab
lab = Lab(slots=2, setting={"precision": "fp32", "memory_format": "contiguous", "steps": 1000})
request = {"runs": [{"objective": "vae", "weights": {}}], "latents": 3, "learning_rate": 2e-3,
           "seed": 0, "seconds": 300}
visit = lab.start(None, request)
while not (visit.seats[0].live() or {}).get("step"):
    time.sleep(0.05)
print(visit.seats[0].process.pid, visit.seats[0].folder.parent, flush=True)
time.sleep(600)
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    app = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    pid, folder = app.stdout.readline().split()
    app.kill()
    app.wait()
    until(lambda: not alive(int(pid)))
    # What it left on the disk is removed by the next app.
    assert Path(folder).is_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        scratch = Scratch(lab_module.PREFIX)
    assert not Path(folder).exists() and scratch.folder.is_dir()
    scratch.remove()


HOSTILE = [
    (None, "Send a set-up"),
    ({}, "Send one to 2 runs"),
    (asked(1, 2, 4), "Send one to 2 runs"),
    (asked(float("nan")), "β must be a number from"),
    (asked(1e9), "β must be a number from"),
    (asked("4"), "β must be a number from"),
    (asked(4, seconds=10_000), "The number of seconds must be a whole number from 30 to 300"),
    (asked(4, seconds=float("inf")), "The number of seconds"),
    (asked(4, latents=4000), "The number of latents"),
    (asked(4, seed=-1), "The seed"),
    (asked(4, learning_rate=True), "Learning rate must be a number"),
    (asked(4, data="/etc"), "The lab trains on: shapes2d"),
    (SETUP | {"runs": [{"objective": "rm -rf", "weights": {}}]}, "There is no such objective"),
    (SETUP | {"runs": [{"objective": "vae", "weights": {"beta": 4}}]}, "has the weights: none"),
]


@pytest.mark.parametrize(("request_", "said"), HOSTILE)
def test_what_a_hostile_page_sends_is_refused_in_a_sentence(request_, said):
    with pytest.raises(Refused, match=said):
        checked(request_)


def test_the_queue_has_an_end(lab, monkeypatch):
    monkeypatch.setattr(lab_module, "MOST_WAITING", 0)
    lab.start(None, asked(4))
    with pytest.raises(Refused, match="The queue is full"):
        lab.start(None, asked(4))
    assert len(lab._visits) == 1


def test_the_command_makes_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shapes2d, "HELD_OUT", 64)
    (setup,) = checked(SETUP | {"runs": [{"objective": "beta-tcvae", "weights": {"beta": 6},
                                          "falls": True}]})  # fmt: skip
    words = ["train", *setup.options(SETTING | {"steps": 5}), "--to", "runs/lab"]
    assert cli.main([*words, "--stop-after", "3"]) == 0
    first = checkpoints.read(Path("runs/lab"))
    assert first["config"]["falling"] == 4
    line = commands(first["config"], first["step"], "mine").splitlines()[0]
    python, dash, package, *words = shlex.split(line)
    assert (python, dash, package) == ("python", "-m", "betavae") and "--stop-after" in words
    assert cli.main(words) == 0
    again = checkpoints.read(Path("runs/mine"))
    assert again["config"] == first["config"] and again["step"] == first["step"] == 3
    assert all(torch.equal(again["vae"][k], first["vae"][k]) for k in first["vae"])


def test_what_counts_in_steps_is_scaled_to_the_time():
    config = TrainingConfig(
        objective="capacity", objective_settings={"capacity_steps": 600}, steps=1000, warm_up=100
    )
    found = scaled(config, 50)
    assert (found.steps, found.warm_up, found.objective_settings["capacity_steps"]) == (50, 50, 30)
    fallen = scaled(TrainingConfig(steps=1000, falling=800), 2000)
    assert (fallen.steps, fallen.falling) == (2000, 1600)


def test_the_owners_pictures_are_offered(monkeypatch, tmp_path):
    assert [one.name for one in on_offer()] == ["shapes2d"]
    monkeypatch.setenv("BETAVAE_PICTURES", str(tmp_path))
    assert on_offer()[1].options == ["images", "--data", str(tmp_path)]
    (tmp_path / "list_eval_partition.txt").touch()
    assert on_offer()[1].name == "celeba"
    (setup,) = checked(asked(4, data="celeba"), on_offer())
    assert setup.options({})[:3] == ["celeba", "--data", str(tmp_path)]
    monkeypatch.setenv("BETAVAE_PICTURES", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="no folder of pictures"):
        on_offer()


@pytest.mark.parametrize(("text", "slots"), [("", 1), ("3", 3)])
def test_slots(monkeypatch, text, slots):
    monkeypatch.setenv("BETAVAE_LAB_SLOTS", text)
    assert slots_wanted() == slots


def test_a_number_of_slots_that_is_none(monkeypatch):
    monkeypatch.setenv("BETAVAE_LAB_SLOTS", "many")
    with pytest.raises(ValueError, match="BETAVAE_LAB_SLOTS is 'many'"):
        slots_wanted()


def test_start_stop_leave_again_and_again_leaves_nothing(lab):
    for _ in range(6):
        visit = lab.start(None, asked(4))
        until(lambda visit=visit: visit.at_it)
        lab.leave(visit.token)
    assert lab._visits == {} and lab._queue == []
    assert list(lab._folder.glob("lab-*")) == []
    assert not any(thread.name == "lab" and not thread.daemon for thread in threading.enumerate())
