"""Pictures on disk -> one uint8 tensor: decoding, cropping and the cache, for every data set."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
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
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from betavae.data.files import DataError, PictureFile
from betavae.machine.cores import cores

SIZE = 64  # every model here sees 64x64 pictures, as in the paper
DECODER = f"pillow-bicubic-{SIZE}-v1"  # part of the cache key: change it when the pixels change

# What Pillow and zipfile raise for damaged, encrypted or unheard-of files.
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,  # an encrypted member; NotImplementedError, for a compression, is one too
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
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
        key.update(f"|{file.name}|{file.stamp}".encode())
    folder = _cache_folder(cache_beside)
    stem = f"{crop_name}-{key.hexdigest()[:20]}"
    pixels_path, names_path = folder / f"{stem}.npy", folder / f"{stem}.txt"
    paths = (pixels_path, names_path)
    if not all(path.exists() for path in paths):
        pixels, names = _decode_all(files, crop, progress)
        _write_cache(pixels_path, names_path, pixels, names)
    if all(path.exists() for path in paths):  # not where the disk is full or read-only
        names = names_path.read_text().splitlines()
        # Mode "c" maps copy-on-write: processes share one copy, and none can damage the file.
        pixels = np.load(pixels_path, mmap_mode="c")
    _warn_of_broken(files, names)
    return torch.from_numpy(pixels), names


def _decode_all(files, crop, progress) -> tuple[np.ndarray, list[str]]:
    archive = zipfile.ZipFile(files[0].path) if files[0].member else None

    def decode(file: PictureFile) -> np.ndarray | None:
        try:
            with Image.open(io.BytesIO(file.read(archive))) as picture:
                upright = ImageOps.exif_transpose(picture)
                return np.asarray(crop_and_resize(upright, crop(*upright.size)))
        except DAMAGED:
            return None

    pixels = np.empty((len(files), 3, SIZE, SIZE), np.uint8)
    names = []
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        decoded = tqdm(
            zip(files, pool.map(decode, files), strict=True),
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


def _cache_folder(beside: Path) -> Path:
    """Beside the data where that can be written, otherwise the user's cache folder."""
    own = beside / ".betavae-cache"
    user = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "betavae"
    # A folder marked read-only stays untouched even where root could write to it.
    writable = beside.stat().st_mode & stat.S_IWUSR and os.access(beside, os.W_OK)
    return own if writable and (own.is_dir() or not own.exists()) else user


def _write_cache(pixels_path: Path, names_path: Path, pixels: np.ndarray, names: list[str]) -> None:
    """Write both files whole or not at all: a half-written cache must never be read."""
    pixels_part, names_part = (
        path.with_suffix(f"{path.suffix}.{os.getpid()}.part") for path in (pixels_path, names_path)
    )
    try:
        pixels_part.parent.mkdir(parents=True, exist_ok=True)
        with open(pixels_part, "wb") as stream:
            np.save(stream, pixels)
        names_part.write_text("\n".join(names))
        os.replace(names_part, names_path)
        os.replace(pixels_part, pixels_path)  # last: where it is, its names are too
    except OSError as error:
        warnings.warn(f"The decoded pictures could not be cached: {error}", stacklevel=4)
        for part in (pixels_part, names_part):
            with contextlib.suppress(OSError):  # its folder may be none
                part.unlink()
