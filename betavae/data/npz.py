"""Reads a grid of binary pictures from an npz like the published one, a bit a pixel in memory."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from betavae.data.images import SIZE, DataError

PUBLISHED = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
MOST = 2**24  # pictures: 8 GB of memory, a bit a pixel
CHUNK = 4096  # pictures unpacked at a time: the published file is 3 GB unpacked


@dataclass(frozen=True)
class StoredGrid:
    """The pictures of a grid of factors, the last factor fastest."""

    sizes: tuple[int, ...]
    bits: np.ndarray  # uint8 (N, 512)

    def pictures(self, index: Tensor) -> Tensor:
        """Places in the grid (N,) -> uint8 (N, 1, 64, 64) of {0, 1}."""
        flat = np.unpackbits(self.bits[index.numpy()], axis=1)
        return torch.from_numpy(flat.reshape(-1, 1, SIZE, SIZE))


def read_grid(path: Path, names: tuple[str, ...], progress: bool = True) -> StoredGrid:
    """`imgs` (N, 64, 64) of {0, 1} and `latents_classes` (N, 1 + factors), the colour first.

    Raises DataError unless the classes are a complete grid in order, with a picture for each.
    """
    expected = f"expected {PUBLISHED} or a file of its structure"
    try:
        with zipfile.ZipFile(path) as archive:
            classes = _read_classes(archive, names, f"{path}: {expected}")
            sizes = _grid_sizes(classes, f"{path}: {expected}")
            with archive.open("imgs.npy") as stream:
                bits = _read_bits(stream, math.prod(sizes), f"{path}: {expected}", progress)
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there; {expected}.") from error
    except KeyError as error:
        raise DataError(f"{path} holds no {error.args[0]!r:.80}; {expected}.") from error
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,  # an encrypted archive; NotImplementedError is one too
        SyntaxError,
        struct.error,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read ({error}); {expected}.") from error
    return StoredGrid(sizes, bits)


def _read_classes(archive: zipfile.ZipFile, names: tuple[str, ...], complaint: str) -> np.ndarray:
    """The whole array; its header is asked first, as it may claim more than any memory holds."""
    info = archive.getinfo("latents_classes.npy")
    with archive.open(info) as stream:
        shape, _, dtype = _read_header(stream)
    if dtype.kind not in "biuf":
        raise DataError(f"{complaint}: latents_classes cannot be read as numbers: it is {dtype}.")
    if len(shape) != 2 or shape[1] != 1 + len(names) or not shape[0]:
        raise DataError(
            f"{complaint}: latents_classes must be (N, {1 + len(names)}) for colour, "
            f"{', '.join(names)}; it is {shape}."
        )
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise DataError(f"{complaint}: latents_classes claims {shape[0]:,} rows and holds fewer.")
    if shape[0] > MOST:
        raise DataError(f"{complaint}: {shape[0]:,} pictures are more than {MOST:,}, the limit.")
    with archive.open(info) as stream:
        classes = np.lib.format.read_array(stream, allow_pickle=False)
    if dtype.kind == "f" and not (np.isfinite(classes).all() and (classes % 1 == 0).all()):
        raise DataError(f"{complaint}: latents_classes must count 0, 1, 2 ...; some are fractions.")
    return classes.astype(np.int64)


def _read_header(stream) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is in Fortran's order, and type, of npy formats 1 to 3."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version not in ((2, 0), (3, 0)):  # 3 is 2 with names of fields in UTF-8: there are none
        raise ValueError(f"npy format {'.'.join(map(str, version))} is unknown")
    return np.lib.format.read_array_header_2_0(stream)


def _grid_sizes(classes: np.ndarray, complaint: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in classes.max(0)[1:] + 1)
    complete = len(classes) == math.prod(sizes)
    if not complete or not np.array_equal(classes[:, 1:], np.indices(sizes).reshape(5, -1).T):
        raise DataError(
            f"{complaint}: latents_classes must list every combination of the factors once, the "
            f"last fastest; {len(classes)} rows of sizes {sizes} do not."
        )
    return sizes


def _read_bits(stream, count: int, complaint: str, progress: bool) -> np.ndarray:
    """The array `imgs` from its npy stream, chunk by chunk."""
    shape, fortran, dtype = _read_header(stream)
    if shape != (count, SIZE, SIZE) or dtype not in (np.uint8, np.bool_):
        raise DataError(
            f"{complaint}: imgs must be {(count, SIZE, SIZE)} of uint8; it is {shape} of {dtype}."
        )
    if fortran:
        raise DataError(
            f"{complaint}: imgs is stored in Fortran's order; save np.ascontiguousarray(imgs)."
        )
    bits = np.empty((count, SIZE * SIZE // 8), np.uint8)
    bar = tqdm(total=count, desc="reading pictures", unit="picture", disable=not progress)
    with bar:
        for first in range(0, count, CHUNK):
            wanted = min(CHUNK, count - first)
            flat = np.frombuffer(stream.read(wanted * SIZE * SIZE), np.uint8)
            if len(flat) != wanted * SIZE * SIZE:
                raise DataError(f"{complaint}: it ends after {first} of {count} pictures.")
            if flat.max() > 1:
                raise DataError(f"{complaint}: pixels must be 0 or 1; one is {flat.max()}.")
            bits[first : first + wanted] = np.packbits(flat.reshape(wanted, -1), axis=1)
            bar.update(wanted)
    return bits
