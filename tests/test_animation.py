"""Animations as files, opened again."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from betavae.views.animation import SIDES, animation, swings, to_and_fro


def test_a_swing_begins_where_it_is_and_reaches_both_ends():
    values = to_and_fro(1.5, 120)
    assert values[0] == pytest.approx(1.5) and values[1] > 1.5
    assert values.max() == pytest.approx(3, abs=0.01)
    assert values.min() == pytest.approx(-3, abs=0.01)
    assert values[60] == pytest.approx(-1.5, abs=1e-5), "half a turn later it is opposite"
    assert to_and_fro(7.0, 4)[0] == pytest.approx(3)


def test_latents_swing_in_turn_and_the_others_stay():
    code = torch.tensor([0.5, -1.0, 2.0])
    path = swings(code, [2, 0], 8)
    assert path.shape == (16, 3)
    assert (path[:, 1] == -1).all() and (path[:8, 0] == 0.5).all() and (path[8:, 2] == 2).all()
    assert path[2, 2] == pytest.approx(3 * math.sin(math.asin(2 / 3) + math.pi / 2))


@pytest.fixture
def frames():
    """A light square that goes from left to right, grey as 2D shapes are."""
    pictures = torch.zeros(10, 1, 64, 64)
    for t in range(10):
        pictures[t, :, 24:40, 5 * t : 5 * t + 16] = 1
    return pictures


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_pictures_open_again(frames, kind):
    opened = Image.open(io.BytesIO(animation(frames, kind)))
    assert opened.format == kind.upper() and opened.n_frames == 10
    assert opened.size == (SIDES[kind], SIDES[kind]) and opened.info["loop"] == 0
    for t in (0, 9):
        opened.seek(t)
        assert _place(np.asarray(opened.convert("L"))) == pytest.approx(
            (5 * t + 7.5) / 64, abs=0.01
        )


def test_a_video_opens_again(frames, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(animation(frames, "mp4"))
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    shown = []
    while (read := video.read())[0]:
        shown.append(read[1].mean(2))
    assert len(shown) == 10
    assert _place(shown[9]) == pytest.approx((45 + 7.5) / 64, abs=0.01)


def test_another_kind_is_refused(frames):
    with pytest.raises(ValueError, match="gif, webp, mp4"):
        animation(frames, "avi")


def _place(grey: np.ndarray) -> float:
    """Centre of mass across, as a share of the width."""
    light = np.where(grey > 64, grey, 0).sum(0)
    return float((light * np.arange(len(light))).sum() / light.sum() / len(light))
