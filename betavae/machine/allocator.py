"""How glibc hands out memory: two settings, one for the app and one for commands.

Both do nothing where the C library is another.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

# The parameters of mallopt, from malloc.h.
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
M_ARENA_MAX = -8


def share_two_heaps() -> None:
    """For a server; call it before there are threads.

    glibc gives each thread a heap of its own and hands little of it back: photos, decoded in one
    thread after the other, would leave a hundred megabytes behind.
    """
    _set(M_ARENA_MAX, 2)


def keep_freed_blocks() -> None:
    """For training and measuring, where every step asks for as large arrays as the one before.

    glibc returns blocks of this size to the kernel as soon as they are freed and gets them back
    page by page, each filled with zeros: up to a fifth of a step, and a quarter of DCI.
    """
    _set(M_MMAP_MAX, 0)  # large blocks come from the heap too
    _set(M_TRIM_THRESHOLD, -1)  # and the heap never shrinks
    _set(M_TOP_PAD, 64 * 2**20)


def _set(parameter: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # no mallopt
            ctypes.CDLL(None).mallopt(parameter, value)
