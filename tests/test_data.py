"""Pictures on disk -> tensors: the crop, folders and archives, the cache, and damaged data."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from betavae.data import CelebA, DataError, ImageFolder
from betavae.data.celeba import face_box

FRAME = (178, 218)  # CelebA's aligned frame
CROP = (15, 35, 163, 183)  # left, top, right, bottom of its centre 148x148
FRAMES = [pytest.param(FRAME, id="official"), pytest.param((89, 109), id="reduced")]
ARCHIVES = [pytest.param(False, id="folder"), pytest.param(True, id="zip")]
FACE, SURROUNDINGS = (200, 120, 40), (10, 60, 220)


def framed_face(frame: tuple[int, int]) -> Image.Image:
    """One colour in the centre 148x148 of CelebA's frame, another around it."""
    picture = Image.new("RGB", FRAME, SURROUNDINGS)
    picture.paste(FACE, CROP)
    return picture.resize(frame, Image.Resampling.BOX)


def gradient(frame: tuple[int, int], axis: int) -> Image.Image:
    """Grey from 0 to 255 across the frame (axis 0) or down it (axis 1)."""
    ramp = (np.arange(frame[axis]) + 0.5) / frame[axis] * 255
    grey = np.tile(ramp, (frame[1], 1)) if axis == 0 else np.tile(ramp[:, None], (1, frame[0]))
    return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")


def filled(colour: tuple[int, int, int]) -> torch.Tensor:
    """uint8 (3, 1, 1), to be spread over a picture."""
    return torch.tensor(colour, dtype=torch.uint8)[:, None, None]


def break_picture(path: Path) -> None:
    """Cut a file in half, as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def rewrite_zip(root: Path, name="", change=None, compression=zipfile.ZIP_STORED) -> None:
    """Write img_align_celeba.zip anew, with `change` applied to the content of one picture."""
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path) as old:
        contents = {member: old.read(member) for member in old.namelist()}
    if change is not None:
        member = f"img_align_celeba/{name}"
        contents[member] = change(contents[member])
    with zipfile.ZipFile(path, "w", compression) as new:
        for member, content in contents.items():
            new.writestr(member, content)


def load(layout, split="train") -> CelebA:
    return CelebA(layout.root, split, progress=False)


class TestCrop:
    def test_box_on_the_official_frame_is_the_centre_148(self):
        assert face_box(*FRAME) == CROP

    @pytest.mark.parametrize("frame", FRAMES)
    def test_picture_is_exactly_the_face(self, celeba_layout, frame):
        layout = celeba_layout(pictures={"000001.png": framed_face(frame)})
        image = load(layout).images[0]
        inside = image[:, 3:-3, 3:-3]  # the filter mixes both colours along the crop's border
        assert torch.equal(inside, filled(FACE).expand_as(inside))

    @pytest.mark.parametrize("frame", FRAMES)
    @pytest.mark.parametrize("axis", [0, 1], ids=["across", "down"])
    def test_gradient_has_the_values_of_its_place_in_the_frame(self, celeba_layout, frame, axis):
        """Pixel i of the 64 shows the frame at 15 + (i + 1/2) 148/64 (35 + ... downwards)."""
        image = load(celeba_layout(pictures={"000001.png": gradient(frame, axis)})).images[0]
        place = CROP[axis] + (torch.arange(64) + 0.5) * 148 / 64
        expected = place / FRAME[axis] * 255
        lines = image.float() if axis == 0 else image.float().transpose(1, 2)
        assert (lines - expected).abs().max() <= 1.5


class TestCelebA:
    @pytest.mark.parametrize("frame", FRAMES)
    def test_folder_and_zip_give_the_same(self, celeba_layout, frame):
        folder, archive = (load(celeba_layout(frame, archive)) for archive in (False, True))
        assert folder.images.dtype == torch.uint8
        assert folder.images.shape == (6, 3, 64, 64)
        assert torch.equal(folder.images, archive.images)
        assert folder.names == archive.names
        assert torch.equal(folder.attributes, archive.attributes)

    def test_resolutions_show_the_same_face(self, celeba_layout):
        official, reduced = (load(celeba_layout(frame)) for frame in ((178, 218), (89, 109)))
        difference = (official.images.float() - reduced.images.float()).abs().mean()
        others = (official.images.float() - reduced.images.roll(1, 0).float()).abs().mean()
        assert difference < 2 < 20 < others

    def test_splits_follow_the_partition_and_cover_all(self, celeba_layout):
        layout = celeba_layout()
        names = [load(layout, split).names for split in ("train", "validation", "test")]
        assert names == [layout.names(part) for part in (0, 1, 2)]
        assert load(layout, "all").names == [name for split in names for name in split]

    def test_batch_takes_pictures_by_index(self, celeba_layout):
        faces = load(celeba_layout())
        assert torch.equal(faces.batch(torch.tensor([3, 0])), faces.images[[3, 0]])

    def test_attributes_follow_the_names(self, celeba_layout):
        layout = celeba_layout()
        faces = load(layout, "validation")
        assert len(faces.attribute_names) == 40
        assert faces.attributes.dtype == torch.bool
        assert faces.attributes.tolist() == [layout.attributes[name] for name in faces.names]

    def test_attributes_follow_the_names_past_a_broken_picture(self, celeba_layout):
        layout = celeba_layout()
        break_picture(layout.root / "img_align_celeba" / "000002.jpg")
        with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000002\.jpg"):
            faces = load(layout)
        assert faces.names == [name for name in layout.names(0) if name != "000002.jpg"]
        assert len(faces) == 5
        assert faces.attributes.tolist() == [layout.attributes[name] for name in faces.names]

    def test_broken_picture_moves_no_other(self, celeba_layout):
        whole = load(celeba_layout())
        layout = celeba_layout()
        break_picture(layout.root / "img_align_celeba" / "000002.jpg")
        with pytest.warns(UserWarning):
            faces = load(layout)
        assert torch.equal(faces.images, whole.images[[0, 2, 3, 4, 5]])

    def test_zip_with_a_broken_picture_leaves_it_out(self, celeba_layout):
        layout = celeba_layout(archive=True)
        rewrite_zip(layout.root, "000002.jpg", lambda content: content[:200])
        with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000002\.jpg"):
            assert len(load(layout)) == 5

    def test_zip_with_a_damaged_compressed_member_leaves_it_out(self, celeba_layout):
        layout = celeba_layout(archive=True)
        path = layout.root / "img_align_celeba.zip"
        rewrite_zip(layout.root, compression=zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("img_align_celeba/000002.jpg")
        content = bytearray(path.read_bytes())
        first = info.header_offset + 30 + len(info.filename)  # 30 bytes of local header
        content[first : first + 20] = b"\xff" * 20
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000002\.jpg"):
            assert len(load(layout)) == 5

    def test_zip_with_a_member_of_an_unknown_compression_leaves_it_out(self, celeba_layout):
        layout = celeba_layout(archive=True)
        path = layout.root / "img_align_celeba.zip"
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 10] = 77  # the method, in the central directory
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000001\.jpg"):
            assert len(load(layout)) == 5

    @pytest.mark.parametrize("error", [struct.error, EOFError, NotImplementedError])
    def test_whatever_the_decoder_says_of_a_picture_leaves_it_out(
        self, celeba_layout, monkeypatch, error
    ):
        layout, opened = celeba_layout(), Image.open
        bad = (layout.root / "img_align_celeba" / "000004.jpg").read_bytes()

        def open_or_fail(stream):
            if stream.getvalue() == bad:
                raise error("odd")
            return opened(stream)

        monkeypatch.setattr(Image, "open", open_or_fail)
        with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000004\.jpg"):
            assert len(load(layout)) == 5

    def test_pictures_in_no_split_are_counted(self, celeba_layout):
        """Those that the partition does not list, or lists under a number that is no split's."""
        layout = celeba_layout()
        path = layout.root / "list_eval_partition.txt"
        rows = path.read_text().replace("000002.jpg 0", "000002.jpg 7").splitlines()
        path.write_text("\n".join(row for row in rows if not row.startswith("000005")))
        with pytest.warns(UserWarning, match=r"2 pictures are in no split, such as 000002\.jpg"):
            faces = load(layout)
        assert len(faces) == 4

    def test_rows_without_a_picture_are_counted(self, celeba_layout):
        layout = celeba_layout()
        for name in ("000003.jpg", "000008.jpg"):
            (layout.root / "img_align_celeba" / name).unlink()
        with pytest.warns(UserWarning, match=r"lists 2 pictures that are not there.*000003\.jpg"):
            faces = load(layout)
        assert faces.names == [name for name in layout.names(0) if name != "000003.jpg"]

    def test_without_attributes(self, celeba_layout):
        layout = celeba_layout()
        (layout.root / "list_attr_celeba.txt").unlink()
        faces = load(layout)
        assert faces.attributes is None
        assert list(faces.attribute_names) == []

    def test_without_partition_the_official_numbers_hold(self, celeba_layout):
        """1-162770 are to train on, 162771-182637 to validate, 182638-202599 to test."""
        numbers = {1: 0, 162_770: 0, 162_771: 1, 182_637: 1, 182_638: 2, 202_599: 2}
        pictures = {f"{n:06d}.png": Image.new("RGB", (89, 109)) for n in numbers}
        layout = celeba_layout(pictures=pictures)
        (layout.root / "list_eval_partition.txt").unlink()
        for part, split in enumerate(("train", "validation", "test")):
            with pytest.warns(UserWarning, match="official split by file number"):
                faces = load(layout, split)
            assert faces.names == [f"{n:06d}.png" for n, its in numbers.items() if its == part]


class TestErrors:
    """Every error names what is missing or wrong."""

    def test_wrong_split(self, celeba_layout):
        with pytest.raises(DataError, match="split is 'training'; it must be one of train"):
            load(celeba_layout(), "training")

    def test_split_without_pictures(self, celeba_layout):
        layout = celeba_layout(pictures={"000001.png": framed_face(FRAME)})
        with pytest.raises(DataError, match="no picture of the split 'test'"):
            load(layout, "test")

    @pytest.mark.parametrize("exists", [True, False], ids=["empty", "absent"])
    def test_root_without_pictures(self, tmp_path, exists):
        root = tmp_path if exists else tmp_path / "absent"
        with pytest.raises(DataError) as error:
            CelebA(root, progress=False)
        assert str(root) in str(error.value)
        assert "img_align_celeba.zip" in str(error.value)

    def test_empty_picture_folder(self, celeba_layout):
        layout = celeba_layout(pictures={})
        with pytest.raises(DataError, match=r"img_align_celeba holds no picture \(\.jpg"):
            load(layout)

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
    def test_truncated_zip(self, celeba_layout, share):
        layout = celeba_layout(archive=True)
        path = layout.root / "img_align_celeba.zip"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(DataError, match=r"img_align_celeba\.zip is not a complete zip archive"):
            load(layout)

    @pytest.mark.parametrize(
        ("offset", "value", "message"),
        [
            pytest.param(6, 200, "is not a complete zip archive", id="of a later version"),
            pytest.param(8, 1, "is encrypted; unpack it into the folder", id="encrypted"),
        ],
    )
    def test_zip_of_an_unusual_kind(self, celeba_layout, offset, value, message):
        """A byte of the central directory says what it takes to read the first picture."""
        layout = celeba_layout(archive=True)
        path = layout.root / "img_align_celeba.zip"
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + offset] = value
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load(layout)

    @pytest.mark.parametrize("archive", ARCHIVES)
    def test_nothing_but_broken_pictures(self, celeba_layout, archive):
        layout = celeba_layout(archive=archive)
        if archive:
            with zipfile.ZipFile(layout.root / "img_align_celeba.zip", "w") as stream:
                stream.writestr("img_align_celeba/000001.jpg", b"not a picture")
        else:
            for path in (layout.root / "img_align_celeba").iterdir():
                break_picture(path)
        with pytest.raises(DataError, match=r"None of the \d pictures in .* can be decoded"):
            load(layout)

    def test_partition_that_is_no_list(self, celeba_layout):
        layout = celeba_layout()
        (layout.root / "list_eval_partition.txt").write_text("000001.jpg train\n")
        with pytest.raises(DataError, match=r"list_eval_partition\.txt: each line must be"):
            load(layout)

    def test_attribute_row_of_the_wrong_length(self, celeba_layout):
        layout = celeba_layout()
        path = layout.root / "list_attr_celeba.txt"
        lines = path.read_text().splitlines()
        lines[3] = lines[3].rsplit(maxsplit=1)[0]
        path.write_text("\n".join(lines))
        with pytest.raises(DataError, match=r"list_attr_celeba\.txt, line 4: 39 values, not 40"):
            load(layout)

    def test_empty_line_at_the_end_of_the_attributes_is_no_row(self, celeba_layout):
        layout = celeba_layout()
        with open(layout.root / "list_attr_celeba.txt", "a") as stream:
            stream.write("\n")
        assert len(load(layout).attributes) == 6

    def test_attributes_that_lack_a_picture(self, celeba_layout):
        layout = celeba_layout()
        path = layout.root / "list_attr_celeba.txt"
        rows = [line for line in path.read_text().splitlines() if not line.startswith("000004")]
        path.write_text("\n".join(rows))
        with pytest.raises(DataError, match=r"no row for 1 pictures, such as 000004\.jpg"):
            load(layout)


def cached_files(folder: Path) -> dict[Path, int]:
    """All files below `folder` and when they were last written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


class TestCache:
    def test_second_load_reads_the_first_ones_file(self, celeba_layout):
        layout = celeba_layout()
        first = load(layout)
        written = cached_files(layout.root / ".betavae-cache")
        assert {path.suffix for path in written} == {".npy", ".txt"}
        second = load(layout)
        assert torch.equal(first.images, second.images)
        assert first.names == second.names
        assert cached_files(layout.root / ".betavae-cache") == written

    def test_second_load_decodes_nothing(self, celeba_layout):
        """Contents swapped behind an unchanged size and time can only come from a new decoding."""
        layout = celeba_layout()
        first = load(layout)
        for path in (layout.root / "img_align_celeba").iterdir():
            status = path.stat()
            path.write_bytes(b"x" * status.st_size)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert torch.equal(first.images, load(layout).images)

    @pytest.mark.parametrize("archive", ARCHIVES)
    def test_changed_picture_is_decoded_again(self, celeba_layout, archive):
        layout = celeba_layout(archive=archive)
        before = load(layout)
        stream = io.BytesIO()
        Image.new("RGB", FRAME, FACE).save(stream, "JPEG")
        if archive:
            rewrite_zip(layout.root, "000001.jpg", lambda content: stream.getvalue())
        else:
            (layout.root / "img_align_celeba" / "000001.jpg").write_bytes(stream.getvalue())
        after = load(layout)
        assert not torch.equal(after.images[0], before.images[0])
        assert torch.equal(after.images[1:], before.images[1:])

    def test_broken_picture_is_warned_of_each_time(self, celeba_layout):
        layout = celeba_layout()
        break_picture(layout.root / "img_align_celeba" / "000002.jpg")
        for _ in ("decoded", "from the cache"):
            with pytest.warns(UserWarning, match=r"1 pictures cannot be decoded.*000002\.jpg"):
                assert len(load(layout)) == 5

    def test_file_where_the_cache_would_be_sends_it_to_the_user_cache(self, celeba_layout):
        layout = celeba_layout()
        (layout.root / ".betavae-cache").write_text("not a folder")
        faces = load(layout)
        assert cached_files(Path(os.environ["XDG_CACHE_HOME"]) / "betavae")
        assert torch.equal(load(layout).images, faces.images)

    def test_files_where_both_caches_would_be_are_a_warning(self, celeba_layout):
        layout = celeba_layout()
        (layout.root / ".betavae-cache").write_text("not a folder")
        (Path(os.environ["XDG_CACHE_HOME"]) / "betavae").write_text("not a folder")
        with pytest.warns(UserWarning, match="could not be cached"):
            assert len(load(layout)) == 6

    def test_both_files_appear_whole_and_the_names_first(self, celeba_layout, monkeypatch):
        """Each is swapped in under its name when it is complete; pixels are never without names."""
        layout, replace, swapped = celeba_layout(), os.replace, []

        def watch(part, path):
            swapped.append((path.suffix, part.stat().st_size))
            replace(part, path)

        monkeypatch.setattr(os, "replace", watch)
        names = load(layout).names
        assert [suffix for suffix, _ in swapped] == [".txt", ".npy"]
        assert swapped[0][1] == len("\n".join(names)) and swapped[1][1] > 6 * 3 * 64 * 64
        assert not list((layout.root / ".betavae-cache").glob("*.part"))

    def test_changing_a_loaded_tensor_leaves_the_cache(self, celeba_layout):
        layout = celeba_layout()
        load(layout)
        cached = load(layout)
        kept = cached.images.clone()
        cached.images.zero_()
        assert torch.equal(load(layout).images, kept)

    def test_read_only_data_stay_untouched(self, celeba_layout):
        layout = celeba_layout()
        before = cached_files(layout.root)
        layout.root.chmod(0o555)
        try:
            faces = load(layout)
            assert cached_files(layout.root) == before
            user_cache = cached_files(Path(os.environ["XDG_CACHE_HOME"]) / "betavae")
            assert {path.suffix for path in user_cache} == {".npy", ".txt"}
            assert torch.equal(load(layout).images, faces.images)
        finally:
            layout.root.chmod(0o755)  # pytest removes it

    def test_full_disk_is_a_warning_and_leaves_no_half_written_file(
        self, celeba_layout, file_size_limit
    ):
        layout = celeba_layout()
        with file_size_limit(20_000), pytest.warns(UserWarning, match="could not be cached"):
            faces = load(layout)  # six pictures take 74 kB
        assert not list((layout.root / ".betavae-cache").glob("*.part"))
        assert torch.equal(load(layout).images, faces.images)


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
        (tmp_path / "notes.txt").write_text("not a picture")
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

    def test_grey_and_transparent_pictures_become_rgb(self, tmp_path):
        Image.new("L", (64, 64), 90).save(tmp_path / "grey.png")
        Image.new("P", (64, 64)).save(tmp_path / "palette.png")
        Image.new("RGBA", (64, 64), (9, 8, 7, 255)).save(tmp_path / "transparent.png")
        images = ImageFolder(tmp_path, "all", progress=False).images
        assert images[0].unique().tolist() == [90]
        assert images[2, :, 5, 5].tolist() == [9, 8, 7]

    def test_errors_name_the_folder_and_the_split(self, tmp_path):
        with pytest.raises(DataError, match="absent is not a folder"):
            ImageFolder(tmp_path / "absent", progress=False)
        with pytest.raises(DataError, match="holds no picture"):
            ImageFolder(tmp_path, progress=False)
        with pytest.raises(DataError, match="split is 'test'"):
            ImageFolder(tmp_path, "test", progress=False)
