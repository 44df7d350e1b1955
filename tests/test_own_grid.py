"""A grid of one's own in which factors do not vary: trained, measured and described."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_grids import planned
from test_shapes2d import small_file

from betavae import metrics
from betavae.bundles.bundle import encode_all
from betavae.bundles.latents import describe_latents
from betavae.bundles.packaging import evaluate
from betavae.data import Shapes2D
from betavae.metrics.codes import Codes, Encoded
from betavae.training.distributed import Processes
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run

ONE_SHAPE = (1, 3, 5, 6, 1)  # nor does y vary


def pools(sizes: tuple[int, ...], left: list[int]) -> Encoded:
    """Codes that tell every factor with some noise, and the factors in `left`."""
    random = np.random.default_rng(0)
    factors = np.stack([random.integers(size, size=1500) for size in sizes], axis=1)
    codes = factors + random.normal(size=factors.shape) / 3
    both = [Codes(factors[a:b][:, left], codes[a:b]) for a, b in ((0, 1000), (1000, 1500))]
    return Encoded(*both, tuple(sizes[k] for k in left))


@pytest.mark.parametrize(
    "name", ["mig", "sap", "modularity", "explicitness", "irs", "factor-vae", "beta-vae", "dci"]
)
def test_a_factor_of_one_value_changes_no_score(name):
    with_them = metrics.score(pools(ONE_SHAPE, [0, 1, 2, 3, 4]), [name])
    without = metrics.score(pools(ONE_SHAPE, [1, 2, 3]), [name])
    # Where factors are left out, the others are named.
    assert with_them[name].pop("factors", [1, 2, 3]) == [1, 2, 3]
    assert with_them == without


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_pools):
    """A short run on a grid of one shape: (run, training, validation)."""
    folder = tmp_path_factory.mktemp("one-shape")
    path = small_file(folder / "grid.npz", ONE_SHAPE)
    data, validation = (Shapes2D(path, split, False) for split in ("train", "validation"))
    (planned_run,) = planned(folder)
    run = Run(folder, planned_run.config, data, Processes())
    train(run, validation, Pace(3, 1e9, 1e9, progress=False))
    return run, data, validation


def test_a_grid_of_one_shape_is_measured_and_described(run):
    run, data, validation = run
    found = evaluate(run.vae.cpu(), data, validation)
    assert all(math.isfinite(score) for score in found["scores"].values())
    means, kl = encode_all(run.vae, validation)
    latents = describe_latents(means, kl, validation)
    assert {track["name"] for latent in latents for track in latent.tracks} == {
        "scale",
        "orientation",
        "x",
    }
