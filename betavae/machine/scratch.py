"""A folder for what is not to stay: gone with its process, or else removed by the next one."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves stays in the temporary folder
    fcntl = None

LOCK = "lock"


class Scratch:
    """A new folder in the system's temporary one, its name beginning with `prefix`, until this
    process ends. Those of processes that were killed are removed first."""

    def __init__(self, prefix: str):
        for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            _remove_if_left(folder)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        self._lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR)
        if fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        atexit.register(self.remove)

    def remove(self) -> None:
        """The folder and all that is in it, before the process ends."""
        atexit.unregister(self.remove)
        os.close(self._lock)
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """The system unlocks what a killed process had locked."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), open(folder / LOCK, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
