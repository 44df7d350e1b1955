"""Pictures on disk -> tensors: damaged data, and the cache."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from frames import (
    ARCHIVES,
    FACE,
    FRAME,
    break_picture,
    framed_face,
    load,
    rewrite_zip,
)
from PIL import Image

from betavae.data import CelebA, DataError


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
        (layout.root / "list_eval_partition.txt").write_text("000001.jpg train\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"list_eval_partition\.txt: each line must be"):
            load(layout)

    def test_attribute_row_of_the_wrong_length(self, celeba_layout):
        layout = celeba_layout()
        path = layout.root / "list_attr_celeba.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[3] = lines[3].rsplit(maxsplit=1)[0]
        path.write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(DataError, match=r"list_attr_celeba\.txt, line 4: 39 values, not 40"):
            load(layout)

    def test_empty_line_at_the_end_of_the_attributes_is_no_row(self, celeba_layout):
        layout = celeba_layout()
        with open(layout.root / "list_attr_celeba.txt", "a", encoding="utf-8") as stream:
            stream.write("\n")
        assert len(load(layout).attributes) == 6

    def test_attributes_that_lack_a_picture(self, celeba_layout):
        layout = celeba_layout()
        path = layout.root / "list_attr_celeba.txt"
        rows = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if not line.startswith("000004")
        ]
        path.write_text("\n".join(rows), encoding="utf-8")
        with pytest.raises(DataError, match=r"no row for 1 pictures, such as 000004\.jpg"):
            load(layout)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


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
        (layout.root / ".betavae-cache").write_text("not a folder", encoding="utf-8")
        faces = load(layout)
        assert cached_files(Path(os.environ["XDG_CACHE_HOME"]) / "betavae")
        assert torch.equal(load(layout).images, faces.images)

    def test_files_where_both_caches_would_be_are_a_warning(self, celeba_layout):
        layout = celeba_layout()
        (layout.root / ".betavae-cache").write_text("not a folder", encoding="utf-8")
        (Path(os.environ["XDG_CACHE_HOME"]) / "betavae").write_text(
            "not a folder", encoding="utf-8"
        )
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

    @pytest.mark.parametrize("part", [".npy", ".txt"])
    @pytest.mark.parametrize("damage", ["empty", "half", "zeros", "of other pictures"])
    def test_damaged_cache_is_decoded_again_with_a_warning(self, celeba_layout, part, damage):
        layout = celeba_layout()
        faces = load(layout)
        names, images = faces.names, faces.images.clone()  # else mapped from what is damaged here
        (path,) = (layout.root / ".betavae-cache").glob(f"*{part}")
        content = path.read_bytes()
        other = b"a.jpg\nb.jpg" if part == ".txt" else npy(np.zeros((6, 3, 64, 64), np.int16))
        path.write_bytes(
            {
                "empty": b"",
                "half": content[: len(content) // 2],
                "zeros": bytes(len(content)),
                "of other pictures": other,
            }[damage]
        )
        with pytest.warns(
            UserWarning, match=r"The cache .*celeba-train-\w+\.npy is damaged"
        ) as told:
            again = load(layout)
        assert len(told) == 1
        assert torch.equal(again.images, images) and again.names == names
        assert path.read_bytes() == content, "it is mended"

    @pytest.mark.parametrize("part", [".npy", ".txt"])
    def test_half_a_cache_is_none(self, celeba_layout, part):
        layout = celeba_layout()
        whole = load(layout)
        for path in (layout.root / ".betavae-cache").glob(f"*{part}"):
            path.unlink()
        again = load(layout)
        assert torch.equal(again.images, whole.images) and again.names == whole.names

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
