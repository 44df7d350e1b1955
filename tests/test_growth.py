"""A code that grows: its parts, the weights it grows from, latents that start afresh, resume."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_runs import QUIET, assert_same, small_config
from torch import nn

from betavae import bundles
from betavae.bundles.card import model_card
from betavae.model import ARCHITECTURES, VAE
from betavae.objectives import OBJECTIVES
from betavae.study.kinds import kind
from betavae.training import checkpoints, growth
from betavae.training.config import learning_rate, log_beta_norm, title
from betavae.training.distributed import Processes
from betavae.training.loop import train
from betavae.training.run import Run
from betavae.training.step import regulariser


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_kl_alone_falls_to_its_own_weight_then_the_objective_takes_turns_with_it():
    config = small_config(growth=100, steps=1000)
    assert growth.kl_weight(config, 0) == pytest.approx(growth.PRESSURE)
    assert growth.kl_weight(config, 50) == pytest.approx(growth.PRESSURE**0.5)
    assert 1 < growth.kl_weight(config, 99) < 1.1
    assert growth.kl_weight(config, 100) is None and growth.kl_weight(config, 199) is None
    assert growth.kl_weight(config, 200) == 1 and growth.kl_weight(config, 299) == 1
    assert growth.kl_weight(config, 300) is None and growth.kl_weight(config, 999) is None
    assert growth.kl_weight(small_config(), 0) is None, "a run that does not grow"


def test_a_falling_weight_ends_at_the_objectives_own():
    config = small_config(
        falling=100, steps=400, objective="beta-vae", objective_settings={"beta": 3.0}
    )
    assert growth.kl_weight(config, 0) == pytest.approx(growth.FALLS_FROM)
    assert growth.kl_weight(config, 50) == pytest.approx((growth.FALLS_FROM * 3) ** 0.5)
    assert 3 < growth.kl_weight(config, 99) < 3.2
    assert growth.kl_weight(config, 100) is None and growth.kl_weight(config, 399) is None
    config = small_config(falling=100, steps=400, objective="beta-tcvae")
    assert growth.kl_weight(config, 50) == pytest.approx(growth.FALLS_FROM**0.5), "to KL itself"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"falling": -1}, "falling is -1"),
        ({"falling": 16}, "none of 16 is left"),
        ({"falling": 4, "growth": 2}, "growth, betas and the objective capacity"),
        (
            {"falling": 4, "objective": "capacity", "objective_settings": {}},
            "growth, betas and the objective capacity",
        ),
    ],
)
def test_what_cannot_fall_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        small_config(steps=16, **changes)


def test_the_learning_rate_warms_up_once_more_for_the_latents_that_start():
    config = small_config(growth=100, steps=1000, warm_up=10, decay="none", learning_rate=1.0)
    rates = [learning_rate(config, step) for step in (0, 9, 199, 200, 204, 209, 300, 400)]
    assert rates == pytest.approx([0.1, 1, 1, 0.1, 0.5, 1, 1, 1])
    config = dataclasses.replace(config, fresh_latents=(1, 2))
    rates = [learning_rate(config, step) for step in (199, 200, 210, 399, 400, 409)]
    assert rates == pytest.approx([1, 0.1, 1, 1, 0.1, 1])


def test_each_part_trains_on_its_own_regulariser(smooth_pictures, tmp_path):
    """KL of the weight that is due, or the objective's value."""
    run = Run(tmp_path, small_config(growth=4, steps=16), smooth_pictures(16), Processes())
    images, noise = run.batch()
    posterior = run.vae.encode(images)
    z, kl = posterior.reparameterise(noise), posterior.kl().sum(1).mean()
    values = []
    for run.step in (1, 5, 8, 12):
        pressure = growth.kl_weight(run.config, run.step)
        value = regulariser(run, run.objective, posterior, z, pressure)
        values.append(value.item() / kl.item())
    assert values == pytest.approx([growth.PRESSURE**0.75, 4, 1, 4], rel=1e-5)


def kept(vae: VAE, signal: torch.Tensor) -> float:
    """What is left of the encoder's signal after its last hidden layer, of that after the first."""
    squares = []
    for module in vae.encoder[:-1]:
        signal = module(signal)
        if isinstance(module, nn.ReLU):
            squares.append(signal.square().mean().item())
    return squares[-1] / squares[0]


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_it_grows_from_weights_that_lose_no_signal_and_an_empty_picture(architecture, random):
    vae = VAE(architecture, 3, 8)
    pictures = (
        torch.rand(64, 3, 64, 64, generator=random) * torch.tensor([0.2, 0.5, 0.9])[:, None, None]
    )
    growth.prepare(vae, pictures, random)
    assert 0.1 < kept(vae, pictures) < 3
    if architecture != "mlp":
        assert kept(VAE(architecture, 3, 8), pictures) < 0.05, "PyTorch's own weights"
    with torch.no_grad():
        kl = vae.encode(pictures).kl().sum(1).mean()
        empty = vae.decode(torch.zeros(1, 8)).mean[0].mean((1, 2))
    assert kl < 0.2, "latents that are hardly spoken"
    torch.testing.assert_close(empty, pictures.mean((0, 2, 3)), atol=1e-3, rtol=0)


def test_silent_latents_start_afresh_and_the_others_stay_as_they_are(random):
    vae = VAE("conv", 1, 4, "bernoulli")
    images = torch.rand(32, 1, 64, 64, generator=random)
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    kl = torch.tensor([2.0, 0.01, 3.0, 0.0499])
    assert growth.start_afresh(vae, kl, random) == [], "none is left silent"
    after = vae.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    head, first = "encoder.11", "decoder.0"
    assert changed == {f"{head}.weight", f"{head}.bias", f"{first}.weight"}
    kept = [0, 2, 4, 6]  # the means' and the log-variances' rows of the active ones
    assert torch.equal(before[f"{head}.weight"][kept], after[f"{head}.weight"][kept])
    assert torch.equal(before[f"{first}.weight"][:, [0, 2]], after[f"{first}.weight"][:, [0, 2]])
    with torch.no_grad():
        posterior = vae.encode(images)
        heard = vae.decode(torch.eye(4)).logits - vae.decode(torch.zeros(1, 4)).logits
    assert torch.allclose(posterior.log_variance[:, [1, 3]], torch.tensor(growth.LOG_VARIANCE))
    assert (posterior.kl().mean(0)[[1, 3]] > 1).all()
    loud = heard.flatten(1).norm(dim=1)
    assert loud[[1, 3]].min() > loud[[0, 2]].max()


def test_no_more_silent_latents_start_afresh_than_are_asked_for(random):
    vae = VAE("conv", 1, 5, "bernoulli")
    before = vae.decoder[0].weight.clone()
    kl = torch.tensor([0.01, 2.0, 0.01, 0.01, 0.01])
    assert growth.start_afresh(vae, kl, random, most=2) == [3, 4]
    changed = (vae.decoder[0].weight != before).any(0)
    assert changed.tolist() == [True, False, True, False, False]


def test_silent_latents_that_do_not_start_afresh_are_closed_to_the_end(smooth_pictures, tmp_path):
    """One of four starts after the fourth step; the run is stopped at the sixth, and goes on."""
    data = smooth_pictures(16)
    run = Run(tmp_path, small_config(growth=2, fresh_latents=(1,)), data, Processes())
    while run.step < 6:
        run.train_step()
    run.save()
    assert len(run.closed) == run.config.latents - 1, "all were silent"
    run = Run.resume(tmp_path, data, Processes())
    while run.step < run.config.steps:
        run.train_step()
    with torch.no_grad():
        posterior = run.vae.eval().encode(data.batch(torch.arange(16)).float() / 255)
    assert (posterior.mean[:, run.closed] == 0).all()
    assert (posterior.log_variance[:, run.closed] == 0).all()
    (fresh,) = set(range(run.config.latents)) - set(run.closed)
    assert posterior.kl()[:, fresh].mean() > 0.05


def test_closed_latents_start_afresh_in_a_later_round(smooth_pictures, tmp_path):
    """One of four after the fourth step, two after the eighth; the last stays closed."""
    config = small_config(growth=2, fresh_latents=(1, 2), steps=10)
    data = smooth_pictures(16)
    run = Run(tmp_path, config, data, Processes())
    closed = []
    while run.step < config.steps:
        run.train_step()
        closed.append(set(run.closed))
    assert [len(latents) for latents in closed] == [0, 0, 0, 3, 3, 3, 3, 1, 1, 1]
    assert closed[-1] < closed[3]
    with torch.no_grad():
        kl = run.vae.eval().encode(data.batch(torch.arange(16)).float() / 255).kl().mean(0)
    assert (kl > 0.05).nonzero().flatten().tolist() == sorted({0, 1, 2, 3} - closed[-1])


def test_nothing_starts_afresh_where_all_are_active(random):
    vae = VAE("conv", 1, 4, "bernoulli")
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    assert growth.start_afresh(vae, torch.ones(4), random) == []
    assert all(torch.equal(before[name], tensor) for name, tensor in vae.state_dict().items())


def test_a_run_resumed_on_either_side_of_the_fresh_start_equals_one_that_was_not_stopped(
    smooth_pictures, tmp_path
):
    """Eight steps; after the fourth, silent latents start afresh."""
    config = small_config(growth=2)
    data, processes = smooth_pictures(16), Processes()
    whole = Run(tmp_path / "whole", config, data, processes)
    (tmp_path / "whole").mkdir()
    pace = dataclasses.replace(QUIET, history_steps=8)
    train(whole, data, pace)
    for stop in (3, 4, 5):
        folder = tmp_path / f"stopped-{stop}"
        folder.mkdir()
        run = Run(folder, config, data, processes)
        while run.step < stop:
            run.train_step()
        run.save()
        train(Run.resume(folder, data, processes), data, pace)
        assert_same(checkpoints.read(folder), checkpoints.read(tmp_path / "whole"))


def test_silent_latents_of_a_run_are_heard_after_the_step_that_is_due(smooth_pictures, tmp_path):
    run = Run(tmp_path, small_config(growth=2), smooth_pictures(16), Processes())
    heads = []
    for _ in range(8):
        run.train_step()
        heads.append(run.vae.encoder[-1].weight[run.config.latents :].abs().sum().item())
    assert heads[3] == 0 and heads[2] > 0, "after step 4 log-variances start from a constant"


def test_it_is_named():
    config = {
        "architecture": "conv",
        "objective": "beta-tcvae",
        "objective_settings": {"beta": 8.0},
        "steps": 16_000,
        "batch_size": 16,
    }
    assert title({**config, "growth": 3000}) == "β-TCVAE (β = 8), grown"
    assert title(config) == OBJECTIVES["beta-tcvae"].titled({"beta": 8.0})
    assert kind({**config, "growth": 3000}) == "conv-beta-tcvae-beta8-growth3000"
    few = {**config, "growth": 3000, "fresh_latents": 2}
    assert title(few) == "β-TCVAE (β = 8), grown by 2"
    assert kind(few) == "conv-beta-tcvae-beta8-growth3000-fresh2"
    assert kind({**few, "fresh_latents": [2]}) == kind(few), "earlier runs have one number"
    twice = {**few, "fresh_latents": [1, 6]}
    assert title(twice) == "β-TCVAE (β = 8), grown by 1, then 6"
    assert kind(twice) == "conv-beta-tcvae-beta8-growth3000-fresh1-6"
    assert kind(config) == kind({**config, "growth": 0}) == "conv-beta-tcvae-beta8"


def test_its_card_says_how_it_grew_and_how_to_do_it_again():
    config = bundles.load("shapes2d-beta-vae").config
    config["training"] = {**config["training"], "growth": 3000}
    card = model_card("shapes2d-beta-vae", config, [], bundles.load("shapes2d-beta-vae").metrics)
    assert "Its code grew" in card and "3,000 steps with the KL divergence alone" in card
    assert " --growth 3000 " in card and "fresh-latents" not in card
    config["training"]["fresh_latents"] = 2
    card = model_card("shapes2d-beta-vae", config, [], bundles.load("shapes2d-beta-vae").metrics)
    assert "at most 2 of the unused latents started again" in card
    assert " --growth 3000 " in card and " --fresh-latents 2 " in card and "more" not in card
    config["training"]["fresh_latents"] = [1, 6]
    card = model_card("shapes2d-beta-vae", config, [], bundles.load("shapes2d-beta-vae").metrics)
    assert "At most 6 more started again at step 12,000." in card
    assert " --fresh-latents 1 6 " in card


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"growth": 3, "steps": 9},
            "Growth in parts of 3 steps takes 9 steps, and none of 9 is left",
        ),
        (
            {"growth": 3, "steps": 12, "fresh_latents": (1, 1)},
            "Growth in parts of 3 steps takes 12 steps, and none of 12 is left",
        ),
        (
            {"fresh_latents": (2,)},
            "fresh_latents is 2; it must be 1 or more, and it is only for runs",
        ),
        ({"growth": 1, "fresh_latents": (1, 0)}, "fresh_latents is 1, 0; it must be 1 or more"),
        ({"growth": -1}, "The growth is -1 steps; it must be 0 or more"),
        (
            {"growth": 2, "objective": "capacity", "objective_settings": {}},
            "capacity lets the code grow already",
        ),
    ],
)
def test_growth_that_cannot_be_is_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        small_config(**changes)
    assert small_config(growth=3, steps=10).growth == 3


def test_a_grown_run_has_no_place_in_the_sweep_over_beta():
    assert log_beta_norm(small_config()) is not None
    assert log_beta_norm(small_config(growth=2)) is None


def test_a_closed_latent_is_the_prior_and_no_other_changes(random):
    vae = VAE("conv", 1, 4, "bernoulli").eval()
    images = torch.rand(8, 1, 64, 64, generator=random)
    with torch.no_grad():
        before = vae.encode(images)
        growth.close(vae, [1, 2])
        after = vae.encode(images)
    assert (after.mean[:, [1, 2]] == 0).all() and (after.log_variance[:, [1, 2]] == 0).all()
    assert torch.equal(before.mean[:, [0, 3]], after.mean[:, [0, 3]])
    assert torch.equal(before.log_variance[:, [0, 3]], after.log_variance[:, [0, 3]])


@pytest.mark.parametrize("falling", [0, 4])
def test_a_run_that_falls_begins_with_them_too(smooth_pictures, tmp_path, falling):
    data = smooth_pictures(16)
    run = Run(tmp_path, small_config(falling=falling), data, Processes())
    with torch.no_grad():
        empty = run.vae.decode(torch.zeros(1, 4)).mean[0].mean((1, 2))
    brightness = data.batch(torch.arange(16)).float().mean((0, 2, 3)) / 255
    assert torch.allclose(empty, brightness, atol=2e-3) == bool(falling)
