"""Who watches a run and steers it: words on standard input, answered by live.json in its folder.

The words are `go`, `pause`, `step` (one step, then pause) and `stop`, a line each. A watched run
waits for its first `go`, so that two of them can share a clock. When standard input closes, whoever
watched is gone, even killed, and the process ends at once: nobody would take what it makes.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterable

from betavae.machine import parent
from betavae.training.live import Report
from betavae.training.run import Run

WORDS = ("go", "pause", "step", "stop")
HOLD = 0.1  # seconds between two looks at a paused run


class Nobody:
    """Nobody watches; a run may still have a last step and a last second."""

    def __init__(self, seconds: float = math.inf, last_step: float = math.inf):
        self.seconds, self.last_step = seconds, last_step
        self._began: float | None = None

    def over(self, run: Run) -> bool:
        """Whether the run is to end before its last step."""
        return run.step >= self.last_step or self.elapsed >= self.seconds

    def holds(self, run: Run) -> bool:
        """Whether no step is to be made just now; waits a moment then."""
        if self._began is None:
            self._began = time.monotonic()
        return False

    def look(self, run: Run) -> None:
        """Called after each step."""

    def close(self, run: Run) -> None:
        """Called when the last step is made; validation and saving follow."""

    @property
    def elapsed(self) -> float:
        """Seconds since the first step was allowed, without pauses."""
        return 0.0 if self._began is None else time.monotonic() - self._began


class Watcher(Nobody):
    """Somebody does, through `words` and live.json."""

    def __init__(
        self,
        validation,
        seconds: float = math.inf,
        last_step: float = math.inf,
        words: Iterable[str] | None = None,
    ):
        super().__init__(seconds, last_step)
        self._state, self._steps, self._said = "ready", 0, ""
        self._ran, self._since = 0.0, None
        self._changed = threading.Condition()
        self._report = Report(validation)
        threading.Thread(target=self._listen, args=(words or parent.words(),), daemon=True).start()

    def _listen(self, words: Iterable[str]) -> None:
        for line in words:
            with self._changed:
                self._obey(line.strip())
                self._changed.notify_all()
        os._exit(1)  # whoever watched is gone

    def _obey(self, word: str) -> None:
        if word not in WORDS or self._state == "stopped":
            return
        self._stop_clock()
        self._state = {"go": "running", "stop": "stopped"}.get(word, "paused")
        self._steps += word == "step"
        if word == "go":
            self._since = time.monotonic()

    def _stop_clock(self) -> None:
        if self._since is not None:
            self._ran += time.monotonic() - self._since
        self._since = None

    @property
    def elapsed(self) -> float:
        since = self._since
        return self._ran + (0.0 if since is None else time.monotonic() - since)

    def over(self, run: Run) -> bool:
        return self._state == "stopped" or super().over(run)

    def holds(self, run: Run) -> bool:
        if self._state == "running":
            return False
        if self._steps:
            self._steps -= 1
            self._said = ""  # to be shown again, as it is then
            return False
        if self._said != self._state:
            self._said = self._state
            self._report.write(run, self._state, self.elapsed, whole=True)
        with self._changed:
            self._changed.wait_for(lambda: self._state in ("running", "stopped"), HOLD)
        return True

    def look(self, run: Run) -> None:
        if self._state == "running":
            self._said = ""
            self._report.write_if_due(run, self.elapsed)

    def close(self, run: Run) -> None:
        with self._changed:
            self._stop_clock()
        self._report.write(run, "ended", self.elapsed, whole=True)
