"""Folders of one's own to write into, on machines that others share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """$XDG_CACHE_HOME/betavae or ~/.cache/betavae; in the temporary folder for a user without a
    home, as `docker run --user` makes one."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # the standard has others ignored, and an empty one
        return Path(named) / "betavae"
    try:
        return Path.home() / ".cache" / "betavae"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"betavae-{_user()}"


def uploads() -> str:
    """Where uploads are kept: Gradio's own folder is one for all users of the machine, and whoever
    comes second may not write into it."""
    path = Path(tempfile.gettempdir()) / f"betavae-uploads-{_user()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        mine = not path.is_symlink() and (os.name == "nt" or path.stat().st_uid == os.getuid())
        if mine and os.access(path, os.W_OK | os.X_OK):
            return str(path)
    except OSError:  # a file of that name, say
        pass
    return tempfile.mkdtemp(prefix="betavae-uploads-")


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
