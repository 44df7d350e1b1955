"""A run of every β becomes a bundle: what it holds, what its card says, its points along β."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from shared import small_celeba
from small_runs import small_config

from betavae import VAE, MultiRateVAE, bundles, cli, metrics
from betavae.bundles.packaging import package
from betavae.bundles.rates import comparable
from betavae.data import CelebA, Shapes2D
from betavae.metrics import rates
from betavae.metrics.faces import evaluate_faces
from betavae.metrics.rates import NAMED, POINTS, grid, rate_point
from betavae.metrics.reconstruction import validate
from betavae.model import WeightsError
from betavae.training.distributed import Processes
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run

BETAS = (0.5, 300.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, its bundle's folder, data folder), and beside the bundle one trained for β = 60."""
    root = tmp_path_factory.mktemp("dial")
    data, validation = small_celeba(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BETAVAE_WEIGHTS", str(root / "weights"))
        kinds = {"single": {"objective_settings": {"beta": 60.0}}, "any-beta": {"betas": BETAS}}
        for name, changes in kinds.items():
            (root / name).mkdir()
            config = small_config(data="celeba", steps=8, learning_rate=3e-3, **changes)
            run = Run(root / name, config, data, Processes())
            train(run, validation, Pace(4, 1e9, 1e9, progress=False))
            package(run.folder, root / "weights" / name, data, validation)
    return run, root / "weights" / "any-beta", root / "data"


@pytest.fixture
def weights(made, monkeypatch) -> Path:
    monkeypatch.setenv("BETAVAE_WEIGHTS", str(made[1].parent))
    return made[1].parent


class TestRoundTrip:
    def test_the_dial_comes_back_to_half_precision(self, made):
        run, folder, _ = made
        bundle = bundles.load(folder)
        assert bundle.title == "β-VAE, any β from 0.5 to 300"
        assert (bundle.dial.betas, bundle.dial.beta) == (BETAS, 4.0)
        for name, value in run.vae.state_dict().items():
            stored = bundle.dial.state_dict()[name]
            torch.testing.assert_close(stored, value, rtol=1e-3, atol=1e-6)
        assert (folder / "model.safetensors").stat().st_size < 4e6

    def test_its_vae_is_that_of_the_beta_it_is_shown_at(self, made):
        bundle = bundles.load(made[1])
        codes = torch.randn(3, 4)
        with torch.no_grad():
            expected = bundle.dial.at(4.0).decode(codes).mean
            assert torch.equal(bundle.vae.decode(codes).mean, expected)

    def test_stored_scores_are_those_of_what_is_stored(self, made):
        _, folder, data = made
        bundle = bundles.load(folder)
        splits = (CelebA(data, split, progress=False) for split in ("train", "validation"))
        again = evaluate_faces(bundle.vae, *splits)["scores"]
        for score in ("psnr", "kl", "ssim"):
            assert again[score] == pytest.approx(bundle.metrics["scores"][score], abs=1e-4)

    def test_read_as_one_vae_it_says_what_it_is(self, made):
        with pytest.raises(WeightsError, match=r"^\S+ holds one network for every β: .*\.$"):
            VAE.from_pretrained(made[1])
        assert MultiRateVAE.from_pretrained(made[1]).betas == BETAS


class TestRates:
    def test_every_point_is_that_betas_own_model(self, made):
        _, folder, data = made
        bundle, validation = bundles.load(folder), CelebA(data, "validation", progress=False)
        points = bundle.metrics["rates"]["points"]
        assert [point["beta"] for point in points] == grid(BETAS)
        for point in points[:: len(points) // 3]:
            found = validate(bundle.dial.at(point["beta"]), validation)
            assert point["kl"] == pytest.approx(found["kl"], abs=1e-3)
            assert sum(point["kl_per_latent"]) == pytest.approx(point["kl"], abs=1e-3)
            assert point["psnr_mean"] == pytest.approx(found["psnr"], abs=1e-3)
            assert point["active_latents"] == found["active_latents"]

    def test_the_loss_is_written_out(self, made):
        """D/2 (1 + log 2πσ²) at σ² = the error of samples, + β KL."""
        for point in bundles.load(made[1]).metrics["rates"]["points"]:
            distortion = 3 * 64 * 64 / 2 * (1 + math.log(2 * math.pi * point["mse_sample"]))
            expected = distortion + point["beta"] * point["kl"]
            assert point["loss"] == pytest.approx(expected, abs=0.1)

    def test_where_the_factors_are_known_each_point_has_their_scores(
        self, small_pools, monkeypatch
    ):
        monkeypatch.setattr(rates, "POINTS", 2)
        shapes, vaes = Shapes2D(), {beta: VAE(channels=1, latents=2).eval() for beta in (1.0, 2.0)}
        held_out = Shapes2D(split="validation")
        held_out.indices = held_out.indices[:8]
        found = rates.evaluate_rates(vaes.get, (1.0, 2.0), held_out, seed=3, source=shapes)
        for point, vae in zip(found["points"], vaes.values(), strict=True):
            scores = metrics.evaluate(lambda x, e=vae.encode: e(x).mean, shapes, ["mig"], 3)
            assert point["mig"] == pytest.approx(scores["mig"]["score"], abs=1e-4)
            assert 0 <= point["beta-vae"] <= 1

    def test_a_posterior_without_variance_has_samples_like_its_means(self, smooth_pictures):
        vae = VAE(latents=3).eval()
        with torch.no_grad():
            vae.encoder[-1].weight[3:], vae.encoder[-1].bias[3:] = 0, -40
        point = rate_point(vae, 1.0, smooth_pictures(8))
        assert point["mse_sample"] == pytest.approx(point["mse_mean"], rel=1e-4)

    def test_the_model_of_one_beta_is_measured_alike(self, made):
        _, folder, data = made
        (single,) = bundles.load(folder).metrics["rates"]["single"]
        assert (single["name"], single["beta"], single["steps"]) == ("single", 60.0, 8)
        validation = CelebA(data, "validation", progress=False)
        vae = VAE.from_pretrained(folder.parent / "single")
        assert single["kl"] == pytest.approx(validate(vae, validation)["kl"], abs=1e-3)
        own = next(p for p in bundles.load(folder).metrics["rates"]["points"] if p["beta"] == 60)
        assert single["dial"] == own

    @pytest.mark.parametrize("betas", [BETAS, (0.5, 64.0), (1.0, 4.0)])
    def test_the_grid_holds_both_ends_and_the_named_betas_between(self, betas):
        found = grid(betas)
        assert found == sorted(set(found)) and (found[0], found[-1]) == betas
        assert {beta for beta in NAMED if betas[0] <= beta <= betas[1]} <= set(found)
        steps = [math.log(b / a) for a, b in itertools.pairwise(found)]
        assert max(steps) < 2 * math.log(betas[1] / betas[0]) / (POINTS - 1) + 0.1


class TestCard:
    def test_says_how_to_load_and_to_train_it(self, made):
        card = (made[1] / "README.md").read_text(encoding="utf-8")
        assert "--beta 4 --betas 0.5 300 " in card
        assert 'MultiRateVAE.from_pretrained("weights/any-beta")' in card
        assert "vae = dial.at(4)" in card

    def test_quotes_the_points_and_the_model_of_one_beta(self, made):
        card = (made[1] / "README.md").read_text(encoding="utf-8")
        rates = json.loads((made[1] / "metrics.json").read_bytes())["rates"]
        for point in rates["points"]:
            row = f"| {point['beta']:g} | {point['kl']:.1f} | {point['active_latents']} | "
            assert (row in card) == (point["beta"] in {*BETAS, *NAMED})
        (single,) = rates["single"]
        assert f"| 60 | `single` | 8 of 8 | {single['kl']:.1f} |" in card
        assert f"{single['dial']['kl'] / single['kl'] - 1:+.1%}" in card

    def test_evaluate_measures_it_again(self, made, weights, capsys):
        before = json.loads((weights / "any-beta" / "metrics.json").read_bytes())
        words = ["evaluate", str(weights / "any-beta"), "--data", str(made[2])]
        assert cli.main(words) == 0
        after = json.loads((weights / "any-beta" / "metrics.json").read_bytes())
        assert after["rates"] == before["rates"]
        assert "active" in capsys.readouterr().out


def test_it_is_compared_with_the_models_that_were_trained_for_one_beta():
    """Grown ones have another training, and a rotated one is the code of one that is there."""
    for data, names in (
        ("celeba", ["celeba-vae", "celeba-beta-vae"]),
        ("shapes2d", ["shapes2d-vae", "shapes2d-beta-vae"]),
    ):
        found = comparable(bundles.load(f"{data}-any-beta").config)
        assert [(folder.name, beta) for folder, beta, _ in found] == [
            (names[0], 1.0),
            (names[1], 250.0 if data == "celeba" else 4.0),
        ]
