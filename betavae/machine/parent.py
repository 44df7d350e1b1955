"""What a process hears from the one that started it, by standard input, and how it ends with it.

Standard input is read as the system has it: a thread that waits in sys.stdin would keep its lock
when the interpreter ends, and that is a crash.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator


def words() -> Iterator[str]:
    """The lines of standard input as they come, until it closes."""
    left = b""
    while chunk := os.read(sys.stdin.fileno(), 1024):
        *lines, left = (left + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def end_with_parent() -> None:
    """End this process at once when its standard input closes. Whoever started it holds the other
    end of that pipe, and whatever happens to them, the system closes it."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    for _ in words():
        pass
    os._exit(1)
