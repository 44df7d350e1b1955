"""How many cores there are to share out."""

from __future__ import annotations

from joblib import cpu_count


def cores() -> int:
    """Those that this process may use: two threads on the one core that `taskset` or a container's
    quota leaves wait for each other, and train many times slower than one."""
    return cpu_count()
