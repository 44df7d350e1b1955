"""Where a copy of CelebA keeps its pictures and its two lists, and what the lists say.

People own several: the official one, torchvision's, Kaggle's (comma-separated lists, one folder
within another), the aligned PNG pictures, the Hugging Face Hub's parquet files. Lists are read in
any encoding that editors write.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from betavae.data.files import SUFFIXES, DataError

PICTURES = "img_align_celeba"  # a folder or an archive: so it is called, or begins
ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"
DEEPEST = 2  # folders below the root in which they are looked for
TRUTH = dict.fromkeys(("1", "1.0", "true", "True", "TRUE"), True)
TRUTH |= dict.fromkeys(("-1", "-1.0", "0", "0.0", "-0.0", "false", "False", "FALSE"), False)


@dataclass(frozen=True)
class Copy:
    """The parts of a copy; a list is None where there is none."""

    pictures: Path  # a folder, or a zip archive
    attributes: Path | None
    partition: Path | None
    tables: tuple[Path, ...] = ()  # parquet files hold all three; `pictures` is their folder


@dataclass(frozen=True)
class Listed:
    """A list's rows: `columns` are the names in its header, `rows` go by `stem`."""

    columns: list[str] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    name: str  # of the picture, as the list spells it
    line: int  # counted from 1
    values: list[str]


def find_copy(root: Path) -> Copy:
    """The copy at `root`, or in folders below it; raises DataError where there are no pictures."""
    if root.is_file():
        raise DataError(f"{root} is a file; unpack it, and name the folder that holds its content.")
    while root.name.startswith(PICTURES):  # the pictures' own folder was named
        root = root.parent
    found = list(_walk(root))
    pictures = [p for p in found if p.name.startswith(PICTURES) and _holds_pictures(p)]
    tables = tuple(path for path in found if path.suffix == ".parquet")
    if tables and not pictures:
        return Copy(root, None, None, tables)
    if not pictures:
        raise DataError(f"{root} holds neither {PICTURES}/ nor {PICTURES}.zip{_instead(found)}.")

    def find(name: str) -> Path | None:
        return next((p for p in found if p.name in (f"{name}.txt", f"{name}.csv")), None)

    return Copy(pictures[0], find(ATTRIBUTES), find(PARTITION))


def _walk(root: Path) -> Iterator[Path]:
    """Files and folders to DEEPEST below the root, the nearest first; no folder of pictures is
    entered, and no hidden one. Of a text and a comma-separated list the text comes first."""
    level = [root]
    for depth in range(DEEPEST + 1):
        entries = [entry for folder in level for entry in _entries(folder)]
        # Folders before archives, and .txt before .csv.
        yield from sorted(entries, key=lambda p: (not p.is_dir(), p.suffix == ".csv", p))
        if depth < DEEPEST:
            level = [p for p in entries if p.is_dir() and not p.name.startswith(PICTURES)]


def _entries(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    except OSError:  # it is not there, or it is closed to us
        return []


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".zip"


def _instead(found: list[Path]) -> str:
    """What to do with what is there in place of the pictures."""
    for path in found:
        if path.suffix.lower() in (".zip", ".7z", ".tar", ".gz", ".tgz", ".rar", ".001"):
            return f"; unpack {path.name} there first"
    return ""


def stem(name: str) -> str:
    """000001 of img_align_celeba/000001.jpg: lists say .jpg of the PNG pictures too."""
    return os.path.splitext(name.replace("\\", "/").rsplit("/", 1)[-1])[0]


def read_list(path: Path) -> Listed:
    """A list separated by spaces, or by commas or semicolons with a header line."""
    lines = read_text(path).splitlines()
    separator = next((s for s in ",;" if any(s in line for line in lines[:3])), None)
    cells = _separated(lines, separator) if separator else map(str.split, lines)
    listed = Listed()
    at = None  # the column of the picture's name; a table may number its rows in the first
    header: list[str] = []
    for line, row in enumerate(cells, start=1):
        if not any(row):
            continue
        if at is None:
            at = next((k for k, cell in enumerate(row) if _is_picture(cell)), None)
            if at is None:
                header = row
                continue
            # The official list's header names the values alone.
            listed.columns.extend(header[at + 1 :] if separator else _values_named(header))
        if len(row) <= at:
            raise DataError(f"{path}, line {line}: it names no picture.")
        listed.rows[stem(row[at])] = Row(row[at], line, row[at + 1 :])
    return listed


def _separated(lines: list[str], separator: str) -> Iterator[list[str]]:
    for row in csv.reader(lines, delimiter=separator):
        yield [cell.strip() for cell in row]


def _values_named(header: list[str]) -> list[str]:
    """Those of a header separated by spaces: the official list begins with a count, and has none
    for the picture's name."""
    if header and (header[0].isdigit() or header[0].lower() in ("image_id", "file", "filename")):
        return header[1:]
    return list(header)


def _is_picture(cell: str) -> bool:
    return cell.lower().endswith(SUFFIXES)


def read_text(path: Path) -> str:
    """A text file in UTF-8 or UTF-16, with a byte order mark or without."""
    encoded = path.read_bytes()
    encoding = "utf-8-sig"
    if encoded.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in encoded[:2]:
        encoding = "utf-16-le" if encoded[1:2] == b"\0" else "utf-16-be"
    try:
        return encoded.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 or UTF-16; save it as one of them.") from error


def truths(path: Path, row: Row, columns: list[str]) -> list[bool]:
    """1, -1, 0, 1.0, True ... -> bool; raises DataError for anything else, naming the column."""
    try:
        return [TRUTH[value] for value in row.values]
    except KeyError:
        column, value = next(x for x in zip(columns, row.values, strict=True) if x[1] not in TRUTH)
        raise DataError(
            f"{path}, line {row.line}: {column} is {value!r}; it must be 1 or -1."
        ) from None
