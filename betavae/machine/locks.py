"""A folder that one process has at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is kept apart there
    fcntl = None

NAME = "lock"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process has the folder, and have it; made if it is not there.

    What a killed process had is free at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / NAME, "w", encoding="utf-8") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
