"""The scores of a renderer on cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from shared import Pictures

from betavae.metrics import likeness, renderer, sliders
from betavae.metrics.detail import (
    laplacian_variance,
    lattice_peak,
    luma,
    radial_spectrum,
    spectrum_shares,
)
from betavae.metrics.likeness import (
    frechet_distance,
    kernel_distance,
    train_attribute_network,
)
from betavae.metrics.sliders import auroc_change, jumps, moved_correlation, swapped_correlation
from betavae.model import VAE
from betavae.renderer import Renderer


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestDetail:
    def test_variance_of_the_laplacian_of_a_wave(self):
        """The Laplacian of sin(wx) is 2 (cos w - 1) sin(wx), here of amplitude 0.4 on whole periods
        but for the border, which is left out."""
        x = torch.arange(66.0)
        w = 2 * math.pi / 8
        image = (0.5 + 0.4 * torch.sin(w * x)).expand(1, 1, 66, 66)
        expected = (2 * (math.cos(w) - 1) * 0.4) ** 2 / 2
        assert laplacian_variance(image).item() == pytest.approx(expected, rel=1e-4)

    def test_flat_and_sloping_pictures_have_none(self):
        slope = torch.linspace(0, 1, 64).expand(2, 3, 64, 64)
        assert laplacian_variance(slope).max() < 1e-10

    def test_luma_weighs_green_most_and_sums_to_one(self):
        assert luma(torch.ones(1, 3, 4, 4)).mean() == pytest.approx(1)
        pure = luma(torch.eye(3)[:, :, None, None].expand(3, 3, 2, 2))[:, 0, 0, 0]
        assert pure.argmax() == 1 and pure.argmin() == 2

    def test_a_waves_power_is_at_its_frequency(self):
        x = torch.arange(64.0)
        image = (0.5 + 0.4 * torch.sin(2 * math.pi * 10 * x / 64)).expand(1, 1, 64, 64)
        spectrum = radial_spectrum(image)
        assert spectrum.shape == (33,) and spectrum.argmax() == 10
        assert spectrum[9:12].sum() > 0.99 * spectrum.sum()  # the window spreads it by one

    def test_shares_are_squares_of_contrast(self):
        images = random(3, 3, 64, 64)
        half = 0.5 + (images - 0.5) / 2
        assert torch.allclose(spectrum_shares(half, images), torch.full((33,), 0.25), rtol=1e-3)

    def test_a_cross_hatch_sticks_out_and_noise_does_not(self):
        images, noise = random(200, 1, 64, 64), random(200, 1, 64, 64, seed=1)
        hatch = 0.05 * (torch.arange(64) % 2 * 2 - 1.0)
        assert lattice_peak(noise, images) < 2
        assert lattice_peak(noise + hatch * hatch[:, None] / 0.05, images) > 5
        assert lattice_peak(noise + hatch, images) > 5


class TestLikeness:
    def test_frechet_of_normals_by_the_formula(self):
        """Against scipy's matrix root, and exactly for a shift of the mean."""
        one, other = normal(500, 6), 2 * normal(400, 6, seed=1) @ normal(6, 6, seed=2) + 1
        a, b = (np.cov(x.double().numpy().T) for x in (one, other))
        between = np.square(one.double().numpy().mean(0) - other.double().numpy().mean(0)).sum()
        expected = between + np.trace(a + b - 2 * scipy.linalg.sqrtm(a @ b).real)
        assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)
        assert frechet_distance(one, one + 3) == pytest.approx(6 * 9, rel=1e-4)
        assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)

    def test_kernel_distance_is_unbiased_and_tells_samples_apart(self):
        same = [
            kernel_distance(normal(200, 4, seed=k), normal(200, 4, seed=k + 50)) for k in range(40)
        ]
        assert abs(np.mean(same)) < 3 * np.std(same) / math.sqrt(40) and min(same) < 0 < max(same)
        assert kernel_distance(normal(200, 4), normal(200, 4, seed=1) + 1) > 10 * np.std(same)

    def test_kernel_distance_on_two_points_by_hand(self):
        """Within: k(a, b) of each pair once; between: the mean of four."""
        one, other = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
        # k(x, y) = (xy + 1)³: k(0, 1) = 1, k(2, 3) = 343; k(0, ·) = 1, k(1, 2) = 27, k(1, 3) = 64.
        assert kernel_distance(one, other) == pytest.approx(1 + 343 - 2 * (1 + 1 + 27 + 64) / 4)

    @pytest.fixture
    def two_kinds(self) -> Pictures:
        """Bright or dark, and what looks like chance."""
        bright = random(256) < 0.5
        images = random(256, 3, 64, 64, seed=1) * 100 + 100 * bright[:, None, None, None]
        data = Pictures(images.byte())
        data.attributes = torch.stack([bright, random(256, seed=2) < 0.5], dim=1)
        return data

    def test_the_network_learns_an_attribute_the_same_each_time(self, two_kinds):
        state = torch.get_rng_state()
        network, again = (train_attribute_network(two_kinds) for _ in range(2))
        assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
        with torch.no_grad():
            images = two_kinds.images.float() / 255
            logits = network(images)
            assert torch.equal(logits, again(images))
            assert network.features(images).shape == (256, likeness.FEATURES)
        told = (logits[:, 0] > 0) == two_kinds.attributes[:, 0]
        assert told.float().mean() > 0.95


class TestSliders:
    """Pictures here are codes of one row of pixels: what is drawn can be read back exactly."""

    @staticmethod
    def encode(pictures):
        return pictures[:, 0, 0]

    @staticmethod
    def draw(codes, rows):
        return codes[:, None, None, :]

    def test_what_is_drawn_faithfully_correlates_fully(self):
        codes, ranges = normal(50, 4), torch.tensor([[-2.0, 2.0]]).expand(4, 2)
        found = swapped_correlation(self.encode, self.draw, codes, [0, 3])
        assert torch.allclose(found, torch.ones(2))
        moved = moved_correlation(
            self.encode, self.draw, codes, [1, 2], ranges, 20, torch.Generator().manual_seed(0)
        )
        assert torch.allclose(moved, torch.ones(2))

    def test_details_that_override_the_code_are_found_out(self):
        """Drawn from the details' own face, the picture does not follow the code."""
        codes, ranges = normal(400, 4), torch.tensor([[-2.0, 2.0]]).expand(4, 2)

        def ignores_the_code(some, rows):
            return codes[rows][:, None, None, :]

        found = swapped_correlation(self.encode, ignores_the_code, codes, [0, 1, 2, 3])
        assert found.abs().max() < 0.2
        moved = moved_correlation(
            self.encode,
            ignores_the_code,
            codes,
            [0, 1],
            ranges,
            300,
            torch.Generator().manual_seed(0),
        )
        assert moved.abs().max() < 0.2

    def test_auroc_change_is_that_of_the_best_latent(self):
        attributes = torch.tensor([[False], [False], [True], [True]])
        codes = torch.tensor([[0.0, 1], [1, 0], [2, 1], [3, 0]])  # z0 tells it with 1
        found = torch.tensor([[0.0, 1], [2, 0], [1, 1], [3, 0]])  # one pair of four swapped
        assert auroc_change(found, codes, attributes).tolist() == [-0.25]

    def test_even_sliders_have_no_jump_and_a_step_is_one(self):
        values = torch.linspace(-3, 3, 9)
        even = jumps(self.draw, torch.zeros(2, 3), [0, 2], values)
        assert even.shape == (2, 2) and torch.allclose(even, torch.ones(2, 2), rtol=1e-4)

        def leaps(codes, rows):
            return self.draw(codes + 2 * (codes > 0.1), rows)

        steps = jumps(leaps, torch.zeros(1, 3), [1], values)
        assert steps.item() == pytest.approx((0.75 + 2) / 0.75, rel=1e-4)


@torch.no_grad()
def test_a_renderer_that_adds_nothing_scores_as_the_plain_decoder(monkeypatch):
    """Each score has its place; nothing but the features' network is trained here."""
    monkeypatch.setattr(renderer, "STRIP_FACES", 1)
    monkeypatch.setattr(renderer, "STRIP_FRAMES", 5)
    monkeypatch.setattr(renderer, "MOVED_FACES", 8)
    torch.manual_seed(0)
    nothing = Renderer(VAE("conv", 3, 4))
    for parameter in nothing.painter.add.parameters():
        parameter.zero_()
    data = Pictures((random(32, 3, 64, 64) * 255).byte())
    data.attributes = random(32, 2, seed=3) < 0.5
    measured = renderer.evaluate_renderer(nothing, data, data)
    scores = measured["scores"]
    for name, value in scores.items():
        score, _, way = name.rpartition("_")
        if way in ("own", "drawn") and "moved" not in score:
            assert value == pytest.approx(scores[f"{score}_plain"], abs=1e-4), name
    assert measured == renderer.evaluate_renderer(nothing, data, data)
    data.attributes = None
    fewer = renderer.evaluate_renderer(nothing, data, data)["scores"]
    assert {name for name in scores if name not in fewer} == {
        name for name in scores if name.startswith(("frechet", "kernel", "auroc"))
    }


def test_sliders_are_measured_by_the_code_that_is_served():
    assert sliders.read_back(
        lambda pictures: pictures[:, 0, 0], TestSliders.draw, normal(130, 3), torch.arange(130)
    ).equal(normal(130, 3))
