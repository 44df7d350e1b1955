"""How many cores there are to share out."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that this process may use: two threads on the one core that `taskset` leaves wait for
    each other, and train many times slower than one."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
