"""CelebA's aligned faces (Liu et al., ICCV 2015), in the copies that people have.

The official one, torchvision's, Kaggle's and the Hugging Face Hub's: see
`betavae.data.celeba_copy`.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from betavae.data.celeba_copy import find_copy, read_list, stem, truths
from betavae.data.celeba_parquet import Tables
from betavae.data.files import DataError, PictureFile, files_in_folder, files_in_zip
from betavae.data.images import Box, load_pictures

FRAME = (178, 218)  # width, height of CelebA's aligned frame
CROP = (15, 35, 163, 183)  # left, top, right, bottom: the frame's centre 148x148
SPLITS = {"train": 0, "validation": 1, "test": 2}
# The official partition by file number, for copies that lack list_eval_partition.txt.
FIRST_VALIDATION, FIRST_TEST = 162_771, 182_638


def face_box(width: int, height: int) -> Box:
    """The crop of an aligned frame of any resolution, as fractions of CelebA's 178x218."""
    left, top, right, bottom = CROP
    across, down = width / FRAME[0], height / FRAME[1]
    return left * across, top * down, right * across, bottom * down


class CelebA:
    """`root` holds img_align_celeba/ or img_align_celeba.zip, and the two lists if there are any;
    so does a folder below it. Or it holds the Hub's parquet files.

    images      uint8 (N, 3, 64, 64): the frame's centre 148x148, resized
    attributes  bool (N, 40), or None without list_attr_celeba.txt or .csv
    split       "train", "validation", "test" or "all"
    Raises DataError naming what is missing. Broken pictures, pictures in no split and rows without
    a picture are counted in a warning and left out.
    """

    channels = 3

    def __init__(self, root: str | Path, split: str = "train", progress: bool = True):
        if split not in (*SPLITS, "all"):
            raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}, all.")
        root = Path(root)
        copy = find_copy(root)
        tables = Tables(copy.tables) if copy.tables else None
        files = tables.files if tables else _picture_files(copy.pictures)
        partition = tables and tables.partition
        if partition is None:
            partition = _read_partition(copy.partition, root, [f.name for f in files])
        if split != "all":
            _warn_of_pictures_in_no_split([f.name for f in files], partition)
            files = [f for f in files if partition.get(stem(f.name)) == SPLITS[split]]
        if not files:
            raise DataError(f"{root} holds no picture of the split {split!r}.")
        self.split = split
        beside = root if tables else copy.pictures.parent
        self.images, self.names = load_pictures(
            files, face_box, f"celeba-{split}", beside, progress
        )
        self.attribute_names, self.attributes = (
            tables.attributes(self.names)
            if tables
            else _read_attributes(copy.attributes, self.names)
        )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> Tensor:
        """uint8 (len(indices), 3, 64, 64)."""
        return self.images[indices]


def _picture_files(pictures: Path) -> list[PictureFile]:
    """By name alone: the lists know no folders, and Kaggle's copy has one within another."""
    listing = files_in_folder if pictures.is_dir() else files_in_zip
    return [replace(file, name=Path(file.name).name) for file in listing(pictures)]


def _read_partition(path: Path | None, root: Path, names: list[str]) -> dict[str, int]:
    """The number of the split of each picture, by its stem."""
    if path:
        rows = read_list(path).rows
        try:
            partition = {key: _number(row.values) for key, row in rows.items()}
        except ValueError as error:
            raise DataError(f"{path}: each line must be 'FILE NUMBER' ({error}).") from error
        listed = {key: row.name for key, row in rows.items()}
        _count_rows_without_picture(path, listed, {stem(name) for name in names})
        return partition
    warnings.warn(
        f"{root} has no list_eval_partition.txt: the official split by file number is used.",
        stacklevel=3,
    )
    partition = {}
    for key in map(stem, names):
        if key.isdecimal():
            partition[key] = (int(key) >= FIRST_VALIDATION) + (int(key) >= FIRST_TEST)
    return partition


def _number(values: list[str]) -> int:
    """A row's one value, such as 2 or 2.0."""
    (value,) = values
    number = float(value)
    if number != int(number):
        raise ValueError(f"{value} is no whole number")
    return int(number)


def _read_attributes(path: Path | None, names: list[str]) -> tuple[list[str], Tensor | None]:
    """Attribute names and bool (N, 40) in the order of `names`; ([], None) without the file."""
    if path is None:
        return [], None
    listed = read_list(path)
    columns = listed.columns
    for row in listed.rows.values():
        if len(row.values) != len(columns):
            raise DataError(
                f"{path}, line {row.line}: {len(row.values)} values, not {len(columns)}."
            )
    missing = [name for name in names if stem(name) not in listed.rows]
    if missing:
        raise DataError(f"{path} has no row for {len(missing)} pictures, such as {missing[0]}.")
    rows = [listed.rows[stem(name)] for name in names]
    told = np.array([truths(path, row, columns) for row in rows], bool)  # faster than torch
    return columns, torch.from_numpy(told)


def _warn_of_pictures_in_no_split(names: list[str], partition: dict[str, int]) -> None:
    lost = [name for name in names if partition.get(stem(name)) not in SPLITS.values()]
    if lost:
        warnings.warn(
            f"{len(lost)} pictures are in no split, such as {lost[0]}; they are left out.",
            stacklevel=3,
        )


def _count_rows_without_picture(path: Path, listed: dict[str, str], present: set[str]) -> None:
    absent = listed.keys() - present
    if absent:
        warnings.warn(
            f"{path.name} lists {len(absent)} pictures that are not there, such as "
            f"{listed[min(absent)]}; they are left out.",
            stacklevel=4,
        )
