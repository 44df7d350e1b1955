"""CelebA's aligned faces (Liu et al., ICCV 2015), in the official layout, at any resolution."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from betavae.data.images import Box, DataError, files_in_folder, files_in_zip, load_pictures

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
    """`root` holds img_align_celeba/ or img_align_celeba.zip, and the two lists if there are any.

    images      uint8 (N, 3, 64, 64): the frame's centre 148x148, resized
    attributes  bool (N, 40), or None without list_attr_celeba.txt
    split       "train", "validation", "test" or "all"
    Raises DataError naming what is missing. Broken pictures, pictures in no split and rows without
    a picture are counted in a warning and left out.
    """

    channels = 3

    def __init__(self, root: str | Path, split: str = "train", progress: bool = True):
        if split not in (*SPLITS, "all"):
            raise DataError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}, all.")
        root = Path(root)
        folder, archive = root / "img_align_celeba", root / "img_align_celeba.zip"
        if folder.is_dir():
            files = files_in_folder(folder)
        elif archive.is_file():
            files = files_in_zip(archive)
        else:
            raise DataError(f"{root} holds neither img_align_celeba/ nor img_align_celeba.zip.")
        partition = _read_partition(root / "list_eval_partition.txt", [f.name for f in files])
        if split != "all":
            _warn_of_pictures_in_no_split([f.name for f in files], partition)
            files = [f for f in files if partition.get(f.name) == SPLITS[split]]
        if not files:
            raise DataError(f"{root} holds no picture of the split {split!r}.")
        self.split = split
        self.images, self.names = load_pictures(files, face_box, f"celeba-{split}", root, progress)
        self.attribute_names, self.attributes = _read_attributes(
            root / "list_attr_celeba.txt", self.names
        )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> Tensor:
        """uint8 (len(indices), 3, 64, 64)."""
        return self.images[indices]


def _read_partition(path: Path, names: list[str]) -> dict[str, int]:
    if path.is_file():
        try:
            rows = (line.split() for line in path.read_text().splitlines() if line.strip())
            partition = {name: int(part) for name, part in rows}
        except ValueError as error:
            raise DataError(f"{path}: each line must be 'FILE NUMBER' ({error}).") from error
        _count_rows_without_picture(path, set(partition), set(names))
        return partition
    warnings.warn(f"{path} is missing: the official split by file number is used.", stacklevel=3)
    partition = {}
    for name in names:
        number = Path(name).stem
        if number.isdigit():
            partition[name] = (int(number) >= FIRST_VALIDATION) + (int(number) >= FIRST_TEST)
    return partition


def _read_attributes(path: Path, names: list[str]) -> tuple[list[str], Tensor | None]:
    """Attribute names and bool (N, 40) in the order of `names`; ([], None) without the file."""
    if not path.is_file():
        return [], None
    lines = path.read_text().splitlines()
    attribute_names = lines[1].split() if len(lines) > 1 else []
    table = {}
    for number, line in enumerate(lines[2:], start=3):
        if not line.strip():
            continue
        name, *values = line.split()
        if len(values) != len(attribute_names):
            raise DataError(
                f"{path}, line {number}: {len(values)} values, not {len(attribute_names)}."
            )
        table[name] = [value == "1" for value in values]
    missing = [name for name in names if name not in table]
    if missing:
        raise DataError(f"{path} has no row for {len(missing)} pictures, such as {missing[0]}.")
    return attribute_names, torch.tensor([table[name] for name in names])


def _warn_of_pictures_in_no_split(names: list[str], partition: dict[str, int]) -> None:
    lost = [name for name in names if partition.get(name) not in SPLITS.values()]
    if lost:
        warnings.warn(
            f"{len(lost)} pictures are in no split, such as {lost[0]}; they are left out.",
            stacklevel=3,
        )


def _count_rows_without_picture(path: Path, listed: set[str], present: set[str]) -> None:
    absent = listed - present
    if absent:
        warnings.warn(
            f"{path.name} lists {len(absent)} pictures that are not there, such as {min(absent)}; "
            "they are left out.",
            stacklevel=4,
        )
