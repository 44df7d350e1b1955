"""CelebA as the Hugging Face Hub has it: parquet files with a row a picture, the encoded picture in
one column and the attributes in forty.

pyarrow reads them. It is asked for where there are such files: it takes 55 MB, and nobody else
needs it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from betavae.data.files import DataError, PictureFile
from betavae.errors import reason

# How a file's or its folder's name begins: train-00000-of-00019.parquet, validation/0000.parquet.
SPLITS = {"train": 0, "val": 1, "test": 2}
WHOLE = 202_599  # pictures of CelebA; as many rows of one split are all of them, in their order
FILES_KEPT, GROUPS_KEPT = 2, 3  # in memory: pictures are decoded in their order, or nearly


@dataclass(frozen=True)
class Row(PictureFile):
    """A picture of a parquet file: `path` is the file, `member` the number of its row."""

    def open_archive(self) -> Rows:
        return Rows()

    def read(self, archive: Rows) -> bytes:
        return archive.read_row(self.path, int(self.member))


class Rows:
    """Reads encoded pictures out of parquet files; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file = lru_cache(FILES_KEPT)(self._open)
        self._group = lru_cache(GROUPS_KEPT)(self._read_group)

    def read_row(self, path: Path, row: int) -> bytes:
        with self._lock:
            starts = self._file(path)[1]
            group = int(np.searchsorted(starts, row, side="right")) - 1
            encoded = self._group(path, group)[row - int(starts[group])].as_py()
        if encoded is None:
            raise ValueError("the row holds no picture")
        return encoded

    def close(self) -> None:
        self._file.cache_clear()
        self._group.cache_clear()

    def _open(self, path: Path):
        """The file, the row that each group begins with, and the column of the pictures."""
        file = _opened(path)
        groups = range(file.metadata.num_row_groups)
        sizes = [file.metadata.row_group(group).num_rows for group in groups]
        return file, np.cumsum([0, *sizes[:-1]]), _picture_column(path, file)

    def _read_group(self, path: Path, group: int):
        file, _, column = self._file(path)
        return file.read_row_group(group, [column]).flatten()[column].combine_chunks()


class Tables:
    """What parquet files hold.

    files       a Row a picture
    partition   the number of the split of each, by its stem; None where the rows are all of CelebA
                and the files tell of no split: then the names are the official ones
    Raises DataError without pyarrow, and for files that are damaged or hold no pictures.
    """

    def __init__(self, paths: list[Path]):
        self._paths = sorted(paths)
        sizes = [_opened(path).metadata.num_rows for path in self._paths]
        for path in self._paths:
            _picture_column(path, _opened(path))
        splits = [_split(path) for path in self._paths]
        whole = sum(sizes) == WHOLE and len(set(splits)) == 1
        self.files: list[Row] = []
        self.partition: dict[str, int] | None = None if whole else {}
        counts = dict.fromkeys(splits, 0)
        for path, size, split in zip(self._paths, sizes, splits, strict=True):
            status = path.stat()
            stamp = status.st_size, status.st_mtime_ns
            for row in range(size):
                counts[split] += 1
                stem = f"{counts[split]:06}" if whole else f"{split}-{counts[split]:06}"
                self.files.append(Row(f"{stem}.jpg", path, str(row), stamp))
                if not whole:
                    self.partition[stem] = SPLITS[split]

    def attributes(self, names: list[str]) -> tuple[list[str], Tensor | None]:
        """Their names, and bool (N, 40) in the order of the pictures' `names`."""
        columns = _attribute_columns(_opened(self._paths[0]))
        if not columns:
            return [], None
        try:
            tables = [_opened(path).read(columns) for path in self._paths]
            values = np.concatenate(
                [np.stack([t[c].to_numpy() for c in columns], axis=1) for t in tables]
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"The attributes cannot be read ({reason(error)}).") from error
        for number, column in enumerate(columns):
            if not np.isin(values[:, number], (-1, 0, 1)).all():
                raise DataError(f"{self._paths[0]}: {column} must be 1 or -1, or true or false.")
        places = {file.name: place for place, file in enumerate(self.files)}
        order = [places[name] for name in names]
        return columns, torch.from_numpy(values[order] > 0)


def _opened(path: Path):
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError(
            f"{path.name} is a parquet file, which pyarrow reads; run: pip install pyarrow. Or get "
            "the copy of CelebA's own page or Kaggle's."
        ) from error
    try:
        return ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({reason(error)}); download it again.") from error


def _split(path: Path) -> str:
    for name in (path.name.lower(), path.parent.name.lower()):
        for split in SPLITS:
            if name.startswith(split):
                return split
    return "train"


def _picture_column(path: Path, file) -> str:
    """The column of the encoded pictures: bytes, or bytes beside a path, as `datasets` writes."""
    from pyarrow import types

    for field in file.schema_arrow:
        if types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return f"{field.name}.bytes"
        if types.is_binary(field.type) or types.is_large_binary(field.type):
            return field.name
    raise DataError(f"{path} has no column of pictures.")


def _attribute_columns(file) -> list[str]:
    """Those of truth values or whole numbers, but for the person's number."""
    from pyarrow import types

    fields = [f for f in file.schema_arrow if types.is_boolean(f.type) or types.is_integer(f.type)]
    return [field.name for field in fields if field.name != "celeb_id"]
