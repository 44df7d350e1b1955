"""Who trains now, and who waits: a room full of people and a few places."""

from __future__ import annotations

import atexit
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from betavae.errors import reason
from betavae.machine.scratch import Scratch
from betavae.serving.checks import Refused
from betavae.serving.lab.material import Material, on_offer
from betavae.serving.lab.seat import BUSY, DONE, WAITING, Seat
from betavae.serving.lab.setup import checked
from betavae.serving.lab.visit import Visit

MOST_WAITING = 40  # visits in the queue
MOST_KEPT = 60  # runs on the disk, of 3 MB each
SILENT = 150.0  # seconds without a question: the page is gone (a hidden one asks once a minute)
AWAY = 3.0  # seconds without one after its line was cut
KEPT = 3600.0  # seconds that a finished run is kept after its page's last question
TICK = 0.2
SPARE = 0.95  # of the steps that an earlier run made in as long
PREFIX = "betavae-lab-"


class Lab:
    """Visits, by the token that each page was given; thread-safe.

    offered  what may be trained on; by default 2D shapes and $BETAVAE_PICTURES
    slots    how many visits may train or measure at once, $BETAVAE_LAB_SLOTS or 1
    setting  "precision", "memory_format" and "steps" of each run; without them the first measures
             what is fastest here and fits its time
    """

    def __init__(
        self,
        slots: int | None = None,
        offered: Sequence[Material] | None = None,
        setting: dict[str, Any] | None = None,
    ):
        self.slots = slots or slots_wanted()
        self.offered = list(on_offer() if offered is None else offered)
        self._visits: dict[str, Visit] = {}
        self._queue: list[Visit] = []  # who waits or is at it, first come first
        self._lock = threading.RLock()
        self._awake = threading.Condition(self._lock)
        self._setting: dict[str, Any] = dict(setting or {})
        self._paces: dict[tuple[str, ...], float] = {}  # steps a second of objectives side by side
        self._scratch: Scratch | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._on_drop: list[Callable[[str], None]] = []

    # ---- what a page asks ----

    def start(self, token: Any, request: Any) -> Visit:
        """Queue one or two runs; those of before are dropped, but for the one to be kept beside.

        request  what `setup.checked` takes, and "keep": the name of one of the visit's runs
        """
        setups = checked(request, self.offered)
        with self._lock:
            if self._closed:
                raise Refused("The app is closing.")
            if len(self._queue) >= self.slots + MOST_WAITING:
                raise Refused("The queue is full; try again in a few minutes.")
            visit = self._visit(token)
            if visit in self._queue:
                raise Refused("A run of yours is under way: stop it first.")
            kept = [seat for seat in visit.seats if seat.name == request.get("keep")]
            for seat in visit.seats:
                if seat not in kept:
                    self._drop(seat)
            try:
                fresh = [Seat(setup, self._folder) for setup in setups]
            except OSError as error:
                raise Refused(f"The server cannot keep a run: {error.strerror}.") from error
            visit.seats = [*kept[:1], *fresh]
            visit.enter([seat for seat in visit.seats if seat.stage == WAITING], "train")
            self._queue.append(visit)
            self._make_room()
            self._begin(time.monotonic())  # at once where a place is free
            self._wake()
            return visit

    def measure(self, token: Any, name: Any) -> None:
        """Queue the measurement of a finished run."""
        with self._lock:
            visit = self._known(token)
            seat = visit.seat(name)
            if visit in self._queue or seat.stage != DONE:
                raise Refused("It can be measured when it has ended and nothing else is under way.")
            visit.enter([seat], "measure")
            self._queue.append(visit)
            self._wake()

    def say(self, token: Any, word: Any) -> None:
        """go, pause, step or stop, to what this visit trains; stop also leaves the queue."""
        if word not in ("go", "pause", "step", "stop"):
            raise Refused("Say go, pause, step or stop.")
        with self._lock:
            visit = self._known(token)
            if word == "stop" and visit in self._queue and not visit.at_it:
                self._leave(visit)
                return
            visit.say(word)
            self._awake.notify_all()

    def look(self, token: Any) -> Visit:
        """The visit, which is there as long as it is looked at."""
        with self._lock:
            visit = self._known(token)
            visit.seen, visit.gone = time.monotonic(), None
            return visit

    def place(self, visit: Visit) -> int:
        """Its place among those who wait, from 1; 0 for one that does not."""
        with self._lock:
            waiting = [other for other in self._queue if not other.at_it]
            return waiting.index(visit) + 1 if visit in waiting else 0

    def belongs(self, token: Any, session: str) -> None:
        """The visit ends with this session."""
        with self._lock:
            self._known(token).session = session

    def gone(self, session: str) -> None:
        """The page of this session is closed, or its line is cut: then it looks again soon."""
        with self._lock:
            for visit in self._visits.values():
                if visit.session == session:
                    visit.gone = time.monotonic()
            self._awake.notify_all()

    def leave(self, token: Any) -> None:
        """The visit is over."""
        with self._lock:
            visit = self._visits.get(token) if isinstance(token, str) else None
            if visit:
                self._forget(visit)

    def on_drop(self, act: Callable[[str], None]) -> None:
        """`act(name)` is called when a run is gone."""
        self._on_drop.append(act)

    def close(self) -> None:
        """Nothing is left: no process, no file."""
        with self._lock:
            self._closed = True
            for visit in list(self._visits.values()):
                self._forget(visit)
            self._awake.notify_all()
            if self._scratch:
                self._scratch.remove()
                self._scratch = None

    # ---- behind the counter ----

    def _visit(self, token: Any) -> Visit:
        if not isinstance(token, str) or token not in self._visits:
            visit = Visit()
            self._visits[visit.token] = visit
            return visit
        return self._visits[token]

    def _known(self, token: Any) -> Visit:
        visit = self._visits.get(token) if isinstance(token, str) else None
        if visit is None:
            raise Refused("This run is no longer here: start it again.")
        return visit

    @property
    def _folder(self) -> Path:
        if self._scratch is None:
            self._scratch = Scratch(PREFIX)
            atexit.register(self.close)
        return self._scratch.folder

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="lab", daemon=True)
            self._thread.start()
        self._awake.notify_all()

    def _keep(self) -> None:
        """Until there is no visit."""
        while True:
            with self._lock:
                if not self._visits:
                    self._thread = None
                    return
                self._tick(time.monotonic())
                leaving = any(visit.gone is not None for visit in self._visits.values())
                self._awake.wait(TICK if self._queue or leaving else 5.0)

    def _tick(self, now: float) -> None:
        for visit in list(self._visits.values()):
            silent = now - visit.seen > (SILENT if visit in self._queue else KEPT)
            if silent or (visit.gone is not None and now - visit.gone > AWAY):
                self._forget(visit)
        for visit in list(self._queue):
            if visit.at_it:
                self._see_to(visit, now)
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Whoever is first, as far as there are places."""
        for visit in self._queue[: self.slots]:
            if not visit.at_it:
                visit.begin(now, self._known_for(visit))

    def _see_to(self, visit: Visit, now: float) -> None:
        """One that is at it: on to the next step, or out of the queue."""
        try:
            for seat in visit.work:
                seat.proceed()
            visit.watch(now)
        except Exception as error:  # nobody else's run may end of it
            traceback.print_exc()
            for seat in visit.work:
                seat.fail(f"The lab failed: {reason(error)}.")
        if not any(seat.stage in BUSY for seat in visit.work):
            self._remember(visit)
            self._leave(visit)

    def _remember(self, visit: Visit) -> None:
        """What its runs have found out about this machine."""
        found = [seat for seat in visit.work if seat.known]
        if visit.kind != "train" or not found:
            return
        known = found[0].known
        self._setting = {name: known[name] for name in ("precision", "memory_format")}
        if len(found) == len(visit.work) and min(seat.pace for seat in found) > 0:
            self._paces[_objectives(visit)] = min(seat.pace for seat in found)

    def _known_for(self, visit: Visit) -> dict[str, Any]:
        pace = self._paces.get(_objectives(visit))
        steps = {"steps": max(50, int(SPARE * pace * visit.work[0].setup.seconds))} if pace else {}
        return self._setting | steps

    def _leave(self, visit: Visit) -> None:
        if visit in self._queue:
            self._queue.remove(visit)
        visit.out()
        self._awake.notify_all()

    def _forget(self, visit: Visit) -> None:
        self._leave(visit)
        for seat in visit.seats:
            self._drop(seat)
        self._visits.pop(visit.token, None)

    def _drop(self, seat: Seat) -> None:
        seat.drop()
        for act in self._on_drop:
            act(seat.name)

    def _make_room(self) -> None:
        """The runs of whoever looked longest ago go first."""
        visits = sorted(self._visits.values(), key=lambda visit: visit.seen)
        while sum(len(v.seats) for v in visits) > MOST_KEPT and visits:
            oldest = visits.pop(0)
            if oldest not in self._queue:
                self._forget(oldest)


def _objectives(visit: Visit) -> tuple[str, ...]:
    """And on what: a step of one takes as long as a step of the other."""
    return tuple(sorted(f"{s.setup.material.name} {s.setup.objective}" for s in visit.work))


def slots_wanted() -> int:
    """$BETAVAE_LAB_SLOTS; or 1. Raises ValueError, in one sentence, for what is no such number."""
    text = os.environ.get("BETAVAE_LAB_SLOTS", "").strip() or "1"
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise ValueError(f"BETAVAE_LAB_SLOTS is {text!r}; it must be a whole number from 1 to 64.")
    return int(text)
