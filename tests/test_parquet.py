"""CelebA's parquet copies, as the Hugging Face Hub has them: written by pyarrow, read like the
folder that they were made of."""

from __future__ import annotations

import importlib
import os
import sys

import pytest
import torch
from frames import load

from betavae.data import CelebA, DataError

SPLITS = {"train": 0, "validation": 1, "test": 2}


@pytest.fixture
def parquet():
    """pyarrow, which tests/requirements.txt names; without it the tests are skipped here, and fail
    in CI."""
    if os.environ.get("CI") == "true":
        return importlib.import_module("pyarrow.parquet")
    return pytest.importorskip("pyarrow.parquet")


def columns(layout, names: list[str], change=bool) -> dict[str, list]:
    """A row a picture: the encoded file as `datasets` keeps it, the person, the attributes."""
    labels = load(layout, "all").attribute_names
    pictures = [(layout.root / "img_align_celeba" / name).read_bytes() for name in names]
    values = [[change(value) for value in layout.attributes[name]] for name in names]
    return {
        "image": [{"bytes": picture, "path": None} for picture in pictures],
        "celeb_id": list(range(2880, 2880 + len(names))),
    } | {label: [row[k] for row in values] for k, label in enumerate(labels)}


def write(parquet, path, content, rows_in_a_group=2) -> None:
    import pyarrow

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(content), path, row_group_size=rows_in_a_group)


def truth(layout, number: int) -> list[list[bool]]:
    return [layout.attributes[name] for name in layout.names(number)]


@pytest.mark.parametrize(
    "place", ["data/{}-00000-of-00001.parquet", "default/{}/0000.parquet"], ids=["hub", "converted"]
)
@pytest.mark.parametrize("change", [bool, lambda v: 1 if v else -1, int], ids=["bool", "±1", "01"])
def test_every_split_is_read_like_the_folder_it_was_made_of(
    parquet, celeba_layout, tmp_path, place, change
):
    layout = celeba_layout()
    for split, number in SPLITS.items():
        content = columns(layout, layout.names(number), change)
        write(parquet, tmp_path / place.format(split), content)
    for split, number in SPLITS.items():
        faces = CelebA(tmp_path, split, progress=False)
        assert torch.equal(faces.images, load(layout, split).images)
        assert faces.attribute_names == load(layout, split).attribute_names
        assert faces.attributes.tolist() == truth(layout, number)
    assert len(CelebA(tmp_path, "all", progress=False)) == 11


def test_a_split_in_several_files_keeps_its_order(parquet, celeba_layout, tmp_path):
    layout = celeba_layout()
    names = layout.names(0)
    for number, part in enumerate((names[:1], names[1:4], names[4:])):
        write(parquet, tmp_path / f"train-0000{number}-of-00003.parquet", columns(layout, part))
    faces = CelebA(tmp_path, progress=False)
    assert torch.equal(faces.images, load(layout).images)
    assert faces.attributes.tolist() == truth(layout, 0)
    with pytest.raises(DataError, match="no picture of the split 'validation'"):
        CelebA(tmp_path, "validation", progress=False)


def test_all_of_celeba_without_splits_is_split_officially(
    parquet, celeba_layout, tmp_path, monkeypatch
):
    """As many rows as CelebA has pictures; here it is said to have eleven, of which the eighth is
    the first to be held out."""
    layout = celeba_layout()
    names = sorted(layout.attributes)
    write(parquet, tmp_path / "train-00000-of-00132.parquet", columns(layout, names))
    monkeypatch.setattr("betavae.data.celeba_parquet.WHOLE", 11)
    monkeypatch.setattr("betavae.data.celeba.FIRST_VALIDATION", 8)
    with pytest.warns(UserWarning, match="the official split by file number is used"):
        faces = CelebA(tmp_path, "validation", progress=False)
    assert faces.names == names[7:]
    assert faces.attributes.tolist() == [layout.attributes[name] for name in names[7:]]


def test_pictures_alone_will_do(parquet, celeba_layout, tmp_path):
    layout = celeba_layout()
    content = {"image": columns(layout, layout.names(0))["image"]}
    write(parquet, tmp_path / "train.parquet", content)
    faces = CelebA(tmp_path, progress=False)
    assert faces.attributes is None and torch.equal(faces.images, load(layout).images)


def test_what_is_broken_is_left_out_and_its_attributes_with_it(parquet, celeba_layout, tmp_path):
    layout = celeba_layout()
    content = columns(layout, layout.names(0))
    content["image"][1]["bytes"] = None
    content["image"][3]["bytes"] = b"no picture"
    write(parquet, tmp_path / "train.parquet", content)
    with pytest.warns(UserWarning, match="2 pictures cannot be decoded"):
        faces = CelebA(tmp_path, progress=False)
    kept = [row for k, row in enumerate(truth(layout, 0)) if k not in (1, 3)]
    assert faces.attributes.tolist() == kept


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image": ["a", "b"]}, "has no column of pictures"),
        ({"Male": [1, 7]}, "Male must be 1 or -1"),
        ({"Male": [True, None]}, "Male must be 1 or -1"),
    ],
)
def test_others_are_refused_by_name(parquet, celeba_layout, tmp_path, change, sentence):
    layout = celeba_layout()
    write(parquet, tmp_path / "train.parquet", columns(layout, layout.names(0)[:2]) | change)
    with pytest.raises(DataError, match=sentence):
        CelebA(tmp_path, progress=False)


def test_a_damaged_file_is_named(parquet, tmp_path):
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"train\.parquet is damaged .*; download it again"):
        CelebA(tmp_path, progress=False)


def test_without_pyarrow_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-00000-of-00019.parquet").write_bytes(b"PAR1")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError) as error:
        CelebA(tmp_path, progress=False)
    assert str(error.value) == (
        "train-00000-of-00019.parquet is a parquet file, which pyarrow reads; run: pip install "
        "pyarrow. Or get the copy of CelebA's own page or Kaggle's."
    )
