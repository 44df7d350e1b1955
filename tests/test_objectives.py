"""Each objective against its closed form and against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from small_runs import small_config
from torch.distributions import Normal, kl_divergence

from betavae.model import Posterior
from betavae.objectives import OBJECTIVES, factor_vae, settings
from betavae.objectives.factor_vae import permuted
from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.run import Run

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


def test_names_and_settings():
    assert set(OBJECTIVES) == {
        "vae",
        "beta-vae",
        "capacity",
        "beta-tcvae",
        "factor-vae",
        "dip-vae-i",
        "dip-vae-ii",
    }
    assert settings(OBJECTIVES["beta-vae"]) == {"beta": 4.0}
    assert settings(OBJECTIVES["vae"]) == {}
    assert OBJECTIVES["beta-vae"].title.format(beta=250.0) == "β-VAE (β = 250)"
    assert OBJECTIVES["vae"].title.format(**settings(OBJECTIVES["vae"])) == "VAE (β = 1)"


# ---- capacity ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "allowed"), [(0, 0.0), (50, 10.0), (100, 20.0), (999, 20.0)])
def test_capacity_grows_and_the_batch_is_averaged_before_the_absolute_value(step, allowed):
    q = posterior()
    mean_kl = q.kl().sum(1).mean()
    weights = {"gamma": 7.0, "capacity": 20.0, "capacity_steps": 100.0}
    found = value("capacity", weights, q, step)
    assert torch.allclose(found, 7 * (mean_kl - allowed).abs())
    each = 7 * (q.kl().sum(1) - allowed).abs().mean()
    if allowed == 10.0:
        assert not torch.allclose(found, each), "the pictures lie on both sides of 10 nats"


# ---- β-TCVAE -----------------------------------------------------------------------------------


def gaussian_codes(correlation, count=1500, deviation=0.5, seed=0):
    """Posteriors of a whole data set whose q(z) is a 3-dimensional Gaussian: latents 0 and 1 are
    correlated, all have variance 1. Its total correlation is -log(1 - ρ²)/2."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.eye(3, dtype=torch.float64)
    total[0, 1] = total[1, 0] = correlation
    root = torch.linalg.cholesky(total - deviation**2 * torch.eye(3, dtype=torch.float64))
    mean = torch.randn(count, 3, generator=generator, dtype=torch.float64) @ root.T
    q = Posterior(mean, torch.full_like(mean, 2 * math.log(deviation)))
    return q, q.sample(generator)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.7])
def test_total_correlation_of_a_correlated_gaussian(correlation):
    """Stratified sampling of the whole data set is exact up to sampling; weighted sampling is off
    by log N a latent but one, whatever the data."""
    q, z = gaussian_codes(correlation)
    exact = -math.log(1 - correlation**2) / 2
    sizes = {"dataset_size": len(z), "latents": 3}
    _, stratified, _ = OBJECTIVES["beta-tcvae"](**sizes).decompose(q, z)
    _, weighted, _ = OBJECTIVES["beta-tcvae"](stratified=0.0, **sizes).decompose(q, z)
    assert stratified.item() == pytest.approx(exact, abs=0.06)
    assert weighted.item() - 2 * math.log(len(z)) == pytest.approx(exact, abs=0.06)


@pytest.mark.parametrize("stratified", [0.0, 1.0])
def test_the_three_terms_sum_to_the_kl(stratified):
    """For any weights: they cancel. So α = β = γ = 1 is the VAE, by one sample of its KL."""
    q = posterior()
    z = q.sample(torch.Generator().manual_seed(2))
    normal = Normal(q.mean, (q.log_variance / 2).exp())
    one_sample = (normal.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1).mean()
    weights = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "stratified": stratified}
    assert torch.allclose(value("beta-tcvae", weights, q), one_sample)


def test_each_weight_is_its_own_terms():
    q = posterior()
    z = q.sample(torch.Generator().manual_seed(2))
    weights = {"alpha": 2.0, "beta": 3.0, "gamma": 5.0}
    objective = OBJECTIVES["beta-tcvae"](dataset_size=100, latents=5, **weights)
    information, correlation, dimensions = objective.decompose(q, z)
    expected = 2 * information + 3 * correlation + 5 * dimensions
    assert torch.allclose(objective(q, z, 0), expected)


def test_a_run_tells_its_objective_how_many_pictures_there_are(tmp_path, smooth_pictures):
    settings = {"objective": "beta-tcvae", "objective_settings": {"beta": 4.0}}
    run = Run(tmp_path, small_config(**settings), smooth_pictures(20), Processes())
    assert run.objective.dataset_size == 20 and run.objective.latents == run.config.latents


def test_stratified_weights_sum_to_one_with_the_diagonal_in_its_place():
    objective = OBJECTIVES["beta-tcvae"](dataset_size=1000, latents=3)
    weights = objective.log_weights(8).exp()
    assert torch.allclose(weights.sum(1), torch.ones(8))
    assert torch.allclose(weights.diagonal(), torch.full((8,), 1 / 1000))
    for i, row in enumerate(weights):
        assert row[(i + 1) % 8] == pytest.approx((1000 - 7) / (1000 * 7))
        others = [j for j in range(8) if j not in (i, (i + 1) % 8)]
        assert torch.allclose(row[others], torch.full((6,), 1 / 7))


# ---- DIP-VAE -----------------------------------------------------------------------------------

COVARIANCE = torch.tensor([[1.5, 0.4, 0.0], [0.4, 0.8, -0.2], [0.0, -0.2, 1.0]]).double()


def means_with(matrix, count=64):
    """Posterior means whose covariance over the batch is exactly `matrix`, around another centre
    for each latent."""
    raw = torch.randn(count, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    raw = raw - raw.mean(0)
    white = raw @ torch.linalg.inv(torch.linalg.cholesky(raw.T @ raw / count)).T
    return white @ torch.linalg.cholesky(matrix).T + torch.tensor([5.0, -2.0, 1.0])


def test_dip_penalties_of_a_known_covariance():
    mean = means_with(COVARIANCE)
    q = Posterior(mean, torch.full_like(mean, math.log(0.25)))
    weights = {"lambda_od": 3.0, "lambda_d": 5.0}
    kl = q.kl().sum(1).mean()
    off = 2 * (0.4**2 + 0.2**2)
    first = 3 * off + 5 * (0.5**2 + 0.2**2 + 0)
    assert torch.allclose(value("dip-vae-i", weights, q), kl + first)
    second = 3 * off + 5 * (0.75**2 + 0.05**2 + 0.25**2)  # E[Σ] adds 0.25 to each variance
    assert torch.allclose(value("dip-vae-ii", weights, q), kl + second)


# ---- FactorVAE ---------------------------------------------------------------------------------


def test_permuting_keeps_each_latent_and_breaks_the_pairs():
    z = torch.arange(1000.0)[:, None] * torch.tensor([1.0, 2.0, 3.0])
    torch.manual_seed(0)
    mixed = permuted(z)
    assert torch.equal(mixed.sort(0).values, z)
    assert torch.corrcoef(mixed.T).fill_diagonal_(0).abs().max() < 0.15


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_the_discriminator_tells_the_total_correlation(correlation, monkeypatch):
    """Near zero for independent latents, -log(1 - ρ²)/2 for correlated ones."""
    monkeypatch.setattr(factor_vae, "HIDDEN", 64)
    monkeypatch.setattr(factor_vae, "RATE", 1e-3)
    torch.manual_seed(0)
    objective = OBJECTIVES["factor-vae"](gamma=1.0, latents=2)
    root = torch.linalg.cholesky(torch.tensor([[1.0, correlation], [correlation, 1.0]]))
    q = Posterior(torch.zeros(512, 2), torch.zeros(512, 2))  # its KL is zero: the TC is left
    for _ in range(400):
        objective(q, torch.randn(512, 2) @ root.T, 0)
        objective.after_step(lambda module: None)
    with torch.no_grad():
        found = objective(q, SAMPLES @ root.T, 0)
    assert found.item() == pytest.approx(-math.log(1 - correlation**2) / 2, abs=0.08)


def test_gamma_weighs_the_correlation_alone():
    q = posterior(dtype=torch.float32)
    z = q.sample(torch.Generator().manual_seed(2))
    objective = OBJECTIVES["factor-vae"](gamma=7.0, latents=5)
    told = objective.discriminator(z).mean()
    assert torch.allclose(objective(q, z, 0), q.kl().sum(1).mean() + 7 * told)


SAMPLES = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(5))


def test_the_encoders_loss_leaves_the_discriminator_alone():
    objective = OBJECTIVES["factor-vae"](latents=3)
    q, z = gaussian_codes(0.5, count=20)
    z = z.float().requires_grad_()
    objective(Posterior(q.mean.float(), q.log_variance.float()), z, 0).backward()
    assert z.grad.abs().max() > 0
    assert all(p.grad is None for p in objective.discriminator.parameters())
    before = [p.clone() for p in objective.discriminator.parameters()]
    objective.after_step(lambda module: None)
    after = objective.discriminator.parameters()
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_resumed_run_has_the_discriminator_it_would_have_had(tmp_path, smooth_pictures):
    data = smooth_pictures(20)
    config = TrainingConfig(
        objective="factor-vae",
        objective_settings={"gamma": 10.0},
        latents=4,
        steps=6,
        batch_size=4,
        precision="fp32",
        memory_format="contiguous",
    )
    whole, half = (Run(tmp_path / name, config, data, Processes()) for name in ("whole", "half"))
    torch.manual_seed(1)
    for _ in range(6):
        whole.train_step()
    torch.manual_seed(1)
    for _ in range(3):
        half.train_step()
    half.folder.mkdir()
    half.save()
    torch.manual_seed(99)
    resumed = Run.resume(half.folder, data, Processes())
    for _ in range(3):
        resumed.train_step()
    for one, other in ((whole.vae, resumed.vae), (whole.objective, resumed.objective)):
        parameters = zip(one.parameters(), other.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in parameters)
    moments = [run.objective.optimiser.state_dict()["state"][0] for run in (whole, resumed)]
    assert torch.equal(moments[0]["exp_avg_sq"], moments[1]["exp_avg_sq"])
    assert moments[1]["step"] == 6


# ---- all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["capacity", "beta-tcvae", "dip-vae-i", "dip-vae-ii"])
def test_other_gradients_agree_with_finite_differences(name):
    q = posterior(rows=4, latents=3)
    objective = OBJECTIVES[name](dataset_size=50, latents=3)
    noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def loss(mean, log_variance):
        moved = Posterior(mean, log_variance)
        return objective(moved, moved.reparameterise(noise), 3)

    assert torch.autograd.gradcheck(loss, (q.mean, q.log_variance))


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_titles_take_the_settings(name):
    assert "{" not in OBJECTIVES[name].titled(settings(OBJECTIVES[name]))
