"""Faces are found and aligned in photos of any kind; where there is none, one sentence says so."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw

from betavae.faces.alignment import (
    AT_LEAST,
    WELL,
    NoFaceFound,
    align_face,
    centre_crop,
    find_landmarks,
)
from betavae.faces.geometry import Patch, resize
from betavae.faces.light import USUAL, brightened
from betavae.faces.looks import EYE_DISTANCE, TEMPLATE, which_way_up

ASTRONAUT = Image.fromarray(skimage.data.astronaut())  # 512x512, in the public domain
PUPILS = np.array([(203.4, 100.9), (246.5, 103.8)])  # in it, read off by eye
TOLERANCE = 0.12  # of the distance between the eyes
ORIENTATION_TAG = 0x0112
# EXIF orientation -> how a camera held that way stores an upright picture.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}


def pasted(scale, degrees=0, eyes_at=(400, 250), canvas=None):
    """The astronaut, scaled and turned, on a canvas of 800x600 -> (picture, the pupils there)."""
    canvas = canvas or Image.new("RGB", (800, 600), (90, 110, 100))
    angle = np.radians(degrees)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    shift = np.array(eyes_at) - turn @ PUPILS.mean(axis=0)
    # OpenCV counts from the centre of the first pixel.
    affine = np.column_stack((turn, shift + turn @ (0.5, 0.5) - 0.5))
    source = np.asarray(ASTRONAUT)
    if scale < 1:
        source = cv2.GaussianBlur(source, (0, 0), 0.5 / scale)
    mask = np.full(source.shape[:2], 255, np.uint8)
    pixels, mask = (cv2.warpAffine(array, affine, canvas.size) for array in (source, mask))
    picture = canvas.copy()
    picture.paste(Image.fromarray(pixels), mask=Image.fromarray(mask))
    return picture, PUPILS @ turn.T + shift


def eye_error(found, pupils) -> float:
    """The worse eye's error, as a fraction of the distance between the eyes."""
    distances = np.hypot(*(np.array(found) - pupils).T)
    return float(distances.max() / np.hypot(*(pupils[1] - pupils[0])))


def turned(points, quarter_turns, size):
    """Where points of a picture of `size` come to lie when it is turned counter-clockwise."""
    points, (width, height) = np.array(points), size
    for _ in range(quarter_turns):
        points = np.column_stack((points[:, 1], width - points[:, 0]))
        width, height = height, width
    return points


def assert_frame_shows(photo, aligned, matrix):
    """`matrix`, from pixels of the photo, gives the aligned frame, to its very border."""
    in_pixel_centres = matrix.copy()
    in_pixel_centres[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = aligned.frame.size
    warped = cv2.warpAffine(
        np.asarray(photo), in_pixel_centres, size, borderMode=cv2.BORDER_REPLICATE
    )
    difference = np.abs(warped.astype(float) - np.asarray(aligned.frame))
    assert difference.mean() < 3
    assert cv2.blur(difference, (15, 15)).max() < 20


# --- where the face is ---


@pytest.mark.parametrize("degrees", [-20, 0, 20])
@pytest.mark.parametrize("scale", [0.6, 1, 2, 4])
def test_a_face_of_any_size_and_turn_is_found(scale, degrees):
    photo, pupils = pasted(scale, degrees)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE


@pytest.mark.parametrize("degrees", [-135, -52, 45, 60, 120])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_face_between_two_quarter_turns_is_stood_upright(scale, degrees):
    photo, pupils = pasted(scale, degrees)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE


@pytest.mark.parametrize("size", [(6000, 400), (420, 9000)])
def test_a_face_in_a_panorama_is_found(size):
    canvas = Image.new("RGB", size, (120, 150, 180))
    photo, pupils = pasted(0.8, 5, (size[0] - 200, size[1] - 210), canvas)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE


@pytest.mark.parametrize("eyes_at", [(60, 60), (740, 60), (60, 520), (740, 520)])
def test_a_face_near_the_border_is_found(eyes_at):
    photo, pupils = pasted(1, 10, eyes_at)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE


def test_a_large_photo_is_aligned_as_a_small_one():
    photo, pupils = pasted(1, 10)
    large = photo.resize((4000, 3000), Image.Resampling.BICUBIC)
    aligned = align_face(large)
    assert eye_error(aligned.eyes, pupils * 5) < TOLERANCE
    assert_frame_shows(photo, aligned, aligned.matrix * (5, 5, 1))


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
@pytest.mark.parametrize("scale", [0.8, 2])
def test_a_photo_on_its_side_or_upside_down_is_turned(scale, quarter_turns):
    photo, pupils = pasted(scale, 5)
    on_its_side = Image.fromarray(np.rot90(np.asarray(photo), quarter_turns))
    aligned = align_face(on_its_side)
    assert eye_error(aligned.eyes, turned(pupils, quarter_turns, photo.size)) < TOLERANCE
    assert_frame_shows(on_its_side, aligned, aligned.matrix)


def test_of_two_faces_the_largest_is_aligned_and_both_are_listed():
    one, _ = pasted(0.8, -10, eyes_at=(200, 250))
    both, pupils = pasted(1.3, 10, eyes_at=(560, 250), canvas=one)
    aligned = align_face(both)
    assert eye_error(aligned.eyes, pupils) < TOLERANCE
    assert len(aligned.faces) == 2
    (left, top, right, bottom), (other_left, _, other_right, _) = aligned.faces
    for x, y in aligned.eyes:
        assert left < x < right and top < y < bottom
    assert other_left < 200 < other_right < left
    assert right - left > other_right - other_left


# --- what comes back ---


@pytest.mark.parametrize("degrees", [-15, 15])
def test_the_aligned_face_is_upright_in_celebas_frame(degrees):
    photo, pupils = pasted(1.5, degrees)
    aligned = align_face(photo)
    assert (aligned.frame.mode, aligned.frame.size) == ("RGB", (178, 218))
    assert (aligned.crop.mode, aligned.crop.size) == ("RGB", (64, 64))
    assert 0.8 <= aligned.score <= 1
    assert aligned.matrix.shape == (2, 3)
    linear, shift = aligned.matrix[:, :2], aligned.matrix[:, 2]
    for eyes in (np.array(aligned.eyes), pupils):
        in_frame = eyes @ linear.T + shift
        assert np.hypot(*(in_frame - TEMPLATE[:2]).T).max() < 0.2 * EYE_DISTANCE


def test_the_frame_shows_what_the_matrix_says():
    photo, _ = pasted(1.5, 15)
    aligned = align_face(photo)
    assert_frame_shows(photo, aligned, aligned.matrix)


def test_a_face_is_found_again_in_its_frame_at_the_template():
    frame = align_face(pasted(2, 15)[0]).frame
    landmarks = find_landmarks(frame)
    assert landmarks.shape == (5, 2)
    assert np.hypot(*(landmarks - TEMPLATE).T).max() < 0.25 * EYE_DISTANCE


def test_find_landmarks_returns_none_where_there_is_no_face():
    assert find_landmarks(Image.new("RGB", (192, 192), "teal")) is None
    assert find_landmarks(Image.new("RGB", (3, 3))) is None


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (401, 64), (1, 1)])
def test_centre_crop_is_the_largest_centred_square(size):
    photo = Image.new("RGB", size, "red")
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    photo.paste("blue", (left, top, left + side, top + side))
    crop = centre_crop(photo)
    assert (crop.mode, crop.size) == ("RGB", (64, 64))
    inside = crop.crop((2, 2, 62, 62))  # the resampling filter reaches a little over the border
    assert inside.getcolors() == [(60 * 60, (0, 0, 255))]


# --- pictures of every kind ---


def sixteen_bit(photo):
    return Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)


def cut_out_palette(photo):
    """A palette picture whose border is transparent, as stickers are."""
    cut = photo.convert("P", palette=Image.Palette.ADAPTIVE, colors=255)
    cut.paste(255, (0, 0, photo.width, 20))
    cut.info["transparency"] = 255
    return cut


MODES = {
    "1": lambda photo: photo.convert("1"),
    "L": lambda photo: photo.convert("L"),
    "LA": lambda photo: photo.convert("LA"),
    "P": cut_out_palette,
    "RGBA": lambda photo: photo.convert("RGBA"),
    "RGBX": lambda photo: photo.convert("RGBX"),
    "CMYK": lambda photo: photo.convert("CMYK"),
    "YCbCr": lambda photo: photo.convert("YCbCr"),
    "HSV": lambda photo: photo.convert("HSV"),
    "I;16": sixteen_bit,
    "I": lambda photo: Image.fromarray(np.asarray(photo.convert("L")).astype(np.int32) * 257),
    "F": lambda photo: Image.fromarray(np.asarray(photo.convert("L"), np.float32) / 255),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_pillow_mode(mode):
    photo, pupils = pasted(2.5)  # large, for the dots of mode 1
    photo = MODES[mode](photo)
    assert photo.mode == mode
    aligned = align_face(photo)
    assert eye_error(aligned.eyes, pupils) < TOLERANCE
    assert aligned.frame.mode == aligned.crop.mode == "RGB"


@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation(orientation):
    upright, pupils = pasted(1.5, 5)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    STORED[orientation](upright).save(file, "JPEG", quality=95, exif=exif)
    photo = Image.open(file)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE
    assert photo.getexif()[ORIENTATION_TAG] == orientation  # the caller's picture stays as it is


# --- no face ---


def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def gradient():
    return Image.linear_gradient("L").resize((640, 480))


def shapes():
    picture = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 60, 250, 200), fill="navy")
    draw.ellipse((300, 100, 420, 220), fill="orange")
    draw.polygon([(480, 400), (600, 400), (540, 250)], fill="green")
    draw.line((20, 440, 400, 300), fill="black", width=9)
    return picture


def handwriting():
    """YuNet alone takes parts of it for faces."""
    text = Image.fromarray(skimage.data.text()).convert("RGB")
    return text.crop((0, 0, 230, 172)).resize((640, 480), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("draw", [noise, gradient, shapes, handwriting])
def test_no_face(draw):
    with pytest.raises(NoFaceFound, match="No face was found; use a photo") as raised:
        align_face(draw())
    assert_one_sentence(raised)


def test_handwriting_around_a_face_is_not_taken_for_one():
    canvas = Image.fromarray(skimage.data.text()).convert("RGB").resize((800, 600))
    photo, pupils = pasted(0.6, canvas=canvas)
    assert eye_error(align_face(photo).eyes, pupils) < TOLERANCE


@pytest.mark.parametrize("size", [(1, 1), (5000, 2), (2, 5000), (640, 2), (15, 15)])
def test_pictures_too_small_or_too_narrow(size):
    width, height = size
    with pytest.raises(NoFaceFound, match=f"{width}×{height} pixels, is too small") as raised:
        align_face(Image.new("RGB", size, "gray"))
    assert_one_sentence(raised)


def assert_one_sentence(raised):
    message = str(raised.value)
    assert message.endswith(".") and "\n" not in message and ". " not in message


# --- threads, and the detector's weights ---


def test_threads_give_the_serial_results():
    photos = [pasted(scale, degrees)[0] for scale in (0.8, 1, 2) for degrees in (-12, 12)] * 2
    serial = [align_face(photo) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(align_face, photos))
    for one, other in zip(serial, parallel, strict=True):
        assert one.eyes == other.eyes
        assert one.faces == other.faces
        assert one.crop.tobytes() == other.crop.tobytes()


@pytest.mark.parametrize("tilt", [0, 20, 120, 210])
def test_the_right_way_up_is_found_from_any_side(tilt):
    """However the landmarks that it begins with are turned: YuNet's are, for faces that lie."""
    picture, pupils = pasted(0.8, tilt)
    patch = Patch(np.asarray(picture), resize(picture.size, picture.size))
    truth, _ = which_way_up(patch, template_at(pupils))
    assert eye_error(truth[:2], pupils) < 2 * TOLERANCE
    for degrees in (90, 135, 180, 290):
        angle = np.radians(degrees)
        turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        middle = truth.mean(axis=0)
        found, well = which_way_up(patch, (truth - middle) @ turn + middle)
        assert eye_error(found[:2], pupils) < 2 * TOLERANCE and well > WELL  # not refined yet


def test_where_there_is_no_face_none_is_seen_from_any_side():
    wall = np.asarray(Image.fromarray(skimage.data.brick()).convert("RGB"))
    patch = Patch(wall, resize(wall.shape[1::-1], wall.shape[1::-1]))
    _, well = which_way_up(patch, template_at(np.array([(200, 250), (280, 250)])))
    assert well < AT_LEAST


def template_at(pupils: np.ndarray) -> np.ndarray:
    """TEMPLATE as it lies where the eyes are there."""
    source, target = TEMPLATE @ (1, 1j), pupils @ (1, 1j)
    scale = (target[1] - target[0]) / (source[1] - source[0])
    places = (source - source[0]) * scale + target[0]
    return np.column_stack((places.real, places.imag))


# --- a face that fills its photo, and a dark one ---


def test_a_face_within_its_photo_lies_within():
    aligned = align_face(pasted(1)[0])
    assert aligned.outside == 0
    luma = np.asarray(aligned.crop.convert("L")).mean() / 255
    assert aligned.brightness == pytest.approx(luma, abs=0.01)


def test_what_lies_outside_the_photo_is_filled_without_streaks_and_counted():
    photo, _ = pasted(2)
    whole = align_face(photo)
    corners = np.array([(45, 65), (133, 65), (45, 165), (133, 165)])  # brow to chin, in the frame
    in_photo = (corners - whole.matrix[:, 2]) @ np.linalg.inv(whole.matrix[:, :2]).T
    (left, top), (right, bottom) = in_photo.min(0).round(), in_photo.max(0).round()
    close = align_face(photo.crop((left, top, right, bottom)))
    assert close.outside == pytest.approx(1 - 88 * 100 / 148**2, abs=0.08)
    pixels = np.asarray(close.frame, float)
    # Streaks: away from the face nothing changes along them, but from one to the next.
    rim = pixels[:, 168:178].mean(axis=1)
    assert np.abs(rim - rim.mean(axis=0)).max() < 12
    inside = pixels[90:140, 70:110]
    assert np.abs(inside - np.asarray(whole.frame, float)[90:140, 70:110]).mean() < 12


@pytest.mark.parametrize("luma", [0.02, 0.05, 0.1])
def test_a_dark_photo_is_made_as_bright_as_faces_usually_are(luma):
    """The formula's known points: what had that luma, black and white."""
    grey = round(255 * luma)
    photo = Image.fromarray(np.array([[0, grey, 255]], np.uint8))
    bright = np.asarray(brightened(photo, grey / 255))[0, :, 0]
    assert bright.tolist() == [0, round(255 * USUAL), 255]


@pytest.mark.parametrize("luma", [0.0, 1.0])
def test_what_has_no_light_at_all_can_be_asked_for(luma):
    assert brightened(Image.new("L", (4, 4), 0), luma).getextrema() == ((0, 0),) * 3


def test_a_dark_photo_is_told():
    photo, _ = pasted(2)
    dark = align_face(photo.point(lambda value: value // 5))
    assert dark.brightness == pytest.approx(align_face(photo).brightness / 5, abs=0.02)
