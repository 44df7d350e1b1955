"""Anyone's photo -> an upright RGB picture, or one sentence that says what is wrong with it."""

from __future__ import annotations

import io
import os
import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError

MAX_BYTES = 20_000_000  # of the file
MAX_PIXELS = 60_000_000  # checked in the header, before anything is decoded
# What phones, cameras and browsers write (MPO opens as JPEG).
# Pillow reads far more, some of it by running programs.
Image.init()  # Pillow knows only the commonest formats until it is asked for all
# HEIC: what iPhones save. Of a burst the primary picture is read; no depth map, no thumbnail.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # to save pictures with
# A colour profile's space -> the modes of pictures that it may belong to.
SPACES = {"RGB": ("RGB", "L"), "GRAY": ("L",), "CMYK": ("CMYK",)}

ORIENTATION_TAG = 0x0112
# EXIF orientation -> what turns the stored pixels upright; 1 is upright already.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_opening = threading.Lock()  # catch_warnings is one for all threads; only headers are read in it


class PhotoError(ValueError):
    """The photo cannot be used; the message is one sentence: what is wrong and what to do."""


def open_photo(source: str | os.PathLike | bytes | BinaryIO) -> Image.Image:
    """Read a photo from a path, from its encoded bytes or from an open binary file.

    Returns it upright and RGB, at full size; of an animation, the first frame. Raises PhotoError
    for a file over MAX_BYTES or MAX_PIXELS, before decoding it, and for anything that is not a
    whole picture in one of FORMATS.
    """
    return decode(_read(source))


def decode(encoded: bytes) -> Image.Image:
    """`open_photo` of a file's bytes, however many: the one decoder, of training pictures too."""
    if not encoded:
        raise PhotoError("The file is empty; choose another photo.")
    try:
        with _opening, warnings.catch_warnings():
            # Pillow warns from 89 million pixels on; the limit here is lower and says it better.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels("over 170") from error
    except UnidentifiedImageError as error:
        raise PhotoError(_not_a_picture(encoded)) from error
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        raise _damaged() from error
    with picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_many_pixels(f"{picture.width * picture.height / 1e6:.0f}")
        return _jpeg(encoded) if _is_plain_jpeg(picture) else upright_rgb(picture)


def _is_plain_jpeg(picture: Image.Image) -> bool:
    """Whether OpenCV may decode it: it knows no colour profile, and no CMYK as Pillow does."""
    plain = picture.format == "JPEG" and picture.mode in ("RGB", "L")
    return plain and "icc_profile" not in picture.info


def _jpeg(encoded: bytes) -> Image.Image:
    """The pixels that Pillow decodes, upright, but faster: see tests/benchmarks/decoding.py."""
    import cv2  # here: a fifth of a second that only those spend who decode one

    try:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise _damaged() from error
    if pixels is None:  # damaged, or it ends too soon
        raise _damaged()
    return Image.fromarray(pixels)


def upright_rgb(photo: Image.Image) -> Image.Image:
    """A picture of any Pillow mode, with its EXIF turn still to do -> upright and RGB, as sRGB.

    Colours are converted by the picture's profile: phones take Display P3. Transparent parts
    become white; 16 bits, 32 bits and floats are scaled to 8 bits. `photo` stays as it is, and is
    itself returned where nothing had to change. Raises PhotoError where the pixels cannot be
    decoded or converted.
    """
    try:
        photo.load()
        orientation = _orientation(photo)  # asked first: conversion may lose the tag
        rgb = _to_rgb(photo)
    except Exception as error:  # the pixels are decoded here: see open_photo
        raise _damaged() from error
    if orientation in UPRIGHT:
        rgb = rgb.transpose(UPRIGHT[orientation])
    if rgb is not photo:
        rgb.info = {}  # else the EXIF turn would be done again by the next reader
    return rgb


def _read(source) -> bytes:
    """The encoded photo; never more than MAX_BYTES of it."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        encoded = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            if not path.is_file():  # nor a pipe or a device, which would never end
                raise PhotoError(f"There is no file {path}; check the path.")
            with path.open("rb") as stream:
                encoded = stream.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, PhotoError):
                raise
            raise PhotoError(f"The file {path} cannot be read; check its permissions.") from error
    else:
        encoded = source.read(MAX_BYTES + 1)
        if not isinstance(encoded, bytes):
            raise PhotoError("The photo was opened as text; open it with mode 'rb'.")
    if len(encoded) > MAX_BYTES:
        raise PhotoError(
            f"The file is over {MAX_BYTES // 1_000_000} MB; save a smaller copy of the photo."
        )
    return encoded


def _orientation(photo: Image.Image) -> int:
    try:
        return photo.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block is common, and no reason to refuse the pixels
        return 1


def _to_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode.startswith("I") or photo.mode == "F":
        return _deep_to_rgb(photo)
    profile = photo.info.get("icc_profile")
    if photo.has_transparency_data:
        straight = photo.convert("LA") if photo.mode == "La" else photo  # Pillow has no La to RGBA
        rgba = straight.convert("RGBA")
        return _over_white(_to_srgb(rgba.convert("RGB"), profile), rgba.getchannel("A"))
    if photo.mode == "LAB":
        to_srgb = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        return ImageCms.applyTransform(photo, to_srgb)
    if profile:
        return _to_srgb(photo, profile)
    if photo.mode == "RGB" and type(photo) is Image.Image:
        return photo
    return photo.convert("RGB")


def _to_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, converted by its ICC profile; as it is where there is none, or a damaged or a foreign
    one: no reason to refuse the pixels."""
    whole = photo if photo.mode in ("RGB", "L", "CMYK") else photo.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            if whole.mode in SPACES.get(space, ()):
                grey_in_colour = whole.mode == "L" and space == "RGB"
                whole = whole.convert("RGB") if grey_in_colour else whole
                target = ImageCms.createProfile("sRGB")
                return ImageCms.profileToProfile(whole, source, target, outputMode="RGB")
        except Exception:  # hostile bytes; also where the profile is of a printer that has no way
            pass
    return whole.convert("RGB")


def _over_white(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _deep_to_rgb(photo: Image.Image) -> Image.Image:
    """Grey values of 16 or 32 bits, or floats -> RGB."""
    if photo.mode.startswith("I;16"):
        grey = np.asarray(photo) >> 8
    else:
        values = np.nan_to_num(np.asarray(photo, np.float32), nan=0, posinf=0, neginf=0)
        grey = np.clip(values * (255 / _white_level(photo.mode, values.max())), 0, 255).round()
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _white_level(mode: str, brightest: float) -> float:
    """These modes do not say which value is white: the customary one that holds the brightest."""
    customary = (1, 255, 65535) if mode == "F" else (255, 65535)
    return next((white for white in customary if brightest <= white), brightest)


def _not_a_picture(encoded: bytes) -> str:
    if _is_heic(encoded):
        return "The HEIC photo is damaged, or of a kind that is not read; save it as JPEG."
    return "The file is not a picture that can be read; choose a JPEG, PNG or WebP photo."


def _is_heic(encoded: bytes) -> bool:
    return encoded[4:8] == b"ftyp" and encoded[8:11] in (b"hei", b"hev", b"mif", b"msf")


def _damaged() -> PhotoError:
    return PhotoError("The photo is damaged or incomplete; save or download it again.")


def _too_many_pixels(millions: str) -> PhotoError:
    return PhotoError(
        f"The photo has {millions} million pixels, more than the {MAX_PIXELS // 1_000_000} million "
        "that are allowed; save a smaller copy of it."
    )
