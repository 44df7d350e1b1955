"""Commands in processes of their own that need not import PyTorch first.

A process imports PyTorch and betavae in four seconds of a core, and tests start some fifty. Here
one server imports them once, and each command is a fork of it: a real process with its own signals,
exit code, environment and pipes. What the interpreter itself reads when it starts (locale,
PYTHONUTF8, PYTHONPATH) is the server's: a test of that starts Python with `subprocess`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection, reduction
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

PROJECT = Path(__file__).parents[1]
# What training and measuring import, some of it only at the first step.
PRELOADED = [
    "betavae.cli",
    "torch._dynamo",
    "torch.distributed.launcher.api",
    "torchvision.transforms.v2.functional",
    "sklearn.linear_model",
    "sklearn.svm",
    "sklearn.metrics",
    "sklearn.pipeline",
    "forked",
]


class Forked:
    """As `subprocess.Popen`, of a command line that begins with `python -m betavae`.

    function  of a module: called with `args` instead
    parent    whether that starts processes of multiprocessing; others end with the tests
    server    whether it is a fork of the server, not of the process that starts it: for one that
              has no other threads, or none that matter
    """

    def __init__(
        self,
        args: list[str],
        *,
        function: Callable[[list[str]], int | None] | None = None,
        parent: bool = False,
        server: bool = True,
        cwd: Path | str | None = None,
        env: dict[str, str] | None = None,
        stdin=None,
        stdout=None,
        stderr=None,
        encoding: str | None = None,
    ):
        if function is None:
            assert args[1:3] == ["-m", "betavae"], args
            function, args = betavae, args[3:]
        self.args, self.stdin, self.stdout, self.stderr = args, None, None, None
        with contextlib.ExitStack() as open_here:
            ends, kept = [], []
            for name, given in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
                if given == PIPE:
                    pipe = os.pipe()
                    end, own = pipe if name == "stdin" else pipe[::-1]
                    open_here.callback(os.close, end)
                    own_mode = "w" if name == "stdin" else "r"
                    kind = own_mode if encoding else own_mode + "b"
                    setattr(self, name, open(own, kind, encoding=encoding))  # noqa: SIM115
                    kept.append(own)
                elif given == STDOUT:
                    end = ends[1]
                elif given in (None, DEVNULL):
                    end = os.open(os.devnull, os.O_RDWR)
                    open_here.callback(os.close, end)
                else:
                    end = given if isinstance(given, int) else given.fileno()
                ends.append(end)
            context = multiprocessing.get_context("forkserver" if server else "fork")
            if server:
                context.set_forkserver_preload(PRELOADED)
                kept = []  # the server has none of these
            place = (str(cwd or os.getcwd()), dict(os.environ if env is None else env))
            self._process = context.Process(
                target=_begin,
                args=(function, args, *place, _Files(ends), kept),
                daemon=not parent,
            )
            self._process.start()
        self.pid = self._process.pid
        self._lock = threading.Lock()  # its exit code is read once, and several threads may ask

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        with self._lock:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        if not connection.wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired(self.args, timeout)
        with self._lock:
            self._process.join()  # of this process's fork the end is seen before its exit code is
            return self._process.exitcode

    def communicate(self, timeout: float | None = None):
        with ThreadPoolExecutor() as pool:
            said = [pool.submit(pipe.read) if pipe else None for pipe in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return tuple(each and each.result() for each in said)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def forking(
    function: Callable[[list[str]], int | None], module: str = "betavae", **forked
) -> types.SimpleNamespace:
    """What stands in for `subprocess` in a module that starts `python -m betavae`, or another
    module: the words after that are given to `function`, in a fork."""

    def popen(args: list[str], **options) -> Forked:
        assert args[1:3] == ["-m", module], args
        return Forked(args[3:], function=function, **forked, **options)

    return types.SimpleNamespace(Popen=popen, PIPE=PIPE, STDOUT=STDOUT, DEVNULL=DEVNULL)


class _Files:
    """Open files that another process gets, by their numbers."""

    def __init__(self, numbers: list[int]):
        self.numbers = numbers

    def __getstate__(self):
        return [reduction.DupFd(number) for number in self.numbers]

    def __setstate__(self, handles):
        self.numbers = [handle.detach() for handle in handles]


def _begin(
    function, args: list[str], folder: str, environment: dict, files: _Files, foreign: list[int]
) -> None:
    """In the new process: its place in the world, then the command.

    files    become its standard input and outputs
    foreign  open files that only the process which started it may hold: its pipes' other ends
    """
    import torch

    for number in foreign:
        os.close(number)
    for number, file in enumerate(files.numbers):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(int(environment.get("OMP_NUM_THREADS", "1")))
    sys.exit(function(args))


def betavae(words: list[str]) -> None:
    """`python -m betavae`, which ends by SystemExit."""
    sys.argv = ["betavae", *words]
    runpy.run_module("betavae", run_name="__main__", alter_sys=True)


def train(words: list[str]) -> None:
    """A command as one process of a group runs it."""
    from betavae import cli

    if code := cli.main(words):
        sys.exit(code)


def two_of_a_group(words: list[str], function: Callable[[list[str]], None] = train) -> None:
    """What `torchrun --standalone --nproc-per-node 2` does, its two processes forked."""
    _launch(words, function, nproc_per_node=2, rdzv_endpoint="localhost:0", max_restarts=0)


def one_of_two_nodes(rank: int, port: int, words: list[str]) -> None:
    """What `torchrun --nnodes 2 --nproc-per-node 1 --max-restarts 10` does on each of two nodes
    that meet at a port of the first, its process forked."""
    _launch(
        words,
        train,
        nodes=2,
        nproc_per_node=1,
        rdzv_endpoint=f"127.0.0.1:{port}",
        rdzv_configs={"is_host": rank == 0},
        max_restarts=10,
    )


def _launch(words: list[str], function: Callable[[list[str]], None], nodes=1, **config) -> None:
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    every = {"run_id": "test", "rdzv_backend": "c10d", "start_method": "fork"}
    elastic_launch(LaunchConfig(nodes, nodes, **every, **config), function)(words)
