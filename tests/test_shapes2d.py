"""2D shapes: the renderer, the published file's structure, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
import torch

from betavae.data import DataError, Shapes2D
from betavae.data.shapes2d import FACTOR_SIZES


@pytest.fixture(scope="module")
def shapes():
    return Shapes2D()


def centre(pictures):
    """Mean row and column of the white pixels of each picture."""
    grid = torch.arange(64.0)
    mass = pictures.float().sum((1, 2, 3))
    rows = (pictures.float().sum((1, 3)) * grid).sum(1) / mass
    columns = (pictures.float().sum((1, 2)) * grid).sum(1) / mass
    return rows, columns


def test_every_factor_has_its_size_and_the_order_is_y_fastest(shapes):
    assert shapes.factor_names == ("shape", "scale", "orientation", "x", "y")
    assert shapes.factor_sizes == (3, 6, 40, 32, 32) and shapes.count == 737_280
    assert shapes.factors(torch.tensor([0, 1, 32, 737_279])).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
        [2, 5, 39, 31, 31],
    ]
    places = torch.randint(shapes.count, (100,))
    assert torch.equal(shapes.index(shapes.factors(places)), places)


def test_pictures_are_binary_and_whole(shapes):
    """No sprite is cut off by the border, at any place: its area does not depend on where it is."""
    factors = shapes.sample_factors(500, torch.Generator().manual_seed(0))
    pictures = shapes.images(factors)
    assert pictures.shape == (500, 1, 64, 64) and pictures.dtype == torch.uint8
    assert set(pictures.unique().tolist()) == {0, 1}
    factors[:, 3:] = 16
    middle = shapes.images(factors)
    assert torch.equal(pictures.sum((1, 2, 3)), middle.sum((1, 2, 3)))


def test_x_moves_right_and_y_moves_down_by_one_pixel(shapes):
    factors = torch.tensor([[2, 3, 7, x, 20] for x in range(32)])
    rows, columns = centre(shapes.images(factors))
    assert torch.allclose(columns.diff(), torch.ones(31), atol=1e-3)
    assert torch.allclose(rows, rows[:1].expand(32), atol=1e-3)
    rows, columns = centre(shapes.images(factors[:, [0, 1, 2, 4, 3]]))
    assert torch.allclose(rows.diff(), torch.ones(31), atol=1e-3)


def test_scale_is_the_side_and_orientation_closes_the_circle(shapes):
    areas = shapes.images(torch.tensor([[0, s, 0, 16, 16] for s in range(6)])).sum((1, 2, 3))
    assert areas.sqrt().tolist() == [11, 13, 15, 17, 19, 21]
    ends = shapes.images(torch.tensor([[2, 5, 0, 16, 16], [2, 5, 39, 16, 16]]))
    assert (ends[0] != ends[1]).sum() <= 6  # 0 and 2π, up to rounding at the outline
    turned = shapes.images(torch.tensor([[2, 5, o, 16, 16] for o in range(39)]))
    assert len({t.numpy().tobytes() for t in turned}) == 39


def test_three_shapes_differ(shapes):
    one, two, three = shapes.images(torch.tensor([[s, 5, 0, 16, 16] for s in range(3)])).float()
    assert all((a != b).sum() > 60 for a, b in ((one, two), (two, three), (one, three)))


def test_the_splits_share_no_picture(shapes):
    held_out = Shapes2D(split="validation")
    assert len(held_out) == 4096 and len(shapes) + len(held_out) == shapes.count
    assert not set(held_out.indices.tolist()) & set(shapes.indices.tolist())
    batch = held_out.batch(torch.arange(5))
    assert set(batch.unique().tolist()) == {0, 255}
    assert torch.equal(batch, held_out.images(held_out.factors(held_out.indices[:5])) * 255)


def test_sampled_factors_are_uniform_and_follow_the_seed(shapes):
    one, two = (shapes.sample_factors(6000, torch.Generator().manual_seed(s)) for s in (1, 1))
    assert torch.equal(one, two)
    for column, size in zip(one.unbind(1), FACTOR_SIZES, strict=True):
        counts = torch.bincount(column, minlength=size).float()
        expected = 6000 / size
        assert ((counts - expected).square() / expected).sum() < size + 6 * (2 * size) ** 0.5


@pytest.mark.parametrize(
    "factors",
    [[[3, 0, 0, 0, 0]], [[0, 0, 0, 0, -1]], [[0, 0, 0, 0]], [0, 0, 0, 0, 0]],
    ids=["beyond", "negative", "four", "flat"],
)
def test_factors_that_are_none_are_refused(shapes, factors):
    with pytest.raises(ValueError, match=r"factors are|each factor counts"):
        shapes.images(torch.tensor(factors))


# ---- the published file's structure, on a small grid of it ------------------------------------

SMALL = (3, 2, 4, 3, 5)


def small_file(path, sizes=SMALL, classes=None, pictures=None):
    """An npz as published, of the renderer's own pictures."""
    grid = np.indices(sizes).reshape(5, -1).T
    rendered = Shapes2D().images(torch.from_numpy(grid.copy())).squeeze(1).numpy()
    if classes is None:
        classes = np.concatenate([np.zeros((len(grid), 1), np.int64), grid], axis=1)
    np.savez_compressed(
        path, imgs=rendered if pictures is None else pictures, latents_classes=classes
    )
    return path


def test_the_file_and_the_renderer_are_one_interface(tmp_path, shapes):
    stored = Shapes2D(small_file(tmp_path / "small.npz"), split="all")
    assert stored.factor_sizes == SMALL and stored.factor_names == shapes.factor_names
    assert len(stored) == stored.count == 360
    factors = stored.sample_factors(50, torch.Generator().manual_seed(3))
    assert torch.equal(stored.images(factors), shapes.images(factors))
    place = stored.index(torch.tensor([[2, 1, 3, 2, 4]]))
    assert place.item() == 359
    assert torch.equal(stored.batch(place), shapes.images(torch.tensor([[2, 1, 3, 2, 4]])) * 255)
    with pytest.raises(ValueError, match="each factor counts"):
        stored.images(torch.tensor([[0, 0, 0, 0, 5]]))


def test_a_file_in_another_order_is_refused(tmp_path):
    grid = np.indices(SMALL).reshape(5, -1).T[::-1]
    classes = np.concatenate([np.zeros((len(grid), 1), np.int64), grid], axis=1)
    with pytest.raises(DataError, match="every combination of the factors once"):
        Shapes2D(small_file(tmp_path / "reversed.npz", classes=classes))


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((359, 64, 64), np.uint8), "imgs must be"),
        (np.zeros((360, 64, 64), np.float32), "imgs must be"),
        (np.full((360, 64, 64), 255, np.uint8), "pixels must be 0 or 1"),
    ],
    ids=["one too few", "floats", "0 to 255"],
)
def test_pictures_of_another_kind_are_refused(tmp_path, pictures, message):
    with pytest.raises(DataError, match=message):
        Shapes2D(small_file(tmp_path / "wrong.npz", pictures=pictures))


def npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    """An npy file's beginning, which may claim what is not there."""
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def replaced(path, member: str, content: bytes):
    """The small grid's file with one of its arrays replaced."""
    with zipfile.ZipFile(small_file(path)) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, its_content in (contents | {member: content}).items():
            new.writestr(name, its_content)
    return path


def npy(array: np.ndarray, version=None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy_header("<i8", (10**13, 6)), "claims 10,000,000,000,000 rows and holds fewer"),
        (npy(np.full((360, 6), "0")), "cannot be read as numbers: it is <U1"),
        (npy(np.zeros((360, 6), complex)), "cannot be read as numbers: it is complex128"),
        (npy(np.full((360, 6), 0.5)), "some are fractions"),
        (npy(np.full((360, 6), np.nan)), "some are fractions"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "npy format 9.0 is unknown"),
    ],
    ids=["10^13 rows", "words", "complex", "fractions", "NaN", "a later format"],
)
def test_classes_of_another_kind_are_refused_in_a_true_sentence(tmp_path, content, sentence):
    path = replaced(tmp_path / "wrong.npz", "latents_classes.npy", content)
    with pytest.raises(DataError) as error:
        Shapes2D(path)
    assert sentence in str(error.value) and str(error.value).count("\n") == 0


def test_classes_as_whole_floats_and_pictures_as_booleans_are_read(tmp_path, shapes):
    path = tmp_path / "small.npz"
    grid = np.indices(SMALL).reshape(5, -1).T
    classes = np.concatenate([np.zeros((len(grid), 1)), grid], axis=1)
    pictures = shapes.images(torch.from_numpy(grid.copy())).squeeze(1).bool().numpy()
    stored = Shapes2D(small_file(path, classes=classes, pictures=pictures), split="all")
    factors = torch.from_numpy(grid.copy())
    assert torch.equal(stored.images(factors), shapes.images(factors))


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_later_npy_formats_are_read(tmp_path, version):
    with np.load(small_file(tmp_path / "small.npz")) as arrays:
        contents = {f"{name}.npy": npy(arrays[name], version) for name in arrays}
    with zipfile.ZipFile(tmp_path / "later.npz", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    assert Shapes2D(tmp_path / "later.npz").factor_sizes == SMALL


def test_fortrans_order_is_said_to_be_that(tmp_path):
    pictures = np.asfortranarray(np.zeros((360, 64, 64), np.uint8))
    with pytest.raises(DataError, match=r"Fortran's order; save np.ascontiguousarray\(imgs\)\."):
        Shapes2D(small_file(tmp_path / "fortran.npz", pictures=pictures))


def test_a_truncated_file_is_refused(tmp_path):
    whole = small_file(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="expected dsprites"):
        Shapes2D(tmp_path / "cut.npz")


def test_flipped_bytes_inside_are_refused(tmp_path):
    data = bytearray(small_file(tmp_path / "whole.npz").read_bytes())
    for place in range(400, 460):
        data[place] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(data)
    with pytest.raises(DataError, match="expected dsprites"):
        Shapes2D(tmp_path / "flipped.npz")


def test_other_files_are_refused_with_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="is not there; expected dsprites"):
        Shapes2D(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(DataError, match="cannot be read"):
        Shapes2D(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", faces=np.zeros(3))
    with pytest.raises(DataError, match=r"holds no.*latents_classes"):
        Shapes2D(tmp_path / "other.npz")
    np.savez(tmp_path / "flat.npz", latents_classes=np.zeros(7), imgs=np.zeros(3))
    with pytest.raises(DataError, match="colour, shape, scale"):
        Shapes2D(tmp_path / "flat.npz")


def test_a_pickle_inside_is_never_loaded(tmp_path):
    """The published file's metadata are a pickle; classes must not be one."""
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "pickle.npz", "w") as archive:
        archive.writestr("latents_classes.npy", stream.getvalue())
    with pytest.raises(DataError, match="cannot be read"):
        Shapes2D(tmp_path / "pickle.npz")


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match="split is 'test'"):
        Shapes2D(split="test")
