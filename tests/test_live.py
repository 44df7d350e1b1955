"""A run that is watched: what it reports, how it obeys, and that it learns the same as without."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import torch

from betavae.data import Shapes2D
from betavae.metrics.telling import entropies, information_from_few, share_over_next, tellers
from betavae.training import live, loop
from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run
from betavae.training.watching import Nobody, Watcher

QUIET = Pace(history_steps=1000, checkpoint_seconds=1e9, picture_seconds=1e9, progress=False)


@pytest.fixture(scope="module")
def shapes():
    return Shapes2D(), Shapes2D(split="validation")


def new_run(folder, shapes, steps=6) -> Run:
    folder.mkdir()
    config = TrainingConfig(
        data="shapes2d",
        latents=3,
        likelihood="bernoulli",
        channels=1,
        steps=steps,
        batch_size=4,
        flips=False,
        precision="fp32",
        memory_format="contiguous",
    )
    return Run(folder, config, shapes[0], Processes())


class Few:
    """The validation split, of which validation itself sees little."""

    def __init__(self, shapes, count=64):
        self._all, self._count = shapes, count
        self.indices = shapes.indices[:count]
        self.factor_sizes, self.factors = shapes.factor_sizes, shapes.factors
        self.images = shapes.images

    def __len__(self):
        return self._count

    def batch(self, indices):
        return self._all.batch(indices)


class Hand:
    """Words to a watcher, one by one, as a pipe would bring them; it never closes."""

    def __init__(self, folder):
        self.folder, self._words, self._more = folder, [], threading.Condition()

    def say(self, word):
        with self._more:
            self._words.append(word)
            self._more.notify()

    def __iter__(self):
        while True:
            with self._more:
                self._more.wait_for(lambda: self._words)
                word = self._words.pop(0)
            yield f"{word}\n"

    def told(self):
        try:
            return json.loads((self.folder / live.NAME).read_bytes())
        except OSError:
            return {"state": None}


def wait_until(true, seconds=60.0):
    for _ in range(int(seconds * 50)):
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came")


def test_a_watched_run_waits_steps_pauses_and_stops(tmp_path, shapes):
    run = new_run(tmp_path / "run", shapes, steps=1000)
    hand, few = Hand(run.folder), Few(shapes[1])
    watcher = Watcher(few, words=hand)
    thread = threading.Thread(target=_train, args=(run, few, watcher))
    thread.start()
    wait_until(lambda: hand.told()["state"] == "ready")
    assert run.step == 0 and hand.told()["seconds"] == 0
    hand.say("step")
    wait_until(lambda: hand.told()["state"] == "paused" and hand.told()["step"] == 1)
    assert run.step == 1
    hand.say("nonsense")
    hand.say("go")
    wait_until(lambda: run.step > 3)
    hand.say("pause")
    wait_until(lambda: hand.told()["state"] == "paused" and hand.told()["step"] == run.step > 3)
    before = hand.told()
    threading.Event().wait(0.3)
    assert run.step == before["step"] and watcher.elapsed == pytest.approx(before["seconds"], abs=1)
    hand.say("stop")
    thread.join(60)
    told = hand.told()
    assert told["state"] == "ended" and told["step"] == run.step
    assert len(told["kl"]) == 3 and np.shape(told["information"]) == (3, 5)
    assert told["curve"][-1][1] == run.step
    # What is to be packaged is there, with a validation.
    assert (run.folder / "checkpoint.pt").is_file() and run.history[-1]["step"] == run.step


def _train(run, few, watcher):
    """As a command would, but in a thread: handlers of signals are for the main one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._StopRequest, "SIGNALS", ())
        train(run, few, QUIET, watcher=watcher)


def test_watching_changes_no_weight(tmp_path, shapes):
    few = Few(shapes[1])
    alone = new_run(tmp_path / "alone", shapes)
    train(alone, few, QUIET)
    watched = new_run(tmp_path / "watched", shapes)
    watcher = Watcher(few, words=Hand(watched.folder))
    watcher._obey("go")
    watcher._report.write_if_due = lambda run, seconds: watcher._report.write(
        run, "running", seconds, whole=True
    )
    train(watched, few, QUIET, watcher=watcher)
    for one, other in zip(alone.vae.parameters(), watched.vae.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_run_ends_after_a_step_as_one_that_was_planned_so(tmp_path, shapes):
    run = new_run(tmp_path / "run", shapes, steps=100)
    train(run, Few(shapes[1]), QUIET, watcher=Nobody(last_step=3))
    assert run.step == 3 and [row["step"] for row in run.history] == [3]


def test_a_run_ends_when_its_seconds_are_over(tmp_path, shapes):
    run = new_run(tmp_path / "run", shapes, steps=1_000_000)
    train(run, Few(shapes[1]), QUIET, watcher=Nobody(seconds=0.5))
    assert 0 < run.step < 1_000_000


class TestInformationFromFew:
    def test_a_copy_of_a_factor_tells_its_entropy_and_noise_tells_nothing(self):
        random = np.random.default_rng(0)
        factors = np.stack([random.integers(0, n, 2000) for n in (3, 6, 40)], axis=1)
        codes = np.stack([factors[:, 1].astype(float), random.normal(size=2000)], axis=1)
        found = information_from_few(codes, factors)
        assert found[0, 1] == pytest.approx(np.log(6), abs=0.02)
        # As it is, the histogram's estimate for noise and 40 values is about 0.09 nats.
        assert found[1].max() < 0.05 and found[0, 2] < 0.05

    def test_who_tells_what(self):
        entropy = entropies((3, 6, 32))
        told = np.array([[0.0, 1.5, 0.3], [0.05, 0.2, 0.5], [0.0, 0.1, 0.45]])
        assert tellers(told, entropy) == [[], [0], [1, 2, 0]]
        assert share_over_next(told)[1] == pytest.approx(7.5)


def test_a_silent_latent_tells_nothing_however_its_mean_moves(tmp_path, shapes):
    run = new_run(tmp_path / "run", shapes)
    report = live.Report(Few(shapes[1], 500))
    head = run.vae.encoder[-1]
    with torch.no_grad():
        head.weight[3:], head.bias[:] = 0, 0  # each variance is 1
        head.weight[1] = head.weight[0] * 1000
    heard, silent = 1, 0
    with torch.no_grad():
        means = run.vae.encode(report.measured.float() / 255).mean.double().numpy()
    moved = information_from_few(means, report.factors)
    np.testing.assert_allclose(moved[silent], moved[heard])  # the same, but for its scale
    with torch.no_grad():
        found = report._measure(run.vae, run)
    assert found["kl"][silent] < 0.05 < found["kl"][heard]
    assert not any(found["information"][silent])
    assert max(found["information"][heard]) > 0
