"""What latents answer to: on codes that are the factors themselves."""

from __future__ import annotations

import pytest
import torch

from betavae.data import Shapes2D
from betavae.data.shapes2d import FACTOR_SIZES
from betavae.views.tuning import ORIENTATION, SCALE, SHAPE, X, Y, tuning


class Factors:
    """A factor source whose pictures are the factors."""

    factor_sizes = FACTOR_SIZES
    sample_factors = Shapes2D.sample_factors

    def images(self, factors):
        return factors


@pytest.fixture(scope="module")
def found():
    return tuning(lambda factors: factors, Factors())


def test_a_latent_that_is_a_factor_varies_with_it_alone(found):
    across, down = torch.arange(0.0, 32, 2), torch.arange(0.0, 32, 2)[:, None]
    assert torch.equal(found.place[X], across.expand(16, 16))
    assert torch.equal(found.place[Y], down.expand(16, 16))
    assert torch.equal(found.scale[SCALE], torch.arange(6.0).expand(3, 6))
    assert torch.equal(found.orientation[ORIENTATION], torch.arange(40.0).expand(3, 40))
    for curves in (found.scale, found.orientation):
        assert torch.equal(curves[SHAPE], torch.arange(3.0)[:, None].expand_as(curves[SHAPE]))


def test_a_factor_that_is_not_shown_is_its_mean_everywhere(found):
    for part, hidden in (
        (found.place, (SHAPE, SCALE, ORIENTATION)),
        (found.scale, (ORIENTATION, X, Y)),
        (found.orientation, (SCALE, X, Y)),
    ):
        for factor in hidden:
            assert part[factor].min() == part[factor].max()
            assert 0 < part[factor].mean() < FACTOR_SIZES[factor] - 1


def test_on_pictures_the_centre_of_mass_is_the_place():
    def centre(images):
        mass = images.sum((2, 3))
        rows = (images * torch.arange(64.0)[:, None]).sum((2, 3)) / mass
        columns = (images * torch.arange(64.0)).sum((2, 3)) / mass
        return torch.cat([columns, rows], dim=1)

    found = tuning(centre, Shapes2D(split="all"))
    columns, rows = found.place
    assert (columns.diff(dim=1) > 0.5).all() and columns.diff(dim=0).abs().max() < 0.2
    assert (rows.diff(dim=0) > 0.5).all() and rows.diff(dim=1).abs().max() < 0.2
