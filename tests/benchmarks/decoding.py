"""Which library turns a JPEG into a cached picture fastest: `python tests/benchmarks/decoding.py`.

Encoded bytes -> 64x64 crop, with each decoder in one thread and in two; the data cache uses OpenCV
(betavae.data.photos.decode). The reference, in the same run, is Pillow: a ratio above 1 is faster,
the median of those of each round, in which the decoders take turns. First, how far their pixels are
from Pillow's, and whether each refuses a file that ends too soon.

With --data FOLDER the pictures are those of CelebA's img_align_celeba.zip there, otherwise pieces
of scikit-image's portrait in CelebA's frame.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import numpy as np
import skimage.data
import torch
import torchvision
from PIL import Image, ImageOps

from betavae.data import images, photos
from betavae.data.celeba import FRAME, face_box
from betavae.data.files import files_in_zip

# torchvision 0.29 says with every picture that its decoders will be removed.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="torchvision")


def pillow(encoded: bytes) -> Image.Image:
    with Image.open(io.BytesIO(encoded)) as picture:
        return ImageOps.exif_transpose(picture)


def pillow_draft(encoded: bytes) -> Image.Image:
    """Decoded at half or a quarter of its size where the crop still has more pixels than needed."""
    with Image.open(io.BytesIO(encoded)) as picture:
        picture.draft("RGB", (80, 98))  # a frame whose crop is 66 wide
        return ImageOps.exif_transpose(picture)


def of_torchvision(encoded: bytes) -> Image.Image:
    pixels = torchvision.io.decode_jpeg(
        torch.frombuffer(bytearray(encoded), dtype=torch.uint8),
        torchvision.io.ImageReadMode.RGB,
        apply_exif_orientation=True,
    )
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


DECODERS = {
    "Pillow": pillow,  # the reference
    "Pillow, draft mode": pillow_draft,
    "OpenCV": photos.decode,
    "torchvision": of_torchvision,
}


def cached(decode, encoded: bytes) -> np.ndarray:
    """The picture as the cache has it."""
    picture = decode(encoded)
    return np.asarray(images.crop_and_resize(picture, face_box(*picture.size)))


def seconds(decode, pictures: list[bytes], pool: ThreadPoolExecutor) -> float:
    began = time.perf_counter()
    for _ in pool.map(lambda encoded: cached(decode, encoded), pictures):
        pass
    return time.perf_counter() - began


def from_archive(root: Path, count: int) -> list[bytes]:
    files = files_in_zip(root / "img_align_celeba.zip")
    with zipfile.ZipFile(files[0].path) as archive:
        return [file.read(archive) for file in files[:: max(1, len(files) // count)][:count]]


def from_portrait(count: int) -> list[bytes]:
    portrait, draw = Image.fromarray(skimage.data.astronaut()), np.random.default_rng(0)
    pictures = []
    for left, top in draw.uniform(0, 200, (count, 2)):
        piece = portrait.resize(FRAME, Image.Resampling.BICUBIC, (left, top, left + 178, top + 218))
        stream = io.BytesIO()
        piece.save(stream, "JPEG", quality=90)
        pictures.append(stream.getvalue())
    return pictures


def refuses(decode, encoded: bytes) -> bool:
    try:
        decode(encoded[: len(encoded) * 2 // 3])
    except (OSError, RuntimeError, photos.PhotoError):
        return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder that holds img_align_celeba.zip")
    parser.add_argument("--pictures", type=int, default=600, help="of each measurement (600)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    count = options.pictures
    pictures = from_archive(options.data, count) if options.data else from_portrait(count)
    print(
        f"{len(pictures)} pictures; Pillow {Image.__version__}, OpenCV {cv2.__version__}, "
        f"torchvision {torchvision.__version__}"
    )
    reference = np.stack([cached(pillow, encoded) for encoded in pictures]).astype(int)
    for name, decode in DECODERS.items():
        found = np.stack([cached(decode, encoded) for encoded in pictures])
        away, cut = np.abs(found - reference), "yes" if refuses(decode, pictures[0]) else "NO"
        print(
            f"{name:20s} at most {away.max():2d} grey levels from Pillow, {(away > 0).mean():6.2%} "
            f"of the values differ; refuses a cut file: {cut}"
        )
    for threads in (1, 2):
        with ThreadPoolExecutor(threads) as pool:
            rounds = [
                [seconds(decode, pictures, pool) for decode in DECODERS.values()]
                for _ in range(options.rounds)
            ]
        for name, times in zip(DECODERS, zip(*rounds, strict=True), strict=True):
            ratio = statistics.median(row[0] / t for row, t in zip(rounds, times, strict=True))
            each = statistics.median(times) / len(pictures) * 1e6
            print(f"{threads} threads: {name:20s}{each:5.0f} µs a picture, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
