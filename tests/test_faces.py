"""Faces are found and aligned, whatever the photo, with a public-domain portrait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from betavae import faces
from betavae.faces import TEMPLATE, FaceModelError, NoFaceFound, align_face, centre_crop

FACE = (150, 20, 310, 210)  # of the portrait: the head, left to right


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return Image.fromarray(astronaut())


@pytest.fixture(scope="module")
def head(portrait) -> Image.Image:
    return portrait.crop(FACE)


@pytest.fixture(scope="module")
def eyes(portrait) -> np.ndarray:
    """Where the portrait's pupils are, (2, 2), read off the picture enlarged ten times."""
    return np.array([[203.0, 101.0], [246.5, 103.5]])


def in_frame(face, points) -> np.ndarray:
    """Points of the photo -> points of CelebA's frame."""
    return np.asarray(points) @ face.matrix[:, :2].T + face.matrix[:, 2]


def error(found, true) -> float:
    """The larger eye's distance, in eye distances."""
    found, true = np.asarray(found), np.asarray(true)
    return np.linalg.norm(found - true, axis=1).max() / np.linalg.norm(true[1] - true[0])


def test_portrait_is_aligned_to_the_template(portrait, eyes):
    face = align_face(portrait)
    assert face.frame.size == (178, 218) and face.crop.size == (64, 64)
    assert face.frame.mode == face.crop.mode == "RGB"
    assert len(face.faces) == 1 and 0.8 <= face.score <= 1
    assert error(face.eyes, eyes) < 0.1
    assert np.abs(in_frame(face, face.eyes) - TEMPLATE[:2]).max() < 5


@pytest.mark.parametrize(("scale", "turn"), [(0.5, -20), (0.8, 12), (1.5, 20), (2.5, -8)])
def test_any_size_turn_and_place(portrait, eyes, scale, turn):
    size = round(512 * scale)
    canvas = Image.new("RGB", (size + 300, size + 200), (90, 110, 100))
    pasted = portrait.resize((size, size)).rotate(turn, Image.Resampling.BICUBIC)
    canvas.paste(pasted, (170, 60))
    radians = np.radians(turn)
    rotation = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    true = (eyes * scale - size / 2) @ rotation.T + size / 2 + (170, 60)
    assert error(align_face(canvas).eyes, true) < 0.1


@pytest.mark.parametrize("quarter", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180])
def test_sideways_and_upside_down_come_out_upright(portrait, quarter):
    upright, turned = align_face(portrait), align_face(portrait.transpose(quarter))
    difference = np.asarray(upright.crop).astype(int) - np.asarray(turned.crop)
    assert np.abs(difference).mean() < 20


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_mode(portrait, mode):
    grey = np.asarray(portrait.convert("L")).astype(np.uint16) * 257
    photo = Image.fromarray(grey) if mode == "I;16" else portrait.convert(mode)
    assert error(align_face(photo).eyes, align_face(portrait).eyes) < 0.1


def test_largest_of_two_faces_and_both_are_listed(head):
    canvas = Image.new("RGB", (700, 420), (100, 100, 100))
    canvas.paste(head, (20, 20))
    canvas.paste(head.resize((320, 380)), (350, 20))
    face = align_face(canvas)
    assert len(face.faces) == 2
    assert all(x > 350 for x, _ in face.eyes)


@pytest.mark.parametrize("size", [(1, 1), (640, 2), (5000, 2), (15, 300)])
def test_too_small_or_too_narrow(size):
    with pytest.raises(NoFaceFound, match="too small or too narrow"):
        align_face(Image.new("RGB", size, (200, 170, 150)))


def test_no_face_is_one_sentence():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for picture in (noise, np.tile(np.arange(256, dtype=np.uint8), (200, 1))):
        with pytest.raises(NoFaceFound) as found:
            align_face(Image.fromarray(picture))
        assert "\n" not in str(found.value)


def test_threads_give_what_one_gives(portrait):
    photos = [portrait.resize((300 + 40 * i, 300 + 40 * i)) for i in range(8)]
    serial = [align_face(photo).eyes for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda photo: align_face(photo).eyes, photos)) == serial


def test_landmarks_of_an_upright_face(head):
    eyes_nose_mouth = faces.find_landmarks(head)
    assert eyes_nose_mouth.shape == (5, 2)
    assert eyes_nose_mouth[0, 0] < eyes_nose_mouth[2, 0] < eyes_nose_mouth[1, 0]
    assert eyes_nose_mouth[:2, 1].max() < eyes_nose_mouth[2, 1] < eyes_nose_mouth[3:, 1].min()
    assert faces.find_landmarks(Image.new("RGB", (200, 200))) is None


def test_centre_crop_is_the_middle_square():
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 200
    assert np.asarray(centre_crop(Image.fromarray(picture))).min() > 180


def test_altered_or_missing_detector_is_named(monkeypatch):
    monkeypatch.setattr(faces, "MODEL_SHA256", "0" * 64)
    with pytest.raises(FaceModelError, match="pip install"):
        faces._model_path()
    monkeypatch.setattr(faces, "MODEL_FILE", "nothing.onnx")
    with pytest.raises(FaceModelError, match="pip install"):
        faces._model_path()
