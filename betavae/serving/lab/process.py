"""A command of `python -m betavae` as a process that never outlives the app."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]
POLITE = 4  # niceness: beside an app that is busy, a run has three tenths of a core and it seven
LOG = "log.txt"
BYTES = 20_000  # of the log's end that are looked at


class Command:
    """`python -m betavae ...`, started.

    Its standard input is a pipe that only this process holds: it closes with this process, even if
    that is killed, and the command ends then.

    folder   where its output goes, as log.txt
    threads  of PyTorch's
    """

    def __init__(self, arguments: Sequence[str], folder: Path, threads: int):
        self.folder = folder
        paths = [str(PROJECT), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OMP_NUM_THREADS": str(threads),
            "CUDA_VISIBLE_DEVICES": "",
        }
        with open(folder / LOG, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "betavae", *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def give_way(self) -> None:
        """From now on pictures of a drag go first. A process starts without: it would take long."""
        with contextlib.suppress(OSError, AttributeError):  # Windows has no such priority
            os.setpriority(os.PRIO_PROCESS, self.pid, POLITE)
            for thread in os.listdir(f"/proc/{self.pid}/task"):  # Linux: each thread has its own
                os.setpriority(os.PRIO_PROCESS, int(thread), POLITE)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def say(self, word: str) -> None:
        """A word to a run that is watched; to one that has ended, nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()

    def trouble(self) -> str:
        """Why it ended, in one sentence; "" if as it should."""
        code = self._process.poll()
        if not code:
            return ""
        lines = self._log().strip().splitlines()
        told = [line.removeprefix("betavae: ") for line in lines if line.startswith("betavae: ")]
        if any("No space left" in line for line in lines):
            return "The server's disk is full. Try again later."
        if code > 0 and told:
            return told[-1]
        if code < 0 or any("out of memory" in line or "allocate memory" in line for line in lines):
            return "The system ended this training, perhaps for lack of memory. Start it again."
        return f"The training ended with an error: {lines[-1][:200] if lines else f'code {code}'}"

    def _log(self) -> str:
        try:
            with open(self.folder / LOG, "rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - BYTES))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def end(self) -> None:
        """It is gone when this returns."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def read_json(path: Path) -> dict[str, Any] | None:
    """What a process has written whole; None before that."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
