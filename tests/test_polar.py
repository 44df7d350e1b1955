"""Polar coordinates in a code: the circle, the pair that turns, training, bundles."""

from __future__ import annotations

import math

import pytest
import torch
from small_runs import small_config
from torch.distributions import Normal

from betavae import bundles, cli
from betavae.model import VAE, Posterior
from betavae.model.polar import PolarIn, PolarOut, kl_from_uniform, wrapped_log_density
from betavae.objectives import OBJECTIVES
from betavae.objectives.beta_tcvae import log_prior, pairwise_log_density
from betavae.study.kinds import kind
from betavae.training import turning
from betavae.training.config import title
from betavae.training.distributed import Processes
from betavae.training.run import Run

CIRCLE = torch.linspace(-math.pi, math.pi, 100_001, dtype=torch.float64)
PAIR = (1, 3)


def exact_density(log_variance: float) -> torch.Tensor:
    """A wrapped normal's over CIRCLE: the normal's, of 121 turns."""
    turns = 2 * math.pi * torch.arange(-60, 61, dtype=torch.float64)
    normal = Normal(0.0, math.exp(log_variance / 2))
    return sum(normal.log_prob(CIRCLE + turn).exp() for turn in turns)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def vae() -> VAE:
    torch.manual_seed(0)
    return VAE("conv", 1, 4, "bernoulli", PAIR).eval()


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
    def test_the_change_of_coordinates_changes_no_reconstruction(self, random):
        torch.manual_seed(0)
        vae, images = VAE("conv", 1, 4), torch.rand(6, 1, 64, 64, generator=random)
        with torch.no_grad():
            straight, before = vae.encode(images).mean, vae(images)[1].mean
            vae.make_polar(PAIR)
            polar, after = vae.encode(images).mean, vae(images)[1].mean
        torch.testing.assert_close(before, after, atol=1e-4, rtol=0)
        across, up = straight[:, PAIR[0]], straight[:, PAIR[1]]
        torch.testing.assert_close(polar[:, PAIR[0]], torch.hypot(across, up), atol=1e-3, rtol=0)
        torch.testing.assert_close(polar[:, PAIR[1]], torch.atan2(up, across), atol=1e-2, rtol=0)
        assert torch.equal(polar[:, [0, 2]], straight[:, [0, 2]])

    def test_the_noise_is_as_wide_as_it_was(self, random):
        """Draws in polar coordinates, far from the centre, spread as those on straight axes do."""
        mean = torch.tensor([[2.0, 1.5]])
        log_variance = torch.tensor([[-3.0, -5.0]])
        polar = Posterior(*PolarOut((0, 1))(torch.cat([mean, log_variance], 1)).chunk(2, 1))
        noise = torch.randn(50_000, 2, generator=random)
        drawn = PolarIn((0, 1))(polar.reparameterise(noise))
        straight = Posterior(mean, log_variance).reparameterise(noise)
        torch.testing.assert_close(drawn.mean(0), straight.mean(0), atol=0.02, rtol=0)
        along = mean[0] / mean.norm()
        across = torch.stack([-along[1], along[0]])
        for direction in (along, across):
            spread, expected = ((z - z.mean(0)) @ direction for z in (drawn, straight))
            assert spread.std().item() == pytest.approx(expected.std().item(), rel=0.03)

    def test_at_the_centre_any_direction_will_do(self):
        raw = torch.tensor([[0.01, 0.0, -3.0, -3.0]])
        _, log_variance = PolarOut((0, 1))(raw).chunk(2, dim=1)
        assert kl_from_uniform(log_variance[:, 1]).item() < 1e-4

    def test_an_angle_and_the_same_after_a_turn_give_one_picture(self, vae, random):
        z = torch.randn(5, 4, generator=random)
        with torch.no_grad():
            made = vae.decode(z).mean
            turned = vae.decode(z + 2 * math.pi * torch.tensor([0, 0, 0, -2])).mean
            opposite = z * torch.tensor([1, -1, 1, 1]) + math.pi * torch.tensor([0, 0, 0, 1])
            torch.testing.assert_close(vae.decode(opposite).mean, made)
            on_a_line = vae.decode(z + 2 * math.pi * torch.tensor([1, 0, 0, 0])).mean
        torch.testing.assert_close(turned, made)
        assert (on_a_line - made).abs().max() > 1e-3

    def test_the_centre_breaks_no_gradient(self):
        raw = torch.zeros(1, 4, requires_grad=True)
        PolarOut((0, 1))(raw).sum().backward()
        assert raw.grad.isfinite().all()

    def test_kl_of_the_angle_is_the_circles(self, vae, random):
        posterior = vae.encode(torch.rand(6, 1, 64, 64, generator=random))
        assert posterior.angle == PAIR[1] and posterior.mean[:, PAIR[1]].abs().max() <= math.pi
        assert (posterior.mean[:, PAIR[0]] > 0).all()
        plain = Posterior(posterior.mean, posterior.log_variance).kl()
        assert torch.equal(posterior.kl()[:, :3], plain[:, :3])
        assert torch.equal(posterior.kl()[:, 3], kl_from_uniform(posterior.log_variance[:, 3]))

    def test_a_prior_draw_is_uniform_round_the_circle(self, vae, random):
        noise = torch.randn(20_000, 4, generator=random)
        z = vae.prior(noise)
        assert torch.equal(z[:, :3], noise[:, :3])
        shares = (z[:, 3] / math.pi).histc(10, -1, 1) / len(z)
        torch.testing.assert_close(shares, torch.full((10,), 0.1), atol=0.01, rtol=0)

    def test_it_comes_back_from_disk(self, vae, random, tmp_path):
        vae.save_pretrained(tmp_path)
        again = VAE.from_pretrained(tmp_path)
        z = torch.randn(2, 4, generator=random)
        assert again.polar == PAIR and torch.equal(again.decode(z).mean, vae.decode(z).mean)

    @pytest.mark.parametrize("pair", [(1, 1), (0, 4), (-1, 2), (1, 2, 3)])
    def test_what_is_no_pair_is_refused(self, pair):
        with pytest.raises(ValueError, match="must be two of 4 latents"):
            VAE(latents=4, polar=pair)

    def test_two_changes_are_refused(self, vae):
        with pytest.raises(ValueError, match="once"):
            vae.make_polar((0, 2))


class TestTotalCorrelation:
    def test_the_three_terms_sum_to_one_sample_of_the_kl(self, random):
        mean, log_variance = torch.randn(2, 32, 3, generator=random, dtype=torch.float64)
        q = Posterior(mean, log_variance - 2, angle=1)
        z = q.sample(random)
        terms = OBJECTIVES["beta-tcvae"](dataset_size=100, latents=3).decompose(q, z)
        own = pairwise_log_density(q, z).diagonal().sum(0) - log_prior(z, 1).sum(1)
        assert sum(terms).item() == pytest.approx(own.mean().item())
        assert log_prior(z, 1)[:, 1].exp().allclose(torch.tensor(1 / (2 * math.pi)).double())
        assert torch.equal(log_prior(z, 1)[:, [0, 2]], log_prior(z, None)[:, [0, 2]])

    def test_it_does_not_mind_where_the_circle_is_cut(self, random):
        """A number tells where on the circle: as much, wherever the circle begins."""
        angle = 2 * math.pi * torch.rand(1500, 1, generator=random, dtype=torch.float64)
        objective = OBJECTIVES["beta-tcvae"](dataset_size=1500, latents=2)
        noise = torch.randn(1500, 2, generator=random, dtype=torch.float64)
        found = []
        for cut in (0.0, 2.0):
            turned = (angle + cut + math.pi) % (2 * math.pi) - math.pi
            mean = torch.cat([angle.cos(), turned], dim=1)
            q = Posterior(mean, torch.full_like(mean, -4.0), angle=1)
            found.append(objective.decompose(q, q.reparameterise(noise))[1].item())
        assert found[0] == pytest.approx(found[1], abs=1e-6) and found[0] > 0.5


class TestPair:
    def codes(self, random) -> torch.Tensor:
        """A place in a square on latents 0 and 4, a ring on 3 and 1, and noise on 2."""
        place = torch.rand(4000, 2, generator=random) * 4 - 2
        angle, size = torch.rand(2, 4000, generator=random)
        ring = torch.stack([(angle * 2 * math.pi).cos(), (angle * 2 * math.pi).sin()], dim=1)
        ring = ring * (1 + 0.2 * size[:, None])
        noise = torch.randn(4000, generator=random)
        return torch.stack([place[:, 0], ring[:, 1], noise, ring[:, 0], place[:, 1]], dim=1)

    def test_the_ring_is_found_and_the_square_is_not(self, random):
        codes = self.codes(random)
        assert turning.pair_that_turns(codes, torch.ones(5)) == (1, 3)
        assert turning.pair_that_turns(codes[:, [0, 4]], torch.ones(2)) is None

    def test_two_that_are_one_in_part_are_no_ring(self, random):
        """Size and shape, say: they tell much of each other, but no less in polar coordinates."""
        codes = self.codes(random)
        shape = torch.randint(-1, 2, (4000,), generator=random)
        codes[:, 2] = shape + 0.1 * codes[:, 2]
        codes[:, 0] += shape / 2
        assert turning.pair_that_turns(codes, torch.ones(5)) == (1, 3)

    def test_latents_that_hardly_tell_anything_are_not_looked_at(self, random):
        codes = self.codes(random)
        faint = torch.tensor([1, 0.4, 1, 1, 1])  # one of the two
        assert turning.pair_that_turns(codes, faint) != (1, 3)
        assert turning.pair_that_turns(codes, torch.tensor([1, 0.4, 0, 0, 0])) is None


class TestRun:
    def test_it_turns_at_its_step_and_goes_on_exactly(self, smooth_pictures, tmp_path, monkeypatch):
        """Stopped before, at and after the step, a run is the one that was not stopped."""
        monkeypatch.setattr(turning, "pair_that_turns", lambda means, kl: (2, 0))
        data, states = smooth_pictures(16), []
        config = small_config(objective="beta-tcvae", polar=3, steps=6)
        for stop in (None, 2, 3, 4):
            folder = tmp_path / str(stop)
            folder.mkdir()
            run = Run(folder, config, data, Processes())
            while run.step < 6:
                run.train_step()
                assert (run.vae.polar is not None) == (run.step >= 3)
                if run.step == stop:
                    run.save()
                    run = Run.resume(folder, data, Processes())
            states.append(run.vae.state_dict())
        for state in states[1:]:
            assert all(torch.equal(state[name], states[0][name]) for name in states[0])

    def test_a_bundle_of_it_decodes_what_the_run_does(self, picture_folder, tmp_path, monkeypatch):
        monkeypatch.setattr(turning, "pair_that_turns", lambda means, kl: (2, 0))
        words = ["train", "images", "--data", str(picture_folder), "--to", str(tmp_path / "run")]
        words += ["--steps", "4", "--polar", "2", "--batch-size", "4", "--latents", "4"]
        assert cli.main([*words, "--objective", "beta-tcvae", "--precision", "fp32"]) == 0
        made = ["publish", str(tmp_path / "run"), "--data", str(picture_folder)]
        assert cli.main([*made, "--to", str(tmp_path / "made")]) == 0
        bundle = bundles.load(tmp_path / "made")
        assert bundle.vae.polar == (2, 0) and bundle.config["polar"] == [2, 0]
        assert bundle.title.endswith(", with an angle")
        card = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
        assert "latents z2 and z0, which turned together, became polar coordinates" in card
        assert "--polar 2" in card

    def test_what_it_is_made_of_is_named(self):
        config = {
            "architecture": "conv",
            "objective": "beta-tcvae",
            "objective_settings": {"beta": 8.0},
            "growth": 2000,
            "fresh_latents": [1, 6],
            "polar": 12_000,
            "steps": 20_000,
            "batch_size": 16,
        }
        assert title(config) == "β-TCVAE (β = 8), grown by 1, then 6, with an angle"
        assert kind(config) == "conv-beta-tcvae-beta8-growth2000-fresh1-6-polar12000-320k"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"polar": 16}, "a step before the last one, 16"),
            ({"polar": -1}, "a step before the last one, 16"),
            ({"polar": 4, "objective": "dip-vae-ii", "objective_settings": {}}, "on a line"),
        ],
    )
    def test_what_cannot_be_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said):
            small_config(steps=16, **changes)
