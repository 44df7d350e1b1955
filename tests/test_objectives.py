"""Each objective against its closed form and against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from betavae.model import Posterior
from betavae.objectives import OBJECTIVES, settings

CASES = [("vae", {}, 1.0), ("beta-vae", {"beta": 250.0}, 250.0), ("beta-vae", {}, 4.0)]


def posterior(rows=6, latents=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    mean, log_variance = torch.randn(2, rows, latents, generator=generator, dtype=dtype)
    return Posterior(mean.requires_grad_(), log_variance.requires_grad_())


def value(name, weights, q, step=0):
    objective = OBJECTIVES[name](dataset_size=100, latents=q.mean.shape[1], **weights)
    return objective(q, q.sample(torch.Generator().manual_seed(2)), step)


@pytest.mark.parametrize(("name", "weights", "beta"), CASES)
def test_value_is_beta_times_the_kl_divergence(name, weights, beta):
    q = posterior()
    exact = kl_divergence(Normal(q.mean, (q.log_variance / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(value(name, weights, q), beta * exact.sum(1).mean())


@pytest.mark.parametrize(("name", "weights", "beta"), CASES)
def test_gradient_agrees_with_finite_differences(name, weights, beta):
    q = posterior(rows=3, latents=2)
    assert torch.autograd.gradcheck(
        lambda mean, log_variance: value(name, weights, Posterior(mean, log_variance)),
        (q.mean, q.log_variance),
    )


@pytest.mark.parametrize(("name", "weights", "beta"), CASES)
def test_mean_over_the_batch_and_sum_over_latents(name, weights, beta):
    q = posterior()
    rows = Posterior(q.mean.repeat(2, 1), q.log_variance.repeat(2, 1))
    latents = Posterior(q.mean.repeat(1, 2), q.log_variance.repeat(1, 2))
    assert torch.allclose(value(name, weights, rows), value(name, weights, q))
    assert torch.allclose(value(name, weights, latents), 2 * value(name, weights, q))


def test_every_objective_is_tested_and_names_its_settings():
    assert {name for name, _, _ in CASES} == set(OBJECTIVES)
    assert settings(OBJECTIVES["beta-vae"]) == {"beta": 4.0}
    assert settings(OBJECTIVES["vae"]) == {}
    assert OBJECTIVES["beta-vae"].title.format(beta=250.0) == "β-VAE (β = 250)"
    assert OBJECTIVES["vae"].title.format(**settings(OBJECTIVES["vae"])) == "VAE (β = 1)"
