"""Which files are pictures: in a folder, however deep, and in a zip archive."""

from __future__ import annotations

import os
import struct
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from betavae.errors import reason

# What betavae.data.photos reads, by the ends of names.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp"),
    *(".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
# Pictures too, which it does not read: they are counted, so that nobody misses them unknowingly.
UNREAD = (
    *(".svg", ".psd", ".jp2", ".jxl", ".tga", ".ico", ".exr", ".hdr", ".xcf", ".eps", ".pdf"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
)
# Beside hidden folders: what Synology, Windows and Macs put there themselves.
NOT_THE_USERS = ("@eadir", "$recycle.bin", "__macosx")


class DataError(RuntimeError):
    """The data on disk are not what was expected; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class PictureFile:
    """One encoded picture, in a folder or in a zip archive."""

    name: str  # as the attribute and partition lists spell it
    path: Path  # the file itself, or the archive that holds it
    member: str | None  # its name inside the archive
    stamp: tuple[int, int]  # (bytes, modification time or CRC): goes into the cache key

    def open_archive(self) -> zipfile.ZipFile | None:
        """What `read` of this one and of its like needs; to be closed."""
        return zipfile.ZipFile(self.path) if self.member else None

    def read(self, archive: zipfile.ZipFile | None) -> bytes:
        if self.member is None:
            return self.path.read_bytes()
        assert archive is not None
        return archive.read(self.member)


def files_in_folder(folder: Path) -> list[PictureFile]:
    """All pictures below `folder`, sorted by name; links are followed, hidden ones left out.

    Raises DataError where there are none. Pictures of kinds that are not read are a warning.
    """
    found, unread = [], Counter()
    for path in sorted(_files_below(folder)):
        suffix = path.suffix.lower()
        if suffix in SUFFIXES and path.is_file():
            status = path.stat()
            name = path.relative_to(folder).as_posix()
            found.append(PictureFile(name, path, None, (status.st_size, status.st_mtime_ns)))
        elif suffix in UNREAD:
            unread[suffix] += 1
    if unread:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(unread.items()))
        warnings.warn(
            f"{folder} holds pictures of kinds that are not read ({kinds}), left out; save them "
            "as PNG or JPEG.",
            stacklevel=4,
        )
    if not found:
        raise DataError(f"{folder} holds no picture ({', '.join(SUFFIXES)}).")
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """Also in linked folders, each only once: a link may lead back up."""
    seen = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(here, name) for name in files if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    """.ipynb_checkpoints, .Trash-1000, a Mac's ._000001.jpg and the like."""
    return name.startswith(".") or name.lower() in NOT_THE_USERS


def files_in_zip(path: Path) -> list[PictureFile]:
    """All pictures in the archive, sorted by name; raises DataError for one that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [i for i in archive.infolist() if _is_picture(_parts(i))]
    except (zipfile.BadZipFile, struct.error, RuntimeError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} is not a complete zip archive ({reason(error)}); download it again."
        ) from error
    if not infos:
        raise DataError(f"{path} holds no picture ({', '.join(SUFFIXES)}).")
    if any(info.flag_bits & 1 for info in infos):
        raise DataError(f"{path} is encrypted; unpack it into the folder {path.with_suffix('')}.")
    infos.sort(key=lambda info: info.filename)
    return [PictureFile(_parts(i)[-1], path, i.filename, (i.file_size, i.CRC)) for i in infos]


def _parts(info: zipfile.ZipInfo) -> list[str]:
    """Folders and name of an archive's member; some programs of Windows write backslashes."""
    return info.filename.replace("\\", "/").split("/")


def _is_picture(parts: list[str]) -> bool:
    return parts[-1].lower().endswith(SUFFIXES) and not any(map(_is_hidden, parts))
