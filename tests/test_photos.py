"""Whatever file a visitor uploads: an upright RGB picture, or one sentence that says why not."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from shared import encoded

from betavae.data import photos
from betavae.data.photos import PhotoError, open_photo, upright_rgb

ORIENTATION_TAG = 0x0112


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has next to no pixels to show for it."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def photo_error(source) -> str:
    """The message with which `source` is refused; it has to be one sentence."""
    with pytest.raises(PhotoError) as raised:
        open_photo(source)
    message = str(raised.value)
    assert message.endswith(".") and "\n" not in message and ". " not in message
    return message


def patches(size=(90, 60)) -> Image.Image:
    """Four colours, one in each quarter, so that any turn shows."""
    colours = [[(200, 30, 30), (30, 200, 30)], [(30, 30, 200), (200, 200, 30)]]
    return Image.fromarray(np.array(colours, np.uint8)).resize(size, Image.Resampling.NEAREST)


def assert_like(photo: Image.Image, expected: Image.Image, tolerance: float = 8):
    assert (photo.mode, photo.size) == ("RGB", expected.size)
    difference = np.asarray(photo, float) - np.asarray(expected.convert("RGB"), float)
    assert np.abs(difference).mean() < tolerance


JPEG = encoded(patches((400, 300)), "JPEG", quality=90)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'

# --- refused ---

REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"This is no picture at all.\n" * 50, "not a picture"),
    "svg": (SVG, "not a picture"),
    "html": (b"<!doctype html><title>404</title>", "not a picture"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", "not a picture"),
    # Pillow hands EPS to Ghostscript, which runs programs.
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not a picture"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "random bytes": (np.random.default_rng(0).bytes(5000), "not a picture"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged"),
    "jpeg header alone": (JPEG[:100], "damaged|not a picture"),
    "truncated png": (encoded(patches(), "PNG")[:100], "damaged"),
    "png without its pixels": (png_of_size(500, 500), "damaged"),
    "png of no width": (png_of_size(0, 9), "damaged|not a picture"),
    "png bomb": (png_of_size(60_000, 60_000), "over 170 million pixels"),
    "too many pixels": (png_of_size(10_000, 10_000), "100 million pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("given_as", ["bytes", "path"])
def test_what_cannot_be_used_is_refused_in_one_sentence(name, given_as, tmp_path):
    content, reason = REFUSED[name]
    source = content
    if given_as == "path":
        source = tmp_path / "photo.jpg"
        source.write_bytes(content)
    assert re.search(reason, photo_error(source))


@pytest.mark.filterwarnings("error")
def test_large_headers_do_not_warn_either():
    photo_error(png_of_size(10_000, 10_000))


def test_a_photo_just_within_the_limits_is_read(monkeypatch):
    monkeypatch.setattr(photos, "MAX_PIXELS", 400 * 300)
    monkeypatch.setattr(photos, "MAX_BYTES", len(JPEG))
    assert open_photo(JPEG).size == (400, 300)


def test_too_many_bytes_are_not_read(monkeypatch):
    monkeypatch.setattr(photos, "MAX_BYTES", 1_000_000)

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, count=-1):
            assert count >= 0, "all of it was asked for"
            self.taken += count
            return bytes(count)

    stream = Endless()
    assert "over 1 MB" in photo_error(stream)
    assert stream.taken <= 1_000_001
    assert "over 1 MB" in photo_error(bytes(1_000_001))


def test_paths_that_hold_no_file(tmp_path):
    assert "no file" in photo_error(tmp_path / "missing.jpg")
    assert "no file" in photo_error(str(tmp_path / "missing.jpg"))
    assert "no file" in photo_error(tmp_path)
    photo_error("nul\0character.jpg")
    photo_error("long" * 2000 + ".jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "no file" in photo_error(tmp_path / "pipe.jpg")


def test_a_file_opened_as_text(tmp_path):
    (tmp_path / "photo.txt").write_text("hello", encoding="utf-8")
    with open(tmp_path / "photo.txt", encoding="utf-8") as stream:
        assert "'rb'" in photo_error(stream)


# --- read ---


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "GIF"])
def test_every_format_from_bytes_paths_and_streams(kind, tmp_path):
    content = encoded(patches(), kind)
    path = tmp_path / "photo.of-any-name"
    path.write_bytes(content)
    for source in (content, path, str(path), io.BytesIO(content)):
        assert_like(open_photo(source), patches())


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert_like(open_photo(content), frames[0])


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # the camera stores it so; the reader turns it back
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_turn_is_done_once(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    stored = patches().transpose(TURNS[orientation])
    photo = open_photo(encoded(stored, kind, exif=exif))
    assert_like(photo, patches())
    assert_like(upright_rgb(photo), patches())  # and not again


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("damage", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_a_damaged_exif_block_is_no_reason_to_refuse_the_pixels(damage):
    assert_like(open_photo(encoded(patches(), "JPEG", exif=damage)), patches())


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_orientations_that_do_not_exist_are_ignored(orientation):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    assert_like(open_photo(encoded(patches(), "JPEG", exif=exif)), patches())


def test_cmyk():
    assert_like(open_photo(encoded(patches().convert("CMYK"), "JPEG", quality=95)), patches())


def ramp(dtype, brightest) -> np.ndarray:
    return np.linspace(0, brightest, 64).astype(dtype).reshape(1, 64).repeat(8, axis=0)


GREY_RAMP = Image.fromarray(ramp(np.uint8, 255))


def test_sixteen_bits_are_scaled_not_clipped():
    picture = Image.fromarray(ramp(np.uint16, 65535))
    assert picture.mode == "I;16"
    assert_like(open_photo(encoded(picture, "PNG")), GREY_RAMP, tolerance=1)
    assert_like(open_photo(encoded(picture, "TIFF")), GREY_RAMP, tolerance=1)


@pytest.mark.parametrize(
    "dtype, brightest",
    [(np.int32, 255), (np.int32, 65535), (np.float32, 1), (np.float32, 255), (np.float32, 65535)],
)
def test_wide_integers_and_floats_are_scaled(dtype, brightest):
    content = encoded(Image.fromarray(ramp(dtype, brightest)), "TIFF")
    assert_like(open_photo(content), GREY_RAMP, tolerance=1.5)


def test_floats_that_are_not_numbers():
    values = np.array([[np.nan, np.inf, -np.inf, 1, 0.5, -3]], np.float32)
    photo = upright_rgb(Image.fromarray(values))
    assert [pixel[0] for pixel in photo.get_flattened_data()][3:] == [255, 128, 0]


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_transparent_parts_become_white(mode):
    picture = patches().convert("RGBA")
    picture.paste((9, 9, 9, 0), (0, 0, 45, 60))  # the left half
    picture = picture.quantize(8) if mode == "P" else picture.convert(mode)
    assert picture.mode == mode
    photo = open_photo(encoded(picture, "PNG"))
    assert photo.getpixel((10, 10)) == photo.getpixel((40, 50)) == (255, 255, 255)
    right = (45, 0, 90, 60)
    assert_like(photo.crop(right), patches().convert("L" if mode == "LA" else "RGB").crop(right))


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_colours(mode):
    """Pillow itself makes these when it resizes; it converts them in one way only."""
    picture = patches().convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    assert_like(upright_rgb(picture), patches().convert("L" if mode == "La" else "RGB"))


# --- colours ---

# Red, green and blue of some colour spaces as XYZ under D50, as their profiles have them.
SRGB_XYZ = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)]
P3_XYZ = [(0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)]
ADOBE_XYZ = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
SRGB_CURVE, GAMMA_22 = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), (2.19921875,)


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(primaries, curve: tuple[float, ...], space: bytes = b"RGB ") -> bytes:
    """An ICC profile of version 4: primaries and a parametric curve, nothing more."""
    function = {1: 0, 5: 3}[len(curve)]
    trc = b"para" + bytes(4) + struct.pack(">HH", function, 0) + fixed(*curve)
    white = b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)
    tags = {b"wtpt": white}
    if space == b"RGB ":
        for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
            tags[letter + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*primary)
            tags[letter + b"TRC"] = trc
    else:
        tags[b"kTRC"] = trc
    table, content = struct.pack(">I", len(tags)), b""
    first = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", first + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    size = first + len(content)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04300000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + content


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


def in_space(srgb: np.ndarray, primaries, curve) -> np.ndarray:
    """uint8 sRGB colours -> the same colours in another space, uint8."""
    light = linear(srgb / 255) @ np.array(SRGB_XYZ) @ np.linalg.inv(np.array(primaries))
    light = light.clip(0, 1)
    if curve is GAMMA_22:
        values = light ** (1 / curve[0])
    else:
        values = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, light * 12.92)
    return (values * 255).round().astype(np.uint8)


SKIN = np.array([(232, 190, 172), (198, 134, 66), (141, 85, 36), (90, 56, 37)], np.uint8)
WIDE = {"Display P3": (P3_XYZ, SRGB_CURVE), "Adobe RGB": (ADOBE_XYZ, GAMMA_22)}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
@pytest.mark.parametrize("space", WIDE)
def test_colours_are_converted_by_the_profile(space, kind):
    own = in_space(SKIN, *WIDE[space])
    assert np.abs(own.astype(int) - SKIN).max() > 8
    stored = Image.fromarray(own.reshape(1, 4, 3)).resize((256, 64), Image.Resampling.NEAREST)
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100}
    photo = open_photo(encoded(stored, kind, icc_profile=icc(*WIDE[space]), **options))
    shown = np.asarray(photo)[32, 32::64].astype(int)
    assert np.abs(shown - SKIN).max() <= (2 if kind in ("PNG", "TIFF", "WEBP") else 5)
    assert "icc_profile" not in photo.info  # nobody converts it again


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_the_profile_of_a_picture_with_transparency_or_a_palette(mode):
    own = Image.fromarray(in_space(SKIN, *WIDE["Display P3"]).reshape(1, 4, 3))
    stored = own.quantize(4) if mode == "P" else own.convert(mode)
    content = encoded(stored, "PNG", icc_profile=icc(*WIDE["Display P3"]))
    assert np.abs(np.asarray(open_photo(content))[0].astype(int) - SKIN).max() <= 4


def test_a_grey_profile():
    """Grey values of gamma 1, which a scanner may write."""
    grey = Image.fromarray((linear(np.arange(256) / 255) * 255).round().astype(np.uint8)[None])
    content = encoded(grey, "PNG", icc_profile=icc(None, (1.0,), b"GRAY"))
    shown = np.asarray(open_photo(content))[0, 128:, 1].astype(int)
    assert np.abs(shown - np.arange(128, 256)).max() <= 2


@pytest.mark.parametrize(
    "profile",
    [b"no profile", icc(*WIDE["Adobe RGB"])[:200], icc(None, (1.0,), b"GRAY")],
    ids=["garbage", "truncated", "of grey"],
)
def test_a_profile_that_cannot_be_used_is_no_reason_to_refuse_the_pixels(profile):
    assert_like(open_photo(encoded(patches(), "PNG", icc_profile=profile)), patches())


# --- HEIC ---


def heic(*pictures: Image.Image, primary: int = 0, **options) -> bytes:
    file, stream = pillow_heif.HeifFile(), io.BytesIO()
    for picture in pictures:
        file.add_from_pillow(picture)
    file.save(stream, quality=90, primary_index=primary, **options)
    return stream.getvalue()


def test_heic_from_bytes_paths_and_streams(tmp_path):
    content = heic(patches((400, 300)))
    (tmp_path / "IMG_0001.HEIC").write_bytes(content)
    for source in (content, tmp_path / "IMG_0001.HEIC", io.BytesIO(content)):
        assert_like(open_photo(source), patches((400, 300)))


def test_of_a_burst_the_primary_picture_is_read():
    others = [Image.new("RGB", (90, 60), colour) for colour in ("black", "white")]
    assert_like(open_photo(heic(others[0], patches(), others[1], primary=1)), patches())


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_heics_turn_is_done_once(orientation):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    stored = patches().transpose(TURNS[orientation])
    stored.info["exif"] = exif.tobytes()
    assert_like(open_photo(encoded(stored, "HEIF", quality=90)), patches())


def test_heics_colours():
    """An iPhone's are Display P3."""
    own = Image.fromarray(in_space(SKIN, *WIDE["Display P3"]).reshape(1, 4, 3))
    stored = own.resize((256, 64), Image.Resampling.NEAREST)
    stored.info["icc_profile"] = icc(*WIDE["Display P3"])
    shown = np.asarray(open_photo(heic(stored)))[32, 32::64].astype(int)
    assert np.abs(shown - SKIN).max() <= 5


def test_heics_limit_is_checked_before_decoding(monkeypatch):
    content = heic(patches((400, 300)))
    monkeypatch.setattr(photos, "MAX_PIXELS", 400 * 300 - 1)
    monkeypatch.setattr(photos, "upright_rgb", lambda photo: pytest.fail("it was decoded"))
    assert "million pixels" in photo_error(content)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_truncated_heic(share):
    content = heic(patches((400, 300)))
    assert re.search("HEIC|damaged", photo_error(content[: int(len(content) * share)]))


def test_upright_rgb_leaves_the_callers_picture_alone():
    rgb = patches()
    assert upright_rgb(rgb) is rgb
    grey = rgb.convert("L")
    assert upright_rgb(grey).mode == "RGB"
    assert grey.mode == "L"
