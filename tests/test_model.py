"""The model against closed forms, torch.distributions and the paper's Table 1."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Independent, Normal, kl_divergence

from betavae.model import ARCHITECTURES, VAE, Bernoulli, Gaussian, Posterior
from betavae.model.decoders import Upsampling
from betavae.model.likelihoods import GaussianLikelihood

LIKELIHOODS = ("gaussian", "bernoulli")


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def posterior_of(random: torch.Generator, count: int, latents: int) -> Posterior:
    mean, log_variance = torch.randn(2, count, latents, generator=random, dtype=torch.float64)
    return Posterior(mean, log_variance)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_upsampling_and_its_gradients_are_those_of_a_transposed_convolution(
    random, channels, training
):
    own = Upsampling(5, channels).double().train(training)
    reference = nn.ConvTranspose2d(5, channels, 4, stride=2, padding=1).double()
    reference.load_state_dict(own.state_dict())
    x = torch.randn(3, 5, 6, 6, generator=random, dtype=torch.float64)
    weights = torch.randn(3, channels, 12, 12, generator=random, dtype=torch.float64)
    gradients = []
    for module in (own, reference):
        given = x.clone().requires_grad_()
        made = module(given)
        (made * weights).sum().backward()
        gradients.append([made, given.grad, module.weight.grad, module.bias.grad])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


class TestPosterior:
    def test_kl_is_that_of_torch_distributions(self, random):
        posterior = posterior_of(random, 7, 5)
        q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
        prior = Normal(torch.zeros(5, dtype=torch.float64), 1.0)
        torch.testing.assert_close(posterior.kl(), kl_divergence(q, prior))

    def test_kl_of_the_prior_is_zero(self):
        assert torch.equal(Posterior(torch.zeros(2, 3), torch.zeros(2, 3)).kl(), torch.zeros(2, 3))

    def test_samples_have_its_moments(self, random):
        mean, log_variance = torch.tensor([[1.5, -2.0]]), torch.tensor([[-1.0, 1.0]])
        posterior = Posterior(mean.expand(100_000, 2), log_variance.expand(100_000, 2))
        z = posterior.sample(random)
        deviation = (log_variance[0] / 2).exp()
        torch.testing.assert_close(z.mean(0), mean[0], atol=0.03, rtol=0)
        torch.testing.assert_close(z.std(0), deviation, atol=0.03, rtol=0)

    def test_same_generator_same_sample(self):
        posterior = Posterior(torch.zeros(3, 2), torch.zeros(3, 2))
        first, again, other = (
            posterior.sample(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_reparameterise_carries_the_gradient(self):
        """z = μ + σ ε: dz/dμ = 1 and dz/d(log σ²) = σ ε / 2."""
        mean = torch.zeros(1, 2, requires_grad=True)
        log_variance = torch.tensor([[0.0, math.log(4.0)]], requires_grad=True)
        noise = torch.tensor([[3.0, -1.0]])
        Posterior(mean, log_variance).reparameterise(noise).sum().backward()
        assert mean.grad.tolist() == [[1.0, 1.0]]
        torch.testing.assert_close(log_variance.grad, torch.tensor([[1.5, -1.0]]))


class TestLikelihoods:
    def test_gaussian_log_prob_sums_over_pixels(self, random):
        mean, images = torch.rand(2, 4, 3, 64, 64, generator=random, dtype=torch.float64)
        scale = torch.tensor(0.13, dtype=torch.float64)
        expected = Independent(Normal(mean, scale), 3).log_prob(images)
        torch.testing.assert_close(Gaussian(mean, scale).log_prob(images), expected)

    def test_bernoulli_log_prob_sums_over_pixels(self, random):
        logits = 3 * torch.randn(4, 1, 64, 64, generator=random, dtype=torch.float64)
        images = torch.rand(logits.shape, generator=random).round().double()
        expected = Independent(TorchBernoulli(logits=logits), 3).log_prob(images)
        torch.testing.assert_close(Bernoulli(logits).log_prob(images), expected)

    def test_bernoulli_log_prob_stays_finite_where_the_mean_is_0_or_1(self):
        logits = torch.full((1, 1, 64, 64), 200.0)
        log_prob = Bernoulli(logits).log_prob(torch.zeros_like(logits))
        torch.testing.assert_close(log_prob, torch.tensor([-200.0 * 64 * 64]))

    def test_gaussian_samples_have_its_moments(self, random):
        likelihood = Gaussian(torch.full((20, 3, 64, 64), 0.4), torch.tensor(0.05))
        sample = likelihood.sample(random)
        assert abs(sample.mean() - 0.4) < 1e-3
        assert abs(sample.std() - 0.05) < 1e-3

    def test_gaussian_samples_can_be_shown(self, random):
        sample = Gaussian(torch.full((2, 3, 64, 64), 0.9), torch.tensor(1.0)).sample(random)
        assert (sample.min(), sample.max()) == (0, 1)

    def test_bernoulli_samples_have_its_mean(self, random):
        likelihood = Bernoulli(torch.tensor([-1.0, 2.0])[:, None, None, None].expand(2, 1, 64, 64))
        draws = torch.stack([likelihood.sample(random) for _ in range(25)])
        assert draws.unique().tolist() == [0, 1]
        expected = torch.tensor([-1.0, 2.0]).sigmoid()
        torch.testing.assert_close(draws.mean((0, 2, 3, 4)), expected, atol=0.01, rtol=0)


class TestGaussianScale:
    """σ² = mean squared error in closed form (Rybkin et al. 2021, equation 5)."""

    @pytest.fixture
    def images(self, random):
        return torch.rand(5, 3, 64, 64, generator=random, dtype=torch.float64)

    @pytest.fixture
    def mean(self, random):
        shape = (5, 3, 64, 64)
        return torch.rand(shape, generator=random, dtype=torch.float64).requires_grad_()

    def test_scale_is_the_root_of_the_mean_squared_error(self, mean, images):
        likelihood = GaussianLikelihood()
        fitted = likelihood.fit(Gaussian(mean, likelihood.scale), images)
        torch.testing.assert_close(fitted.scale, (mean - images).square().mean().sqrt().detach())
        assert torch.equal(fitted.mean, mean)

    def test_it_maximises_the_likelihood(self, mean, images):
        likelihood = GaussianLikelihood()
        fitted = likelihood.fit(Gaussian(mean, likelihood.scale), images)
        best = fitted.log_prob(images).mean()
        for factor in (0.98, 1.02):
            assert Gaussian(mean, fitted.scale * factor).log_prob(images).mean() < best

    def test_gradient_is_that_of_half_n_log_mse(self, mean, images):
        """N = C x 64 x 64 pixels; both losses are means over the batch, in nats."""
        pixels = 3 * 64 * 64
        likelihood = GaussianLikelihood()
        loss = -likelihood.fit(Gaussian(mean, likelihood.scale), images).log_prob(images).mean()
        (gradient,) = torch.autograd.grad(loss, mean)
        closed_form = pixels / 2 * (mean - images).square().mean().log()
        (expected,) = torch.autograd.grad(closed_form, mean)
        torch.testing.assert_close(gradient, expected)

    def test_stored_scale_starts_at_the_first_batch_and_then_averages(self, images):
        likelihood = GaussianLikelihood(momentum=0.25)
        scales = []
        for error in (0.2, 0.4):
            fitted = likelihood.fit(Gaussian(images + error, likelihood.scale), images)
            scales.append((fitted.scale.item(), likelihood.scale.item()))
        (first, stored_first), (second, stored_second) = scales
        assert first == pytest.approx(0.2)
        assert stored_first == pytest.approx(0.2)
        assert second == pytest.approx(0.4)
        assert stored_second == pytest.approx(0.75 * 0.2 + 0.25 * 0.4)

    def test_stored_scale_is_the_one_that_decode_uses(self):
        vae = VAE("conv", 3, 2)
        vae.likelihood.scale.fill_(0.07)
        assert vae.decode(torch.zeros(1, 2)).scale == pytest.approx(0.07)


class TestArchitectures:
    @pytest.mark.parametrize("likelihood", LIKELIHOODS)
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
    def test_shapes_and_range(self, architecture, channels, likelihood, random):
        vae = VAE(architecture, channels, 6, likelihood)
        images = torch.rand(2, channels, 64, 64, generator=random)
        posterior = vae.encode(images)
        assert posterior.mean.shape == posterior.log_variance.shape == (2, 6)
        output = vae.decode(50 * torch.randn(2, 6, generator=random))
        for picture in (output.mean, output.sample(random)):
            assert picture.shape == (2, channels, 64, 64)
            assert picture.min() >= 0
            assert picture.max() <= 1
        assert output.log_prob(images.round()).shape == (2,)

    def test_forward_decodes_the_posterior_mean(self, random):
        vae = VAE("conv", 1, 3)
        images = torch.rand(2, 1, 64, 64, generator=random)
        posterior, likelihood = vae(images)
        assert torch.equal(posterior.mean, vae.encode(images).mean)
        assert torch.equal(likelihood.mean, vae.decode(posterior.mean).mean)

    def test_conv_is_the_papers_table_1(self):
        """Filters 32, 32, 64, 64 of 4x4 and stride 2, FC 256, ReLU; the decoder is its reverse."""
        vae = VAE("conv", 3, 32)
        convolutions = [m for m in vae.encoder if isinstance(m, nn.Conv2d)]
        transposed = [m for m in vae.decoder if isinstance(m, nn.ConvTranspose2d)]
        assert [m.out_channels for m in convolutions] == [32, 32, 64, 64]
        assert [m.out_channels for m in transposed] == [64, 32, 32, 3]
        for layer in (*convolutions, *transposed):
            assert (layer.kernel_size, layer.stride) == ((4, 4), (2, 2))
        assert linear_sizes(vae.encoder) == [(1024, 256), (256, 64)]
        assert linear_sizes(vae.decoder) == [(32, 256), (256, 1024)]
        for part, reshape in ((vae.encoder, nn.Flatten), (vae.decoder, nn.Unflatten)):
            others = [type(m) for m in part if not list(m.parameters())]
            assert sorted(others, key=str) == sorted([*[nn.ReLU] * 5, reshape], key=str)
            assert list(part[-1].parameters()), "no ReLU on what comes out"

    def test_mlp_is_the_papers_table_1(self):
        """1200-1200 with ReLU, 10 latents, and back through 1200-1200-1200 with tanh."""
        vae = VAE("mlp", 1, 10, "bernoulli")
        assert linear_sizes(vae.encoder) == [(4096, 1200), (1200, 1200), (1200, 20)]
        assert linear_sizes(vae.decoder) == [(10, 1200), (1200, 1200), (1200, 1200), (1200, 4096)]
        assert sum(isinstance(m, nn.ReLU) for m in vae.encoder) == 2
        assert sum(isinstance(m, nn.Tanh) for m in vae.decoder) == 3

    @pytest.mark.parametrize("wrong", [{"architecture": "vgg"}, {"likelihood": "laplace"}])
    def test_unknown_names_are_refused_with_the_known_ones(self, wrong):
        with pytest.raises(ValueError, match=r"must be one of .*, "):
            VAE(**wrong)


def linear_sizes(part: nn.Sequential) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in part if isinstance(m, nn.Linear)]
