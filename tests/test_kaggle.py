"""The copies of CelebA that people own: Kaggle's, torchvision's, the PNG pictures, edited lists."""

from __future__ import annotations

import codecs
import io
import zipfile
from pathlib import Path

import pytest
import torch
from frames import load, rewrite_zip
from PIL import Image

from betavae.data import CelebA, DataError

LISTS = ("list_attr_celeba", "list_eval_partition")


def as_kaggle(layout, separator: str = ",", numbered: bool = False) -> None:
    """Kaggle's copy: the lists comma-separated with a header line, one folder within another."""
    for name, header in zip(LISTS, ("", "partition"), strict=True):
        path = layout.root / f"{name}.txt"
        lines = path.read_text(encoding="utf-8").splitlines()
        if not header:
            header, lines = lines[1], lines[2:]
        rows = [line.split() for line in (f"image_id {header}", *lines)]
        if numbered:
            rows = [["", *rows[0]], *([str(k), *row] for k, row in enumerate(rows[1:]))]
        text = "".join(f"{separator.join(row)}\n" for row in rows)
        path.with_suffix(".csv").write_text(text, encoding="utf-8")
        path.unlink()
    folder = layout.root / "img_align_celeba"
    inner = folder / "img_align_celeba"
    inner.mkdir()
    for picture in folder.glob("*.jpg"):
        picture.rename(inner / picture.name)


def rewrite(path: Path, change, encoding: str = "utf-8", mark: bytes = b"") -> None:
    text = change(path.read_text(encoding="utf-8"))
    path.write_bytes(mark + text.encode(encoding))


def same(text: str) -> str:
    return text


def assert_all_is_read(layout, faces: CelebA, names: list[str] | None = None) -> None:
    """The training split's pictures, and each with its own forty attributes."""
    assert faces.names == (names or layout.names(0))
    assert len(faces.attribute_names) == 40 and faces.attribute_names[20] == "Male"
    stems = {name.split(".")[0]: values for name, values in layout.attributes.items()}
    assert faces.attributes.tolist() == [stems[name.split(".")[0]] for name in faces.names]


@pytest.fixture
def quiet(recwarn):
    """No warning comes of what is read whole."""
    yield
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.usefixtures("quiet")
class TestCopies:
    @pytest.mark.parametrize("separator", [",", ";"])
    @pytest.mark.parametrize("numbered", [False, True], ids=["", "rows numbered"])
    def test_kaggles(self, celeba_layout, separator, numbered):
        layout = celeba_layout()
        official = load(layout)
        as_kaggle(layout, separator, numbered)
        faces = load(layout)
        assert torch.equal(faces.images, official.images)
        assert_all_is_read(layout, faces)
        assert load(layout, "validation").names == layout.names(1)

    def test_torchvisions(self, celeba_layout, tmp_path):
        layout = celeba_layout()
        layout.root.rename(tmp_path / "celeba")
        assert_all_is_read(layout, CelebA(tmp_path, progress=False))

    def test_the_official_pages_folders(self, celeba_layout):
        layout = celeba_layout(archive=True)
        for folder, name in (
            ("Img", "img_align_celeba.zip"),
            ("Anno", "list_attr_celeba.txt"),
            ("Eval", "list_eval_partition.txt"),
        ):
            (layout.root / folder).mkdir()
            (layout.root / name).rename(layout.root / folder / name)
        assert_all_is_read(layout, load(layout))

    @pytest.mark.parametrize("kaggle", [False, True], ids=["official", "Kaggle"])
    def test_the_pictures_own_folder_may_be_named(self, celeba_layout, kaggle):
        layout = celeba_layout()
        if kaggle:
            as_kaggle(layout)
        named = layout.root / "img_align_celeba"
        assert_all_is_read(layout, CelebA(named, progress=False))

    def test_the_aligned_png_pictures(self, celeba_layout):
        """The lists say .jpg of them too."""
        layout = celeba_layout()
        folder = layout.root / "img_align_celeba"
        for path in folder.iterdir():
            Image.open(path).save(path.with_suffix(".png"))
            path.unlink()
        folder.rename(layout.root / "img_align_celeba_png")
        names = [name.replace("jpg", "png") for name in layout.names(0)]
        assert_all_is_read(layout, load(layout), names)

    def test_an_archive_with_backslashes(self, celeba_layout):
        layout = celeba_layout(archive=True)
        path = layout.root / "img_align_celeba.zip"
        with zipfile.ZipFile(path) as old:
            contents = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w") as new:
            for name, content in contents.items():
                new.writestr(name.replace("/", "\\"), content)
        assert_all_is_read(layout, load(layout))

    def test_an_archive_from_a_mac(self, celeba_layout):
        """Beside each picture lies a file of that name which is none."""
        layout = celeba_layout(archive=True)
        with zipfile.ZipFile(layout.root / "img_align_celeba.zip", "a") as archive:
            archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"\0\5\x16\7")
            archive.writestr("img_align_celeba/._000002.jpg", b"\0\5\x16\7")
        assert_all_is_read(layout, load(layout))

    def test_a_smaller_archive_within_a_folder_does_not_count_twice(self, celeba_layout):
        layout = celeba_layout(archive=True)
        rewrite_zip(layout.root)
        deeper = layout.root / "old"
        deeper.mkdir()
        (deeper / "list_attr_celeba.txt").write_text("1\nMale\n000001.jpg 1\n", encoding="utf-8")
        assert_all_is_read(layout, load(layout))


@pytest.mark.usefixtures("quiet")
class TestEncodings:
    @pytest.mark.parametrize("kaggle", [False, True], ids=["text", "csv"])
    @pytest.mark.parametrize(
        ("encoding", "mark"),
        [
            ("utf-8", codecs.BOM_UTF8),
            ("utf-16-le", codecs.BOM_UTF16_LE),
            ("utf-16-be", codecs.BOM_UTF16_BE),
            ("utf-16-le", b""),
        ],
    )
    def test_what_editors_save(self, celeba_layout, kaggle, encoding, mark):
        layout = celeba_layout()
        if kaggle:
            as_kaggle(layout)
        for name in LISTS:
            path = layout.root / f"{name}{'.csv' if kaggle else '.txt'}"
            rewrite(path, lambda text: text.replace("\n", "\r\n"), encoding, mark)
        assert_all_is_read(layout, load(layout))

    def test_what_is_no_text(self, celeba_layout):
        layout = celeba_layout()
        path = layout.root / "list_attr_celeba.txt"
        rewrite(path, lambda text: text.replace("Male", "Mâle"), "latin-1")
        with pytest.raises(DataError, match=r"list_attr_celeba\.txt is no text in UTF-8"):
            load(layout)


class TestValues:
    @pytest.mark.parametrize(
        ("yes", "no"), [("1.0", "-1.0"), ("1", "0"), ("True", "False"), ("true", "false")]
    )
    def test_other_spellings_are_read(self, celeba_layout, yes, no):
        layout = celeba_layout()
        as_kaggle(layout)

        def spelt(text: str) -> str:
            head, *lines = text.splitlines()
            rows = [line.split(",") for line in lines]
            rows = [[r[0], *(yes if v == "1" else no for v in r[1:])] for r in rows]
            return "\n".join([head, *map(",".join, rows)])

        rewrite(layout.root / "list_attr_celeba.csv", spelt)
        assert_all_is_read(layout, load(layout))

    @pytest.mark.parametrize("value", ["yes", "", "2", "nan"])
    def test_others_are_refused_by_name(self, celeba_layout, value):
        layout = celeba_layout()
        as_kaggle(layout)
        path = layout.root / "list_attr_celeba.csv"

        def spoilt(text: str) -> str:
            lines = text.splitlines()
            cells = lines[2].split(",")
            cells[21] = value
            return "\n".join([*lines[:2], ",".join(cells), *lines[3:]])

        rewrite(path, spoilt)
        with pytest.raises(DataError) as error:
            load(layout)
        assert str(error.value) == f"{path}, line 3: Male is {value!r}; it must be 1 or -1."

    def test_a_partition_of_decimal_numbers(self, celeba_layout):
        layout = celeba_layout()
        as_kaggle(layout)
        rewrite(layout.root / "list_eval_partition.csv", lambda text: text.replace("\n", ".0\n", 1))
        rewrite(
            layout.root / "list_eval_partition.csv",
            lambda text: "\n".join(
                line if "image_id" in line else f"{line}.0" for line in text.split()
            ),
        )
        assert load(layout).names == layout.names(0)

    def test_a_row_that_names_no_picture(self, celeba_layout):
        layout = celeba_layout()
        as_kaggle(layout, numbered=True)
        rewrite(layout.root / "list_eval_partition.csv", lambda text: f"{text}12\n")
        with pytest.raises(DataError, match=r"partition\.csv, line 13: it names no picture"):
            load(layout)


class TestRefused:
    """In one sentence that says what is there instead, and what to do."""

    def refusal(self, root: Path) -> str:
        with pytest.raises(DataError) as error:
            CelebA(root, progress=False)
        return str(error.value)

    @pytest.mark.parametrize("name", ["archive.zip", "celeba.tar", "img_align_celeba.tar.gz"])
    def test_an_archive_of_everything(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"")
        assert self.refusal(tmp_path).endswith(f"; unpack {name} there first.")

    def test_a_file_in_place_of_a_folder(self, tmp_path):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w"):
            pass
        (tmp_path / "archive.zip").write_bytes(stream.getvalue())
        assert "is a file; unpack it" in self.refusal(tmp_path / "archive.zip")
