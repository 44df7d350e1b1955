"""One network for every β: its gates, its training, and the VAE that it is at each β."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from small_runs import assert_same, command, small_config, start, wait_for_history
from torch import nn

from betavae import VAE, MultiRateVAE, cli
from betavae.model import WeightsError
from betavae.objectives.beta_vae import BetaVAE
from betavae.objectives.every_beta import draw_betas
from betavae.training import checkpoints
from betavae.training.config import BETAS_A_STEP, WIDENING, TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.monitor import history_row
from betavae.training.run import Run

BETAS = (0.5, 300.0)
KINDS = [("conv", 3, 4, "gaussian"), ("conv-wide", 3, 4, "gaussian"), ("mlp", 1, 3, "bernoulli")]


def some_dial(kind=KINDS[0], seed: int = 0) -> MultiRateVAE:
    """One whose gates have gone somewhere, each channel's its own way."""
    torch.manual_seed(seed)
    dial = MultiRateVAE(*kind, BETAS)
    with torch.no_grad():
        for name, parameter in dial.named_parameters():
            if name.startswith(("gates", "heard")):
                parameter.normal_(0, 0.1)
            if name.startswith("leans"):
                parameter.normal_(0, 0.01)
        dial.scales.uniform_(0.05, 0.2)
    return dial


def gated(dial: MultiRateVAE, part: nn.Sequential, prefix: str, x: torch.Tensor, beta: float):
    """The network with its gates where the paper has them: after each layer's affine map."""
    s = dial.place(beta)
    for index, layer in enumerate(part):
        before, x = x, layer(x)
        if f"{prefix}_{index}" in dial.leans:
            leaning = copy.deepcopy(layer)
            leaning.weight.copy_(s * dial.leans[f"{prefix}_{index}"])
            leaning.bias.zero_()
            x = x + leaning(before)
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            gate = dial.gates[f"{prefix}_{index}"]
            shape = (1, -1) + (1,) * (x.dim() - 2)
            x = x * gate.strength(s).view(shape) + (s * gate.shift).view(shape)
    return x


class TestAt:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
    @torch.no_grad()
    def test_is_an_ordinary_vae_that_gives_what_the_gated_layers_give(self, kind):
        dial, x = some_dial(kind), torch.rand(3, kind[1], 64, 64)
        for beta in (0.5, 7.0, 300.0):
            vae = dial.at(beta)
            assert type(vae) is VAE and not vae.training
            mean, log_variance = gated(dial, dial.vae.encoder, "encoder", x, beta).chunk(2, 1)
            posterior = vae.encode(x)
            torch.testing.assert_close(posterior.mean, mean, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(posterior.log_variance, log_variance, rtol=1e-4, atol=1e-5)
            z = torch.randn(3, kind[2])
            heard = z * dial.heard.strength(dial.place(beta))
            raw = gated(dial, dial.vae.decoder, "decoder", heard, beta)
            found = vae.decode(z).mean
            torch.testing.assert_close(found, raw.sigmoid(), rtol=1e-4, atol=1e-5)

    def test_has_weights_of_its_own(self):
        dial = some_dial()
        before = dial.at(4.0).state_dict()
        with torch.no_grad():
            for parameter in dial.at(4.0).parameters():
                parameter.zero_()
        assert all(torch.equal(v, before[k]) for k, v in dial.at(4.0).state_dict().items())

    def test_knows_its_range(self):
        dial = some_dial()
        assert dial.betas == BETAS
        assert (dial.place(0.5), dial.place(300.0)) == (0, 1)
        assert dial.place(math.sqrt(150)) == pytest.approx(0.5)
        for beta in (0.4, 301.0, 0.0, -1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=r"trained for 0\.5 to 300"):
                dial.at(beta)

    @pytest.mark.parametrize(
        ("betas", "beta"),
        [((0.0, 4.0), 2.0), ((4.0, 4.0), 4.0), ((9.0, 4.0), 5.0), ((1.0, 4.0), 5.0)],
    )
    def test_a_range_that_is_none_is_refused_in_one_sentence(self, betas, beta):
        with pytest.raises(ValueError, match=r"^betas? is [^.]*\.$|must"):
            MultiRateVAE(latents=2, betas=betas, beta=beta)

    def test_the_scale_is_what_it_was_given_at_each_beta(self):
        """A likelihood whose error grows with β, seen often, is known at the βs between too."""
        dial = MultiRateVAE("conv", 3, 2, "gaussian", BETAS)
        generator = torch.Generator().manual_seed(0)
        images = torch.full((1, 3, 64, 64), 0.5)
        for beta in draw_betas(BETAS, 4000, generator):
            likelihood = dial.vae.likelihood(torch.zeros(1, 3, 64, 64))
            error = 0.1 + 0.02 * math.log(beta)
            fitted = dial.fit(likelihood, images + error, beta)
            assert fitted.scale.item() == pytest.approx(error, rel=1e-4)
        for beta in (0.7, 3.0, 40.0, 200.0):
            expected = 0.1 + 0.02 * math.log(beta)
            assert dial.at(beta).likelihood.scale.item() == pytest.approx(expected, rel=0.02)


class TestGates:
    def test_are_monotone_in_beta_and_between_0_and_2(self):
        dial = some_dial()
        places = torch.linspace(0, 1, 41).tolist()
        for gate in (*dial.gates.values(), dial.heard):
            strengths = torch.stack([gate.strength(s) for s in places])
            assert bool((strengths >= 0).all()) and bool((strengths <= 2).all())
            moves = strengths.diff(dim=0)
            assert bool(((moves >= 0).all(0) | (moves <= 0).all(0)).all())
            assert bool((strengths[-1] != 1).all()), "each has moved"
            assert bool((strengths[0] == 1).all()), "and none at the lowest β"

    def test_are_open_before_training(self):
        dial = MultiRateVAE(latents=3)
        for beta in BETAS:
            for name, value in dial.at(beta).state_dict().items():
                if name != "likelihood.scale":
                    assert torch.equal(value, dial.vae.state_dict()[name])

    def test_can_silence_one_latent_alone(self):
        """With its gates shut, q(z_l|x) is the prior, and the decoder does not hear z_l."""
        dial = some_dial()
        head = dial.gates["encoder_11"]
        with torch.no_grad():
            for gate, rows in ((head, (1, 5)), (dial.heard, (1,))):
                for row in rows:
                    gate.slope[row], gate.bend[row] = 4.0, 0.0
            head.shift.zero_()
        x = torch.rand(4, 3, 64, 64)
        quiet, loud = (dial.at(beta).encode(x).kl().mean(0) for beta in (300.0, 0.5))
        assert quiet[1] < 1e-6 < quiet[[0, 2, 3]].min() and loud[1] > 1e-4
        z = torch.randn(1, 4)
        moved = z + torch.tensor([0.0, 3.0, 0.0, 0.0])
        one, other = (dial.at(300.0).decode(codes).mean for codes in (z, moved))
        assert (one - other).abs().max() < 1e-5


class TestDraws:
    def test_are_log_uniform_over_the_whole_range(self):
        generator = torch.Generator().manual_seed(0)
        drawn = torch.tensor([draw_betas(BETAS, 4, generator) for _ in range(4000)])
        places = (drawn / BETAS[0]).log() / math.log(BETAS[1] / BETAS[0])
        assert bool((places >= 0).all()) and bool((places <= 1).all())
        counts = torch.histc(places, 20, 0, 1) / places.numel()
        assert (counts - 1 / 20).abs().max() < 0.006  # 4 standard deviations of a count

    def test_each_step_has_one_of_each_part(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(20):
            drawn = draw_betas((1.0, 16.0), 4, generator)
            assert [math.floor(math.log2(beta)) for beta in drawn] == [0, 1, 2, 3]


def dial_config(**changes) -> TrainingConfig:
    return small_config(**{"betas": BETAS, **changes})


class TestTraining:
    def test_at_a_fixed_beta_the_gradient_is_that_of_beta_vae(self, smooth_pictures):
        """With open gates the shared weights are the VAE's, and so must their gradients be."""
        beta, images = 30.0, smooth_pictures(8).batch(torch.arange(8)).float() / 255
        noise = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
        torch.manual_seed(0)
        dial = MultiRateVAE("conv", 3, 4, "gaussian", BETAS)
        alone = VAE("conv", 3, 4, "gaussian")
        alone.load_state_dict(dial.vae.state_dict())

        def loss(posterior, likelihood):
            kl = BetaVAE(beta=beta)(posterior, posterior.mean, 0)
            return kl - likelihood.log_prob(images).mean()

        posterior, likelihood = alone(images, noise)
        loss(posterior, alone.likelihood.fit(likelihood, images)).backward()
        posterior, likelihood = dial(images, noise, beta)
        loss(posterior, dial.fit(likelihood, images, beta)).backward()
        for (name, one), other in zip(alone.named_parameters(), dial.vae.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-4, msg=name)

    def test_a_step_is_the_mean_over_its_betas(self, smooth_pictures, tmp_path):
        """The gradients of a step, against the objective written out over the step's own βs."""
        run = Run(tmp_path, dial_config(flips=False, steps=20), smooth_pictures(8), Processes())
        state = run.generator.get_state()
        images, noise = run.batch()
        share = 1 / (WIDENING * run.config.steps)
        betas = draw_betas(BETAS, BETAS_A_STEP, run.generator, share)
        run.generator.set_state(state)
        assert max(betas) < 20, "the range has only begun to widen"
        dial = MultiRateVAE(run.config.architecture, 3, 4, "gaussian", BETAS)
        dial.load_state_dict(run.vae.state_dict())
        losses = []
        shares = zip(images.split(2), noise.split(2), betas, strict=True)
        for some, its_noise, beta in shares:
            posterior, likelihood = dial(some, its_noise, beta)
            squares = (likelihood.mean - some).square().mean()
            losses.append(3 * 64 * 64 / 2 * squares.log() + beta * posterior.kl().sum(1).mean())
        torch.stack(losses).mean().backward()
        run.train_step()
        for (name, one), other in zip(run.vae.named_parameters(), dial.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-3, msg=name)
        own = [p for name, p in run.vae.named_parameters() if not name.startswith("vae")]
        assert all(bool(p.grad.abs().sum() > 0) for p in own), "every gate and lean is trained"

    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_resumes_exactly(self, precision, smooth_pictures, tmp_path):
        data = smooth_pictures(24)
        whole = Run(tmp_path, dial_config(precision=precision), data, Processes())
        for _ in range(3):
            whole.train_step()
        whole.save()
        resumed = Run.resume(tmp_path, data, Processes())
        assert resumed.config == whole.config and resumed.config.betas == BETAS
        states = []
        for run in (whole, resumed):
            for _ in range(3):
                run.train_step()
            run.history.append(history_row(run, data))
            run.save()
            states.append(checkpoints.read(tmp_path))
        assert_same(*states)

    @pytest.mark.slow
    def test_after_sigkill_equals_no_interruption(self, picture_folder, tmp_path):
        torch.set_num_threads(1)  # as in the process that is killed: sums round otherwise
        words = ("--betas", "0.5", "300", "--steps", "10")
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        assert cli.main(command(picture_folder, whole, *words)) == 0
        process = start(command(picture_folder, killed, *words))
        wait_for_history(killed, process)
        process.kill()
        process.wait()
        assert 5 <= checkpoints.read(killed)["step"] < 10
        assert cli.main(command(picture_folder, killed, *words, "--resume")) == 0
        assert_same(checkpoints.read(killed), checkpoints.read(whole))


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"objective": "beta-tcvae", "objective_settings": {}}, "is for the objective beta"),
            ({"growth": 2, "steps": 100}, "without growth"),
            ({"betas": (1.0,)}, "a lowest and a highest"),
            ({"betas": (5.0, 300.0)}, "beta is 4; it must lie in betas"),
            ({"betas": (0.0, 300.0)}, "from above 0"),
            ({"batch_size": 6}, "a multiple of 4"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_nothing_can_be_trained_with_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said):
            dial_config(**changes)

    def test_takes_the_range_as_json_gives_it(self):
        assert dial_config(betas=[0.5, 300.0]) == dial_config()


class TestPretrained:
    def test_comes_back_as_it_was(self, tmp_path: Path):
        dial = some_dial()
        dial.save_pretrained(tmp_path)
        loaded = MultiRateVAE.from_pretrained(tmp_path)
        assert not loaded.training and (loaded.betas, loaded.beta) == (dial.betas, dial.beta)
        for name, value in dial.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], value)

    def test_an_ordinary_vaes_weights_are_refused(self, tmp_path):
        VAE(latents=4).save_pretrained(tmp_path)
        with pytest.raises(WeightsError, match="do not fit"):
            MultiRateVAE.from_pretrained(tmp_path)
