"""Requests of many people that wait at the same moment become one.

Nobody waits so that a batch may grow. Whoever comes while a worker is free is served at once; what
has come while all were busy is the next batch. So a batch is as large as the crowd, and a lone
request is never late.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Job(Generic[Item]):
    key: Hashable
    item: Item
    size: int
    future: Future | asyncio.Future  # of a thread that waits, or of a coroutine


class Batcher(Generic[Item, Answer]):
    """Hands items that share a key to `work` together, and each answer to whoever sent the item.

    work     (key, items) -> as many answers, in their order; an exception goes to all who asked
    workers  how many batches are worked on at once
    most     the sum of sizes that a batch may have; a larger item goes alone
    """

    def __init__(
        self, work: Callable[[Any, list[Item]], list[Answer]], workers: int, most: int = 64
    ):
        self._work, self._most = work, most
        self._lock = threading.Lock()
        self._free = workers
        self._waiting: deque[_Job[Item]] = deque()  # only while no worker is free
        self._pool = ThreadPoolExecutor(workers, "batches")

    def ask(self, key: Hashable, item: Item, size: int = 1) -> Answer:
        """The answer, for a thread that may wait. If a worker is free this thread takes its place:
        waking another one would take longer than a small decode."""
        with self._lock:
            at_once = self._free > 0
            if at_once:
                self._free -= 1
            else:
                job = _Job(key, item, size, Future())
                self._waiting.append(job)
        if not at_once:
            return job.future.result()
        try:
            return self._work(key, [item])[0]
        finally:
            self._hand_over()

    async def ask_soon(self, key: Hashable, item: Item, size: int = 1) -> Answer:
        """The answer, for a coroutine: its event loop goes on in the meantime."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append(_Job(key, item, size, future))
            at_once = self._free > 0
            self._free -= at_once
        if at_once:
            self._pool.submit(self._serve)
        return await future

    def _hand_over(self) -> None:
        """The thread that was a worker has its own answer: another one does what has come since."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
        self._pool.submit(self._serve)

    def _serve(self) -> None:
        """Batch after batch, until nothing waits."""
        while jobs := self._next():
            try:
                answers = self._work(jobs[0].key, [job.item for job in jobs])
            except BaseException as error:
                _deliver([(job.future, None, error) for job in jobs])
            else:
                both = zip(jobs, answers, strict=True)
                _deliver([(job.future, answer, None) for job, answer in both])

    def _next(self) -> list[_Job[Item]]:
        """The oldest job and all that share its key, as far as they fit; a free worker if none."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return []
            first = self._waiting.popleft()
            jobs, size, others = [first], first.size, deque()
            for job in self._waiting:
                if job.key == first.key and size + job.size <= self._most:
                    jobs.append(job)
                    size += job.size
                else:
                    others.append(job)
            self._waiting = others
            return jobs


def _deliver(outcomes: list[tuple[Future | asyncio.Future, Any, BaseException | None]]) -> None:
    """Each answer to its own; all those of an event loop in one message, which wakes it once."""
    loops: dict[asyncio.AbstractEventLoop, list] = {}
    for future, answer, error in outcomes:
        if isinstance(future, asyncio.Future):
            loops.setdefault(future.get_loop(), []).append((future, answer, error))
        else:
            _settle([(future, answer, error)])
    for loop, those in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, those)


def _settle(outcomes: list[tuple[Future | asyncio.Future, Any, BaseException | None]]) -> None:
    for future, answer, error in outcomes:
        if future.done():  # nobody waits any more: the page was closed
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
