"""A face cut out by hand, and pasted back where it came from."""

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from betavae.faces import pasting
from betavae.faces.alignment import align_face
from betavae.faces.pasting import align_by_hand, paste_back


@pytest.fixture(scope="module")
def portrait():
    return Image.fromarray(astronaut())


def as_floats(picture):
    return np.asarray(picture, float) / 255


def crop_square(face):
    """The centre and the side of the crop in the photo, as `align_by_hand` takes them."""
    return pasting.crop_square(face.matrix)


def test_the_hand_can_do_what_the_detector_did(portrait):
    face = align_face(portrait)
    by_hand = align_by_hand(portrait, *crop_square(face))
    assert np.abs(by_hand.matrix - face.matrix).max() < 1e-6
    assert np.abs(as_floats(by_hand.crop) - as_floats(face.crop)).mean() < 0.01


def test_a_tilted_head_is_put_upright():
    photo = Image.new("RGB", (300, 300), "black")
    photo.paste(Image.new("RGB", (20, 100), "white"), (140, 100))
    leaning = photo.rotate(-30, center=(150, 150))  # Pillow turns anticlockwise
    crop = as_floats(align_by_hand(leaning, (150, 150), 200, tilt=30).crop)
    straight = as_floats(align_by_hand(photo, (150, 150), 200).crop)
    assert np.abs(crop - straight).mean() < 0.01


@pytest.mark.parametrize("numbers", [((1, 2), 0), ((1, 2), -5), ((float("nan"), 2), 9)])
def test_a_square_that_is_none_is_refused(portrait, numbers):
    with pytest.raises(ValueError, match="The square needs"):
        align_by_hand(portrait, *numbers)


def test_pasting_the_crop_itself_changes_little(portrait):
    face = align_face(portrait)
    pasted = paste_back(portrait, face.matrix, as_floats(face.crop))
    difference = np.abs(as_floats(pasted) - as_floats(portrait))
    assert difference.mean() < 0.01 and difference.max() > 0
    no_change = paste_back(portrait, face.matrix, as_floats(face.crop), as_floats(face.crop))
    assert np.abs(as_floats(no_change) - as_floats(portrait)).max() <= 1 / 255


@pytest.mark.parametrize("only_the_change", [False, True])
def test_what_is_pasted_lies_on_the_face_with_a_soft_edge(portrait, only_the_change):
    face = align_face(portrait)
    mine = as_floats(face.crop)
    red = mine.copy()
    red[20:44, 20:44] = (1, 0, 0)
    pasted = paste_back(portrait, face.matrix, red, mine if only_the_change else None)
    difference = np.abs(as_floats(pasted) - as_floats(portrait)).sum(2)
    (x, y), side, _ = crop_square(face)
    rows, columns = np.nonzero(difference > 0.2)
    assert abs(rows.mean() - y) < side * 0.08 and abs(columns.mean() - x) < side * 0.08
    far = np.ones_like(difference, bool)
    reach = int(side * 0.75)
    far[max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach] = False
    assert difference[far].max() == 0
    # Going outward from the middle to the square's edge the change dies down to nothing.
    edge = difference[int(y), int(x + side / 2) - 3 : int(x + side / 2) + 3]
    assert edge.max() < 0.05


def test_the_square_is_read_back_from_the_matrix(portrait):
    placed = (201.5, 130.25), 173.0, 12.5
    found = pasting.crop_square(align_by_hand(portrait, *placed).matrix)
    assert np.allclose(np.hstack(found), np.hstack(placed))


def test_what_a_decoder_does_to_the_background_leaves_no_halo(portrait):
    """It darkens all of the crop: the photo changes within the head, nowhere beside it."""
    face = align_face(portrait)
    mine = as_floats(face.crop)
    pasted = paste_back(portrait, face.matrix, mine - 0.4, mine)
    change = np.abs(as_floats(pasted) - as_floats(portrait)).max(2)
    (x, y), side, tilt = crop_square(face)
    changed = Image.fromarray((change * 255).astype(np.uint8))
    in_crop = as_floats(align_by_hand(changed, (x, y), side, tilt).crop)
    assert in_crop[28:48, 24:40].mean() > 0.35, "eyes, nose and mouth"
    assert max(in_crop[:30, :8].max(), in_crop[:30, -8:].max()) < 0.02, "the wall beside the hair"
    only_there = mine.copy()
    only_there[:12, :12] += 0.5  # the wall alone
    beside = as_floats(paste_back(portrait, face.matrix, only_there, mine))
    assert np.abs(beside - as_floats(portrait)).max() < 0.01


def test_a_whole_face_is_put_in_in_the_photos_colours(portrait):
    """A model whose pictures are all too dark: what it makes of the face unedited is no darker."""
    face = align_face(portrait)
    mine = as_floats(face.crop)
    pasted = paste_back(portrait, face.matrix, mine - 0.2, mine - 0.2, whole=True)
    change = as_floats(pasted) - as_floats(portrait)
    assert np.abs(change).mean() < 0.01


def test_a_face_at_the_photos_border(portrait):
    face = align_by_hand(portrait, (5, 5), 200)
    pasted = paste_back(portrait, face.matrix, np.ones((64, 64, 3)))
    assert pasted.size == portrait.size
    assert as_floats(pasted)[5, 5].min() > 0.99
    outside = align_by_hand(portrait, (-500, -500), 100)
    assert np.array_equal(paste_back(portrait, outside.matrix, np.ones((64, 64, 3))), portrait)


def test_a_chosen_face_is_aligned_instead_of_the_largest(portrait):
    """Two faces side by side, one smaller: each can be had."""
    face = portrait.crop((80, 0, 380, 300))
    both = Image.new("RGB", (560, 300), "gray")
    both.paste(face, (0, 0))
    both.paste(face.resize((220, 220)), (320, 40))
    largest = align_face(both)
    assert len(largest.faces) == 2
    left, top, right, bottom = largest.faces[1]
    other = align_face(both, at=((left + right) / 2, (top + bottom) / 2))
    assert largest.eyes[0][0] < 300 < other.eyes[0][0]
    assert np.abs(as_floats(other.crop) - as_floats(largest.crop)).mean() < 0.06


def turned_away(seen: np.ndarray) -> np.ndarray:
    """An aligned face (96, 96, 3) with all that is left of its nose drawn together to a third: as
    if the head were turned to the viewer's left."""
    columns = np.arange(96)
    reach = 44  # of what is drawn together; beyond it the wall as it is
    source = np.where(columns < 48, 48 - (48 - columns) * 3, columns)
    gone = columns < 48 - reach / 3
    return seen[:, np.where(gone, np.minimum(columns, 48 - reach), source).clip(0)]


def test_the_mask_ends_where_a_turned_head_ends(portrait):
    seen = as_floats(align_face(portrait).crop.resize((96, 96)))
    assert pasting.half_widths(seen) == (pasting.FACE_HALF, pasting.FACE_HALF), "from the front"
    seen = turned_away(seen)
    left, right = pasting.half_widths(seen)
    assert left < 0.8 * pasting.FACE_HALF and right == pasting.FACE_HALF
    mirrored = pasting.half_widths(np.ascontiguousarray(seen[:, ::-1]))
    assert mirrored[0] == pasting.FACE_HALF and abs(mirrored[1] - left) < 2
    half = pasting.SIZE / 2 - left * 1.25  # in pixels of the crop: here it ends at the latest
    mask = pasting.face_mask(seen, (left, right))
    assert mask[:, : int(half * 96 / 64)].max() == 0 and mask[48:60, 40:56].min() > 0.9


def test_where_no_face_is_seen_the_mask_is_that_of_one_from_the_front():
    nothing = np.full((96, 96, 3), 0.5)
    assert pasting.half_widths(nothing) == (pasting.FACE_HALF, pasting.FACE_HALF)
