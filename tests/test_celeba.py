"""CelebA from a folder or an archive: the crop, the splits, the attributes."""

from __future__ import annotations

import struct
import zipfile

import pytest
import torch
from frames import (
    CROP,
    FACE,
    FRAME,
    FRAMES,
    break_picture,
    filled,
    framed_face,
    gradient,
    load,
    rewrite_zip,
)
from PIL import Image

from betavae.data.celeba import face_box


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
        path = layout.root / "img_align_celeba" / "000004.jpg"
        opened(path).save(path, "PNG")  # Pillow decodes all but JPEGs
        bad = path.read_bytes()

        def open_or_fail(stream, **options):
            if stream.getvalue() == bad:
                raise error("odd")
            return opened(stream, **options)

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
