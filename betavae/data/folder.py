"""Any folder of aligned pictures: a person's own data set."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from torch import Tensor

from betavae.data.files import DataError, files_in_folder
from betavae.data.images import centre_square, load_pictures

VALIDATION_SHARE = 0.1


class ImageFolder:
    """All pictures below `root`, cropped to their centre square and resized to 64x64.

    One picture in ten is held out for validation, chosen by a hash of its name, so that the split
    stays the same when pictures are added. `split` is "train", "validation" or "all".
    """

    channels = 3
    attribute_names: tuple[str, ...] = ()
    attributes = None

    def __init__(self, root: str | Path, split: str = "train", progress: bool = True):
        if split not in ("train", "validation", "all"):
            raise DataError(f"split is {split!r}; it must be train, validation or all.")
        root = Path(root)
        if not root.is_dir():
            raise DataError(f"{root} is not a folder.")
        files = files_in_folder(root)
        if split != "all":
            files = [f for f in files if _held_out(f.name) == (split == "validation")]
        if not files:
            raise DataError(f"{root} holds too few pictures for the split {split!r}.")
        self.split = split
        self.images, self.names = load_pictures(
            files, centre_square, f"images-{split}", root, progress
        )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> Tensor:
        """uint8 (len(indices), 3, 64, 64)."""
        return self.images[indices]


def _held_out(name: str) -> bool:
    # Macs take names apart, é into e and ´: put together, they are split alike everywhere.
    whole = unicodedata.normalize("NFC", name)
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < VALIDATION_SHARE
