"""Whatever is uploaded becomes an upright RGB picture or one sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from betavae import photos
from betavae.photos import PhotoError, open_photo

LEFT_RED = np.zeros((40, 60, 3), np.uint8)
LEFT_RED[:, :30, 0] = 255


def file_of(picture: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a picture of this size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + body


JPEG = file_of(Image.fromarray(LEFT_RED), "JPEG", quality=95)
HOSTILE = {
    "empty": b"",
    "text": b"This is a text file that somebody renamed.",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
    "truncated": JPEG[: len(JPEG) // 2],
    "100 megapixels": png_header(10_000, 10_000),
    "bomb": png_header(60_000, 60_000),
    "short pixels": png_header(100, 100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_end_in_one_sentence(name):
    with pytest.raises(PhotoError) as error:
        open_photo(HOSTILE[name])
    sentence = str(error.value)
    assert "\n" not in sentence and sentence.endswith(".")


def test_too_many_bytes_and_missing_files(tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    monkeypatch.setattr(photos, "MAX_BYTES", 100)
    with pytest.raises(PhotoError):
        open_photo(tmp_path / "photo.jpg")
    with pytest.raises(PhotoError):
        open_photo(tmp_path / "nothing.jpg")


def test_exif_turn_is_undone():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the stored picture must turn a quarter
    turned = open_photo(file_of(Image.fromarray(LEFT_RED), "JPEG", exif=exif, quality=95))
    assert turned.size == (40, 60)
    top, bottom = (np.asarray(turned)[rows].mean((0, 1)) for rows in (slice(0, 20), slice(40, 60)))
    assert top[0] > 200 and bottom[0] < 50


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_mode_becomes_rgb(mode):
    grey = Image.linear_gradient("L").resize((64, 64))
    picture = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        if mode == "I;16"
        else grey.convert(mode)
    )
    kind = "TIFF" if mode in ("CMYK", "LA") else "PNG"
    opened = open_photo(file_of(picture, kind))
    assert opened.mode == "RGB" and opened.size == (64, 64)
    rows = np.asarray(opened).mean((1, 2))
    assert rows[:8].mean() < 40 and rows[-8:].mean() > 215


def test_transparency_lies_over_white():
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert np.asarray(open_photo(file_of(clear, "PNG"))).min() == 255


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    animated = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(open_photo(animated))[0, 0].tolist() == [255, 0, 0]
