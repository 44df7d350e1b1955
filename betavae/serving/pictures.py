"""Decoded pictures as the browser takes them: JPEG and PNG data URIs."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
from PIL import Image
from torch import Tensor, uint8

QUALITY = 92
LIGHT = 60  # of a picture in a drag over a slow line
SHEET = 80  # of many small pictures in one


def to_bytes(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) in [0, 1] with one or three channels, on any device -> uint8 (N, H, W, C)."""
    scaled = pictures.detach().clamp(0, 1).mul(255).round().to(uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def jpeg_uris(pictures: Tensor, quality: int = QUALITY) -> list[str]:
    """(N, C, H, W) in [0, 1] -> a JPEG data URI each: 2 kB for a face of 64x64.

    By OpenCV, the fastest of those measured in tests/benchmarks/jpeg.py; no channel is subsampled.
    """
    return [jpeg_uri(image, quality) for image in to_bytes(pictures)]


def data_uri(picture: Image.Image, quality: int = QUALITY) -> str:
    """An RGB picture's JPEG data URI."""
    return jpeg_uri(np.asarray(picture.convert("RGB")), quality)


def sheet_uri(picture: Image.Image) -> str:
    """Many small pictures in one: a WebP data URI, a third of JPEG's bytes."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "WEBP", quality=SHEET, method=1)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def png_uri(picture: Image.Image) -> str:
    """A lossless data URI, for the API and for pictures whose pixels are compared."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def jpeg_uri(image: np.ndarray, quality: int) -> str:
    """uint8 (H, W, 1) or RGB (H, W, 3) -> a data URI; a grey picture has one channel there too."""
    if image.shape[2] == 3:
        image = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
    options = (
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    )
    _, buffer = cv2.imencode(".jpg", image, options)
    return "data:image/jpeg;base64," + base64.b64encode(buffer).decode()
