"""Pictures on disk -> one uint8 tensor: decoding, cropping and the cache, for every data set."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from betavae.data import cache, photos
from betavae.data.files import DataError, PictureFile
from betavae.data.photos import PhotoError
from betavae.machine.cores import cores

SIZE = 64  # every model here sees 64x64 pictures, as in the paper
DECODER = f"pillow-bicubic-{SIZE}-v2"  # part of the cache key: change it when the pixels change

# What reading a file or an archive's member raises, and `decode` of what it holds.
DAMAGED = (
    PhotoError,
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # an encrypted member; NotImplementedError, for a compression, is one too
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def centre_square(width: int, height: int) -> Box:
    """The largest centred square of a picture."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def crop_and_resize(picture: Image.Image, box: Box, size: int = SIZE) -> Image.Image:
    """RGB `size`x`size` picture of `box`, antialiased; `box` may fall between pixels."""
    return picture.convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box=box)


def to_tensor(picture: Image.Image) -> Tensor:
    """RGB picture -> uint8 (3, H, W)."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def to_picture(image: Tensor) -> Image.Image:
    """(C, H, W) float in [0, 1] with one or three channels -> an RGB picture."""
    array = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    if array.shape[0] == 1:
        array = array.expand(3, -1, -1)
    return Image.fromarray(array.permute(1, 2, 0).numpy())


def load_pictures(
    files: list[PictureFile],
    crop: Callable[[int, int], Box],
    crop_name: str,
    cache_beside: Path,
    progress: bool = True,
) -> tuple[Tensor, list[str]]:
    """Decode `files` once; later calls map the cached tensor into memory.

    Returns uint8 (N, 3, 64, 64) and the N names. Broken pictures are left out and counted in one
    warning, each time. The cache is keyed by the files' names, sizes and stamps, by the crop and
    the decoder.
    """
    key = hashlib.sha256(f"{DECODER}|{crop_name}".encode())
    for file in files:
        key.update(f"|{file.name}|{file.stamp}".encode(errors="surrogateescape"))
    stored = cache.Cache(cache_beside, f"{crop_name}-{key.hexdigest()[:20]}")
    found = stored.read(files)
    if found is None:
        decoded = _decode_all(files, crop, progress)
        stored.write(*decoded)
        found = stored.read(files) or decoded  # not there where the disk is full or read-only
    pixels, names = found
    _warn_of_broken(files, names)
    return torch.from_numpy(pixels), names


def _decode_all(files, crop, progress) -> tuple[np.ndarray, list[str]]:
    archive = files[0].open_archive()

    def small(file: PictureFile) -> np.ndarray | None:
        try:
            upright = photos.decode(file.read(archive))
            return np.asarray(crop_and_resize(upright, crop(*upright.size)))
        except DAMAGED:
            return None

    pixels = np.empty((len(files), 3, SIZE, SIZE), np.uint8)
    names = []
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        decoded = tqdm(
            zip(files, pool.map(small, files), strict=True),
            total=len(files),
            desc="decoding pictures",
            unit="picture",
            disable=not progress,
        )
        for file, array in decoded:
            if array is not None:
                pixels[len(names)] = array.transpose(2, 0, 1)
                names.append(file.name)
    if archive:
        archive.close()
    if not names:
        raise DataError(f"None of the {len(files)} pictures in {files[0].path} can be decoded.")
    return pixels[: len(names)], names


def _warn_of_broken(files: list[PictureFile], names: list[str]) -> None:
    """Count the files that are not among the decoded `names`; archives may repeat a name."""
    broken = list((Counter(file.name for file in files) - Counter(names)).elements())
    if broken:
        shown = ", ".join(broken[:3]) + (" ..." if len(broken) > 3 else "")
        warnings.warn(f"{len(broken)} pictures cannot be decoded, left out: {shown}", stacklevel=4)
