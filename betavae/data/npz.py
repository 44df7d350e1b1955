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
            with archive.open("latents_classes.npy") as stream:
                classes = np.lib.format.read_array(stream, allow_pickle=False)
            sizes = _grid_sizes(classes, names, f"{path}: {expected}")
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


def _grid_sizes(classes: np.ndarray, names: tuple[str, ...], complaint: str) -> tuple[int, ...]:
    if classes.ndim != 2 or classes.shape[1] != 1 + len(names) or not len(classes):
        raise DataError(
            f"{complaint}: latents_classes must be (N, {1 + len(names)}) for colour, "
            f"{', '.join(names)}; it is {classes.shape}."
        )
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
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran, dtype = read_header(stream)
    if shape != (count, SIZE, SIZE) or fortran or dtype != np.uint8:
        raise DataError(
            f"{complaint}: imgs must be {(count, SIZE, SIZE)} of uint8; it is {shape} of {dtype}."
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
