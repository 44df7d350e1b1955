"""Decoded pictures on disk, to be mapped into memory the next time."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from pathlib import Path

import numpy as np

from betavae.data.files import PictureFile
from betavae.errors import reason


class Cache:
    """NAME.npy, the pixels uint8 (N, 3, 64, 64), and NAME.txt, the N names, a line each.

    beside  the folder of the data: the cache is in it, or in the user's cache folder where it
            cannot be written
    """

    def __init__(self, beside: Path, name: str):
        folder = _cache_folder(beside)
        self.pixels, self.names = folder / f"{name}.npy", folder / f"{name}.txt"

    def read(self, files: list[PictureFile]) -> tuple[np.ndarray, list[str]] | None:
        """Pixels and names; None where they are not stored, or damaged, which is a warning."""
        if not self.pixels.exists() or not self.names.exists():
            return None
        try:
            # Mode "c" maps copy-on-write: processes share one copy, none can damage the file.
            pixels = np.load(self.pixels, mmap_mode="c")
            names = [_unescaped(line) for line in self.names.read_bytes().split(b"\n")]
            if pixels.dtype != np.uint8 or pixels.shape[1:2] != (3,) or pixels.ndim != 4:
                raise ValueError(f"it holds {pixels.dtype} of {pixels.shape}")
            if len(names) != len(pixels) or not {file.name for file in files}.issuperset(names):
                raise ValueError(f"{self.names.name} names other pictures")
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            warnings.warn(
                f"The cache {self.pixels} is damaged ({reason(error)}); the pictures are decoded "
                "again.",
                stacklevel=5,
            )
            return None
        return pixels, names

    def write(self, pixels: np.ndarray, names: list[str]) -> None:
        """Both files whole or not at all: a half-written cache must never be read.

        Where they cannot be written, that is a warning.
        """
        pixels_part, names_part = (
            path.with_suffix(f"{path.suffix}.{os.getpid()}.part")
            for path in (self.pixels, self.names)
        )
        try:
            pixels_part.parent.mkdir(parents=True, exist_ok=True)
            with open(pixels_part, "wb") as stream:
                np.save(stream, pixels)
                stream.flush()
                os.fsync(stream.fileno())  # else a power cut may leave it long enough, and empty
            names_part.write_bytes(b"\n".join(map(_escaped, names)))
            os.replace(names_part, self.names)
            os.replace(pixels_part, self.pixels)  # last: where it is, its names are too
        except OSError as error:
            warnings.warn(f"The decoded pictures could not be cached: {error}", stacklevel=4)
            for part in (pixels_part, names_part):
                with contextlib.suppress(OSError):  # its folder may be none
                    part.unlink()


def _escaped(name: str) -> bytes:
    """ASCII: a file's name may hold line breaks, and bytes that are no text."""
    return name.encode("unicode_escape")


def _unescaped(line: bytes) -> str:
    return line.decode("unicode_escape")


def _cache_folder(beside: Path) -> Path:
    """Beside the data where that can be written, otherwise the user's cache folder."""
    own = beside / ".betavae-cache"
    user = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "betavae"
    # A folder marked read-only stays untouched even where root could write to it.
    writable = beside.stat().st_mode & stat.S_IWUSR and os.access(beside, os.W_OK)
    return own if writable and (own.is_dir() or not own.exists()) else user
