"""More than one machine: a grid on a Dask cluster, training that torchrun starts again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch.distributed as dist
from forked import Forked, betavae, forking, one_of_two_nodes
from small_grids import make_small, planned
from small_runs import command

from betavae import cli
from betavae.machine import locks
from betavae.study import apart as apart_
from betavae.study import cluster, grid
from betavae.study.apart import apart
from betavae.study.score import SCORES
from betavae.training import checkpoints
from betavae.training.distributed import of_this_start
from betavae.training.run import Run

PROJECT = Path(__file__).parents[1]
SECONDS = 240  # in which everything below must have happened, on a busy machine too


def scheduler_of_dask(words: list[str]) -> None:
    from distributed.cli.dask_scheduler import main

    main(words)


def worker_of_dask(words: list[str]) -> None:
    """Few pictures, as in the other tests of grids, and rests, so that a run of few steps takes as
    long as is needed to end its worker; what `apart` starts is a fork of the worker, which leaves a
    line in `MEASURED` for each run that it measures."""
    from distributed.cli.dask_worker import main

    make_small()
    train_step = Run.train_step

    def rested(run) -> None:
        train_step(run)
        time.sleep(0.1)

    Run.train_step = rested
    measure = grid.measure_run

    def noted(folder, *rest):
        with open(os.environ["MEASURED"], "a", encoding="utf-8") as lines:
            lines.write(f"{folder.name}\n")
        measure(folder, *rest)

    grid.measure_run = noted
    apart_.subprocess = forking(main_of_apart, "betavae.study.apart", server=False)
    main(words)


def main_of_apart(words: list[str]) -> int:
    return apart_._main()


def hold(words: list[str]) -> None:
    """Say "in" when the folder is this process's alone."""
    with locks.alone(Path(words[0])):
        print("in", flush=True)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(condition, *processes: Forked) -> None:
    """Wait for it; the processes must not end meanwhile."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        for process in processes:
            assert process.poll() is None, process.args
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def processes():
    """processes(words, function, ...): started, and ended after the test with all they began."""
    started = []

    def start(words, function, **options):
        started.append(Forked(words, function=function, parent=True, cwd=PROJECT, **options))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            family = [*psutil.Process(process.pid).children(recursive=True), process]
            for each in family:
                each.kill()
        process.wait()


class TestDask:
    @pytest.mark.slow
    def test_a_lost_worker_loses_no_run_and_none_is_trained_twice(self, tmp_path, processes):
        measured = tmp_path / "measured"
        environment = os.environ | {"MEASURED": str(measured)}
        port = free_port()
        address = f"tcp://127.0.0.1:{port}"
        words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
        scheduler = processes(words, scheduler_of_dask, env=environment)
        words = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        words += ["--local-directory", str(tmp_path)]
        workers = [processes(words, worker_of_dask, env=environment) for _ in range(2)]
        runs = [tmp_path / f"conv-small-beta-vae-beta{beta}-seed0" for beta in (1, 4, 16)]
        words = f"grid shapes2d --to {tmp_path} --seeds 1 --beta 1 4 16 --steps 20 --batch-size 8"
        words += " --architecture conv-small --precision fp32 --memory-format contiguous"
        words += f" --scheduler {address}"
        grid_ = processes(words.split(), betavae, env=environment)

        def training(worker) -> bool:
            return bool(psutil.Process(worker.pid).children())

        begun = lambda: [run for run in runs if (run / checkpoints.NAME).exists()]  # noqa: E731
        until(lambda: len(begun()) >= 2 and training(workers[0]), grid_, scheduler, *workers)
        children = psutil.Process(workers[0].pid).children(recursive=True)
        workers[0].kill()
        until(lambda: grid_.poll() is not None, scheduler, workers[1])
        assert grid_.returncode == 0
        for run in runs:
            assert json.loads((run / SCORES).read_bytes())["config"]["steps"] == 20
            assert checkpoints.read(run)["step"] == 20
        assert sorted(measured.read_text(encoding="utf-8").split()) == sorted(
            run.name for run in runs
        )
        assert not psutil.wait_procs(children, timeout=20)[1]  # nobody trains on unseen

    def test_no_scheduler_is_said_in_one_sentence(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(cluster, "SECONDS", 1)
        words = ["grid", "shapes2d", "--to", str(tmp_path), "--seeds", "1", "--steps", "1"]
        address = f"tcp://127.0.0.1:{free_port()}"
        assert cli.main([*words, "--scheduler", address]) == 1
        assert f"No Dask scheduler answers at {address}" in capsys.readouterr().err

    def test_without_dask_it_is_said_what_to_install(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)  # as Python has what is not there
        words = ["grid", "shapes2d", "--to", str(tmp_path), "--seeds", "1", "--steps", "1"]
        assert cli.main([*words, "--scheduler", "tcp://127.0.0.1:1"]) == 1
        assert "pip install distributed" in capsys.readouterr().err


class TestApart:
    def test_answers_and_errors_come_back(self, monkeypatch):
        """By a Python of its own; what it says, then by forks, which are there sooner."""
        assert apart(os.path.exists, str(PROJECT)) is True
        monkeypatch.setattr(apart_, "subprocess", forking(main_of_apart, "betavae.study.apart"))
        assert apart(os.path.exists, "/no/such/folder") is False
        with pytest.raises(RuntimeError, match=r"FileNotFoundError.*/no/such/folder"):
            apart(os.listdir, "/no/such/folder")

    def test_a_folder_is_one_processes_at_a_time(self, tmp_path):
        with locks.alone(tmp_path / "run"):
            words = [str(tmp_path / "run")]
            other = Forked(words, function=hold, stdout=subprocess.PIPE, encoding="utf-8")
            with pytest.raises(subprocess.TimeoutExpired):
                other.wait(timeout=1)
        assert other.communicate(timeout=SECONDS)[0] == "in\n"

    def test_what_is_finished_is_not_trained_again(self, measured, monkeypatch):
        monkeypatch.setattr(grid, "_train_and_measure", None)  # it is not called
        (run,) = planned(measured)
        assert grid.train_and_measure(run)


def test_processes_meet_those_of_their_own_start():
    """Whichever is quicker; what earlier ones left in torchrun's store is not theirs."""
    server = dist.TCPStore("127.0.0.1", 0, is_master=True)
    for quicker in (1, 0, 1):
        with ThreadPoolExecutor() as pool:
            found = {}
            for rank in (quicker, 1 - quicker):
                client = dist.TCPStore("127.0.0.1", server.port, is_master=False)
                found[rank] = pool.submit(of_this_start, client, rank, 2)
                time.sleep(0.2)
        first, second = found[0].result(), found[1].result()
        assert not second.check(["address"])
        first.set("address", f"of the one beside {quicker}")
        assert second.get("address") == f"of the one beside {quicker}".encode()


@pytest.mark.slow
def test_torchrun_goes_on_from_the_checkpoint_after_a_node_is_lost(
    picture_folder, tmp_path, processes
):
    """Two nodes of one process; one process is killed, both are started again."""
    run, port = tmp_path / "run", free_port()
    words = command(picture_folder, run, "--steps", "4000", "--checkpoint-seconds", "0.2")

    def node(rank: int) -> Forked:
        log = open(tmp_path / f"node{rank}", "w", encoding="utf-8")  # noqa: SIM115
        launch = partial(one_of_two_nodes, rank, port)
        return processes(words, launch, stdout=log, stderr=log)

    nodes = [node(rank) for rank in range(2)]
    until(lambda: (run / checkpoints.NAME).exists(), *nodes)
    (worker,) = psutil.Process(nodes[1].pid).children()
    worker.kill()
    before = checkpoints.read(run)["step"]

    def resumed() -> bool:
        again = psutil.Process(nodes[1].pid).children()
        return again and again[0].pid != worker.pid and checkpoints.read(run)["step"] > before

    until(resumed, *nodes)
    text = "".join((tmp_path / f"node{rank}").read_text(encoding="utf-8") for rank in range(2))
    assert text.count("pictures to train on") == 2  # the first process says it, once a start
    state = checkpoints.read(run)
    rows = [row["step"] for row in state["history"]]
    assert rows == sorted(set(rows))  # it went on; a run begun anew would have the first rows again
