"""Folders of one's own pictures -> tensors."""

from __future__ import annotations

import io
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from frames import (
    FACE,
    SURROUNDINGS,
    filled,
)
from PIL import Image, ImageOps
from skimage.data import astronaut

from betavae.data import DataError, ImageFolder
from betavae.data.images import to_tensor
from betavae.data.photos import decode, open_photo


class TestImageFolder:
    @pytest.fixture
    def nested(self, tmp_path) -> Path:
        """60 pictures in folders within folders, of several formats and shapes."""
        for number in range(60):
            path = tmp_path / f"year-{number % 3}" / f"month-{number % 4}"
            path.mkdir(parents=True, exist_ok=True)
            suffix = (".png", ".jpg", ".webp", ".bmp", ".JPEG")[number % 5]
            size = ((64, 64), (90, 70), (70, 90))[number % 3]
            Image.new("RGB", size, (number * 4, 255 - number * 4, 100)).save(
                path / f"picture-{number}{suffix}"
            )
        (tmp_path / "notes.txt").write_text("not a picture", encoding="utf-8")
        return tmp_path

    def test_splits_are_disjoint_and_cover_all(self, nested):
        train, validation, everything = (
            ImageFolder(nested, split, progress=False) for split in ("train", "validation", "all")
        )
        assert set(train.names).isdisjoint(validation.names)
        assert sorted(train.names + validation.names) == everything.names
        assert len(everything) == 60
        assert 0 < len(validation) < 20
        assert everything.images.shape == (60, 3, 64, 64)

    def test_split_stays_when_pictures_are_added(self, nested):
        before = set(ImageFolder(nested, "validation", progress=False).names)
        for number in range(40):
            Image.new("RGB", (64, 64)).save(nested / f"added-{number}.png")
        after = set(ImageFolder(nested, "validation", progress=False).names)
        assert {name for name in after if not name.startswith("added")} == before

    def test_centre_square_is_kept(self, tmp_path):
        """A wide and a tall picture whose centre square is the one patch of colour."""
        for name, size, corner in (("wide", (200, 100), (50, 0)), ("tall", (100, 200), (0, 50))):
            picture = Image.new("RGB", size, SURROUNDINGS)
            picture.paste(FACE, (*corner, corner[0] + 100, corner[1] + 100))
            picture.save(tmp_path / f"{name}.png")
        inside = ImageFolder(tmp_path, "all", progress=False).images[:, :, 3:-3, 3:-3]
        assert torch.equal(inside, filled(FACE).expand_as(inside))

    def test_exif_turn_is_followed(self, tmp_path):
        picture = Image.new("RGB", (64, 64), SURROUNDINGS)
        picture.paste(FACE, (0, 0, 64, 32))  # the upper half
        exif = Image.Exif()
        exif[0x0112] = 3  # orientation: turned by 180 degrees
        picture.save(tmp_path / "turned.png", exif=exif)
        image = ImageFolder(tmp_path, "all", progress=False).images[0]
        assert image[:, 60, 32].tolist() == list(FACE)
        assert image[:, 3, 32].tolist() == list(SURROUNDINGS)

    def test_a_jpeg_that_ends_too_soon_or_claims_too_much_is_left_out(self, tmp_path):
        Image.effect_noise((64, 64), 40).save(tmp_path / "whole.jpg")
        content = (tmp_path / "whole.jpg").read_bytes()
        for share in (0.3, 0.9, 0.99):
            (tmp_path / f"cut-{share}.jpg").write_bytes(content[: int(len(content) * share)])
        size = content.index(b"\xff\xc0") + 5  # in the header: height, width
        huge = content[:size] + b"\xff\xdc\xff\xdc" + content[size + 4 :]
        (tmp_path / "huge.jpg").write_bytes(huge)
        with pytest.warns(UserWarning, match=r"4 pictures cannot be decoded.*cut-0\.3\.jpg"):
            assert ImageFolder(tmp_path, "all", progress=False).names == ["whole.jpg"]

    def test_grey_and_transparent_pictures_become_rgb(self, tmp_path):
        Image.new("L", (64, 64), 90).save(tmp_path / "grey.png")
        Image.new("P", (64, 64)).save(tmp_path / "palette.png")
        Image.new("RGBA", (64, 64), (9, 8, 7, 255)).save(tmp_path / "transparent.png")
        images = ImageFolder(tmp_path, "all", progress=False).images
        assert images[0].unique().tolist() == [90]
        assert images[2, :, 5, 5].tolist() == [9, 8, 7]

    def test_a_picture_is_read_as_an_upload_is(self, tmp_path):
        """Sixteen bits are scaled, not clipped; what is transparent is white."""
        ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(1, 64).repeat(64, axis=0)
        Image.fromarray(ramp).save(tmp_path / "deep.png")
        Image.new("RGBA", (64, 64), (200, 0, 0, 0)).save(tmp_path / "transparent.png")
        images = ImageFolder(tmp_path, "all", progress=False).images
        for name, image in zip(("deep.png", "transparent.png"), images, strict=True):
            assert torch.equal(image, to_tensor(open_photo(tmp_path / name))), name
        assert abs(int(images[0, 0, 5, 32]) - 129) < 3 and images[1].unique().tolist() == [255]

    @pytest.mark.parametrize(
        "suffix", [".tif", ".tiff", ".avif", ".gif", ".jfif", ".ppm", ".pgm", ".jpe"]
    )
    def test_every_format_of_an_upload_is_read(self, tmp_path, suffix):
        kind = {".jpe": "JPEG"}.get(suffix, Image.registered_extensions().get(suffix))
        Image.new("RGB", (64, 64), (40, 80, 120)).save(tmp_path / f"a{suffix}", kind)
        (image,) = ImageFolder(tmp_path, "all", progress=False).images
        assert abs(image[:, 9, 9].int() - torch.tensor((40, 80, 120))).max() < 6

    @pytest.mark.filterwarnings("error")
    def test_what_machines_put_there_is_left_alone(self, tmp_path):
        picture = Image.new("RGB", (64, 64))
        picture.save(tmp_path / "mine.png")
        for name in (
            ".ipynb_checkpoints/mine-checkpoint.png",
            ".Trash-1000/files/old.png",
            ".Trash/old.png",
            "@eaDir/mine.png/SYNOPHOTO_THUMB_M.jpg",
            "__MACOSX/other.png",
            "._mine.png",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / name)
        assert ImageFolder(tmp_path, "all", progress=False).names == ["mine.png"]

    def test_a_hidden_folder_may_be_named_itself(self, tmp_path):
        (tmp_path / ".data").mkdir()
        Image.new("RGB", (64, 64)).save(tmp_path / ".data" / "a.png")
        assert len(ImageFolder(tmp_path / ".data", "all", progress=False)) == 1

    def test_linked_folders_are_followed_once(self, tmp_path):
        elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
        for folder in (elsewhere, here):
            folder.mkdir()
        Image.new("RGB", (64, 64)).save(elsewhere / "a.png")
        (here / "link").symlink_to(elsewhere)
        (here / "link" / "back").symlink_to(here)
        (here / "dangling.png").symlink_to(tmp_path / "nothing.png")
        assert ImageFolder(here, "all", progress=False).names == ["link/a.png"]

    def test_kinds_that_are_not_read_are_counted(self, tmp_path):
        Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
        for name in ("b.svg", "c.cr2", "d.CR2", "notes.txt"):
            (tmp_path / name).write_bytes(b"x")
        with pytest.warns(UserWarning, match=r"kinds that are not read \(2 \.cr2, 1 \.svg\)"):
            assert len(ImageFolder(tmp_path, "all", progress=False)) == 1

    @pytest.mark.parametrize("name", [b"caf\xe9.png", b"two\nlines.png", "\u2028.png".encode()])
    def test_a_name_that_is_no_text_or_more_than_a_line(self, tmp_path, name):
        path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
        Image.new("RGB", (64, 64), FACE).save(path)
        for _ in ("decoded", "from the cache"):
            faces = ImageFolder(tmp_path, "all", progress=False)
            assert list(map(os.fsencode, faces.names)) == [name]

    def test_a_macs_spelling_of_a_name_falls_to_the_same_split(self, tmp_path):
        """é, and e with ´ added."""
        for form in ("NFC", "NFD"):
            folder = tmp_path / form
            folder.mkdir()
            for number in range(30):
                name = unicodedata.normalize(form, f"é{number}.png")
                Image.new("RGB", (8, 8)).save(folder / name)
        splits = [
            [
                unicodedata.normalize("NFC", n)
                for n in ImageFolder(folder, "validation", False).names
            ]
            for folder in (tmp_path / "NFC", tmp_path / "NFD")
        ]
        assert sorted(splits[0]) == sorted(splits[1]) != []

    def test_errors_name_the_folder_and_the_split(self, tmp_path):
        with pytest.raises(DataError, match="absent is not a folder"):
            ImageFolder(tmp_path / "absent", progress=False)
        with pytest.raises(DataError, match="holds no picture"):
            ImageFolder(tmp_path, progress=False)
        with pytest.raises(DataError, match="split is 'test'"):
            ImageFolder(tmp_path, "test", progress=False)


JPEGS = {  # mode, options of its encoder
    "as cameras write it": ("RGB", {}),
    "colour in full": ("RGB", {"subsampling": 0, "quality": 100}),
    "progressive": ("RGB", {"progressive": True}),
    "red, green and blue": ("RGB", {"keep_rgb": True}),
    "grey": ("L", {}),
    "for printers": ("CMYK", {}),
    **{f"turned, {turn}": ("RGB", {"exif": turn}) for turn in range(1, 9)},
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_has_the_pixels_that_pillow_decodes(kind):
    mode, options = JPEGS[kind]
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options = {"exif": exif}
    picture = Image.fromarray(astronaut()).resize((89, 109)).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", **options)
    found = np.asarray(decode(stream.getvalue()), int)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(stream)).convert("RGB"), int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= (mode == "CMYK")
