"""Latents that are angles: the circle's closed forms, a code without a seam, growth and bundles."""

from __future__ import annotations

import math

import pytest
import torch
from small_runs import small_config
from torch.distributions import Normal

from betavae.model import VAE, Posterior
from betavae.model.angles import AnglesOut, kl_from_uniform, wrapped_log_density
from betavae.objectives import OBJECTIVES
from betavae.objectives.beta_tcvae import log_prior, pairwise_log_density
from betavae.study.kinds import kind
from betavae.training import growth
from betavae.training.config import title
from betavae.training.distributed import Processes
from betavae.training.run import Run

CIRCLE = torch.linspace(-math.pi, math.pi, 100_001, dtype=torch.float64)


def exact_density(log_variance: float) -> torch.Tensor:
    """A wrapped normal's over CIRCLE: the normal's, of 121 turns."""
    turns = 2 * math.pi * torch.arange(-60, 61, dtype=torch.float64)
    normal = Normal(0.0, math.exp(log_variance / 2))
    return sum(normal.log_prob(CIRCLE + turn).exp() for turn in turns)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def vae(random) -> VAE:
    torch.manual_seed(0)
    return VAE("conv", 1, 4, "bernoulli", angles=2).eval()


class TestCircle:
    @pytest.mark.parametrize("log_variance", [-4.0, -1.0, -0.61, -0.59, -0.5, 0.0, 1.0, 2.0, 6.0])
    def test_kl_is_the_integral(self, log_variance):
        density = exact_density(log_variance)
        exact = torch.trapezoid(density * (density * 2 * math.pi).clamp_min(1e-300).log(), CIRCLE)
        found = kl_from_uniform(torch.tensor(log_variance, dtype=torch.float64))
        assert found.item() == pytest.approx(exact.item(), abs=1e-4)

    def test_its_gradient_is_that_of_finite_differences(self):
        log_variance = torch.tensor([-3.0, -0.59, 0.5, 2.0], dtype=torch.float64)
        assert torch.autograd.gradcheck(kl_from_uniform, log_variance.requires_grad_())

    @pytest.mark.parametrize("log_variance", [-4.0, 0.0, 1.8])
    def test_density_is_that_of_all_turns(self, log_variance):
        found = wrapped_log_density(CIRCLE, torch.full_like(CIRCLE, log_variance)).exp()
        torch.testing.assert_close(found, exact_density(log_variance), atol=2e-4, rtol=0)


class TestCode:
    def test_an_angle_and_the_same_after_a_turn_give_one_picture(self, vae, random):
        z = torch.randn(5, 4, generator=random)
        turned = z + 2 * math.pi * torch.tensor([0, 0, 1, -2])
        with torch.no_grad():
            torch.testing.assert_close(vae.decode(z).mean, vae.decode(turned).mean)
            on_a_line = vae.decode(z + 2 * math.pi * torch.tensor([1, 0, 0, 0])).mean
        assert (vae.decode(z).mean - on_a_line).abs().max() > 1e-3

    def test_all_directions_can_be_told(self):
        """Cosines and sines of any length, and the log variances of the angles alone."""
        angle = torch.linspace(-3, 3, 7)
        raw = torch.stack([torch.ones(7), 5 * angle.cos(), 5 * angle.sin(), *3 * [angle]], dim=1)
        mean, log_variance = AnglesOut(1)(raw).chunk(2, dim=1)
        assert torch.equal(mean[:, 0], torch.ones(7))
        torch.testing.assert_close(mean[:, 1], angle, atol=1e-4, rtol=0)
        assert torch.equal(log_variance, raw[:, 3:5])

    def test_a_picture_that_tells_no_direction_breaks_no_gradient(self):
        raw = torch.zeros(1, 4, requires_grad=True)
        AnglesOut(1)(raw).sum().backward()
        assert raw.grad.isfinite().all()

    def test_kl_of_lines_and_of_angles(self, vae, random):
        posterior = vae.encode(torch.rand(6, 1, 64, 64, generator=random))
        assert posterior.angles == 2 and posterior.mean.shape == (6, 4)
        assert posterior.mean[:, 2:].abs().max() <= math.pi
        lines = Posterior(posterior.mean[:, :2], posterior.log_variance[:, :2]).kl()
        assert torch.equal(posterior.kl()[:, :2], lines)
        assert torch.equal(posterior.kl()[:, 2:], kl_from_uniform(posterior.log_variance[:, 2:]))

    def test_a_prior_draw_is_uniform_round_the_circle(self, vae, random):
        noise = torch.randn(20_000, 4, generator=random)
        z = vae.prior(noise)
        assert torch.equal(z[:, :2], noise[:, :2])
        shares = (z[:, 2:] / math.pi).histc(10, -1, 1) / z[:, 2:].numel()
        torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)

    def test_it_comes_back_from_disk(self, vae, random, tmp_path):
        vae.save_pretrained(tmp_path)
        again = VAE.from_pretrained(tmp_path)
        z = torch.randn(2, 4, generator=random)
        assert again.angles == 2 and torch.equal(again.decode(z).mean, vae.decode(z).mean)

    def test_more_angles_than_latents_are_refused(self):
        with pytest.raises(ValueError, match="angles is 5; it must be from 0 to 4"):
            VAE(latents=4, angles=5)


class TestTotalCorrelation:
    def test_the_three_terms_sum_to_one_sample_of_the_kl(self, random):
        mean, log_variance = torch.randn(2, 32, 3, generator=random, dtype=torch.float64)
        q = Posterior(mean, log_variance - 2, angles=1)
        z = q.sample(random)
        terms = OBJECTIVES["beta-tcvae"](dataset_size=100, latents=3).decompose(q, z)
        own = pairwise_log_density(q, z).diagonal().sum(0) - log_prior(z, 1).sum(1)
        assert sum(terms).item() == pytest.approx(own.mean().item())
        assert log_prior(z, 1)[:, 2].exp().allclose(torch.tensor(1 / (2 * math.pi)).double())

    def test_it_does_not_mind_where_the_circle_is_cut(self, random):
        """Latents 0 and 1 are one angle; turned by any amount they are as correlated."""
        angle = 2 * math.pi * torch.rand(1500, 1, generator=random, dtype=torch.float64)
        objective = OBJECTIVES["beta-tcvae"](dataset_size=1500, latents=2)
        found = []
        for cut in (0.0, 2.0):
            mean = (torch.cat([angle, angle], dim=1) + cut + math.pi) % (2 * math.pi) - math.pi
            q = Posterior(mean, torch.full_like(mean, -4.0), angles=2)
            noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
            found.append(objective.decompose(q, q.reparameterise(noise.double()))[1].item())
        assert found[0] == pytest.approx(found[1], abs=1e-6)
        # Told twice, each time within a normal of this variance: one of the two is new.
        told = math.log(2 * math.pi) - (1 - 4.0 + math.log(2 * math.pi)) / 2
        assert found[0] == pytest.approx(told - math.log(2) / 2, abs=0.05)


class TestGrowth:
    def test_an_angle_is_closed_until_the_first_fresh_start(self, smooth_pictures, tmp_path):
        data = smooth_pictures(16)
        config = small_config(growth=2, angles=1, fresh_latents=(1,), objective="beta-vae")
        run = Run(tmp_path, config, data, Processes())
        images = data.batch(torch.arange(16)).float() / 255
        told = []
        while run.step < 6:
            with torch.no_grad():
                told.append(run.vae.encode(images).kl()[:, -1].mean().item())
            run.train_step()
        assert max(told[:4]) < 1e-3, "as wide as the circle"
        assert min(told[4:]) > 1
        assert len(run.closed) == config.latents - 2, "one on a line and the angle have started"

    def test_what_it_is_made_of_is_named(self):
        config = {
            "architecture": "conv",
            "objective": "beta-tcvae",
            "objective_settings": {"beta": 8.0},
            "growth": 3000,
            "fresh_latents": [1],
            "angles": 1,
            "steps": 16_000,
            "batch_size": 16,
        }
        assert title(config) == "β-TCVAE (β = 8), grown by 1, with an angle"
        assert title({**config, "angles": 2}).endswith("with 2 angles")
        assert kind(config) == "conv-beta-tcvae-beta8-growth3000-fresh1-angles1"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"angles": 5}, "from 0 to 4"),
            ({"angles": -1}, "from 0 to 4"),
            ({"angles": 1, "objective": "dip-vae-ii", "objective_settings": {}}, "as numbers on a"),
        ],
    )
    def test_what_cannot_be_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said):
            small_config(**changes)

    @pytest.mark.parametrize("objective", ["beta-vae", "beta-tcvae"])
    def test_a_run_learns_with_one(self, smooth_pictures, tmp_path, objective):
        """From the start, without growth, and every weight of its ends gets a gradient."""
        config = small_config(angles=1, objective=objective)
        run = Run(tmp_path, config, smooth_pictures(16), Processes())
        run.train_step()
        head, first = growth.ends(run.vae)
        assert (head.weight.grad[[3, 4]] != 0).any(1).all(), "its cosine and its sine"
        assert (first.weight.grad[:, [3, 4]] != 0).any(0).all()
        run.save()
        again = Run.resume(tmp_path, run.data, Processes())
        run.train_step(), again.train_step()
        for one, other in zip(run.vae.parameters(), again.vae.parameters(), strict=True):
            assert torch.equal(one, other)
