"""What one page of the lab has: its runs, and where they are on their way."""

from __future__ import annotations

import math
import secrets
import time
from typing import Any

from betavae.machine.cores import cores
from betavae.serving.checks import Refused
from betavae.serving.lab.seat import DONE, FAILED, MEASURING, TRAINING, WAITING, Seat

PAUSED = 600.0  # seconds that a paused run keeps its place
STARTING = 180.0  # seconds until its first report
GRACE = 180.0  # seconds more than it asked for: its last validation, and a machine that is busy


class Visit:
    """A page's runs. `work` is what it has in the queue, or at it; the others are finished."""

    def __init__(self):
        self.token = secrets.token_urlsafe(16)
        self.session = ""
        self.seen = time.monotonic()
        self.gone: float | None = None  # when its page was closed, or seemed to be
        self.seats: list[Seat] = []
        self.work: list[Seat] = []
        self.kind = ""  # of the work: "train" or "measure"
        self.at_it = False
        self.state = ""  # while it trains: "starting", "running" or "paused"
        self._since = 0.0  # when that began

    def seat(self, name: Any) -> Seat:
        for seat in self.seats:
            if seat.name == name:
                return seat
        raise Refused("There is no such run of yours: start it again.")

    def enter(self, seats: list[Seat], kind: str) -> None:
        """Into the queue."""
        self.work, self.kind, self.seen = seats, kind, time.monotonic()

    def begin(self, now: float, known: dict[str, Any]) -> None:
        """From the queue to work. `known` as for `Setup.options`, {} where nothing is."""
        self.at_it, self.state, self._since = True, "starting", now
        if self.kind == "measure":
            for seat in self.work:
                seat.measure()
            return
        # The first run finds out what is fastest here and how many steps fit its time; the second
        # then makes as many in the same way, and starts a little later.
        for seat in self.work if "steps" in known else self.work[:1]:
            seat.train(self._threads, known)

    @property
    def _threads(self) -> int:
        return max(1, cores() // len(self.work))

    def watch(self, now: float) -> None:
        """Let all begin at once; end what hangs."""
        training = [seat for seat in self.work if seat.stage in (WAITING, TRAINING)]
        if self.kind != "train" or not training:
            return
        if any(seat.stage == FAILED for seat in self.work):
            for seat in training:  # the other failed: what is compared with nothing ends, too
                seat.say("stop") if seat.live() else seat.fail("The run beside it failed.")
        if self.state == "starting":
            known = training[0].known
            for seat in training:
                if seat.stage == WAITING and known:
                    seat.train(self._threads, known)
            if all(seat.live() for seat in training):
                self.say("go")
            elif now - self._since > STARTING:
                for seat in training:
                    seat.fail(
                        "The training did not start in three minutes: this machine is too busy."
                    )
        elif self.state == "paused" and now - self._since > PAUSED:
            self.say("stop")
        elif now - self._since > self._allowed:
            for seat in training:
                seat.fail("The training did not end in its time, so it was ended.")

    @property
    def _allowed(self) -> float:
        """Seconds that it may still take, of which it knows nothing itself when it hangs."""
        if self.state == "paused":
            return math.inf
        return GRACE + (self.work[0].setup.seconds if self.state == "running" else 0)

    def say(self, word: str) -> None:
        """To all that trains."""
        training = [seat for seat in self.work if seat.stage in (WAITING, TRAINING)]
        if not self.at_it or self.kind != "train" or not training:
            raise Refused("Nothing is training.")
        for seat in training:
            if word == "stop" and not seat.live():
                seat.fail("Stopped before a step was trained.")
            seat.say(word)
        self.state = {"go": "running", "stop": "stopping"}.get(word, "paused")
        self._since = time.monotonic()

    def out(self) -> None:
        """It no longer works or waits: no process of it is left."""
        for seat in self.work:
            if seat.stage == WAITING:
                seat.stage, seat.sentence = FAILED, "It left the queue."
            seat.end()
            if seat.stage == MEASURING:
                seat.stage = DONE
        self.work, self.kind, self.at_it, self.state = [], "", False, ""
