"""One training step: its pictures, their order and flips, its gradient and what it moves."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from shared import Pictures

from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.run import Run

PIXELS = 3 * 64 * 64


def make_run(folder, data, **changes) -> Run:
    settings = {"latents": 4, "batch_size": 8, "precision": "fp32", "memory_format": "contiguous"}
    return Run(folder, TrainingConfig(**{**settings, **changes}), data, Processes())


def numbered(count: int) -> Pictures:
    """Picture i is filled with the value i."""
    values = torch.arange(count, dtype=torch.uint8)[:, None, None, None]
    return Pictures(values.expand(-1, 3, 64, 64).clone())


def epoch_order(run: Run, epoch: int) -> list[int]:
    """The numbers of the pictures in the batches of one epoch."""
    size, order = run.config.batch_size, []
    for position in range(len(run.data) // size):
        run.step = epoch * (len(run.data) // size) + position
        images, _ = run.batch()
        order += (images[:, 0, 0, 0] * 255).round().int().tolist()
    return order


class TestOrder:
    def test_is_a_permutation_and_each_epochs_own(self, tmp_path):
        run = make_run(tmp_path, numbered(32))
        orders = [epoch_order(run, epoch) for epoch in range(3)]
        for order in orders:
            assert sorted(order) == list(range(32)) != order
        assert orders[0] != orders[1] != orders[2] != orders[0]

    def test_depends_on_the_seed_and_the_epoch_alone(self, tmp_path):
        """Not on what ran before, on the global generator, or on how large the batches are."""
        order = epoch_order(make_run(tmp_path, numbered(32), seed=3), 2)
        other = make_run(tmp_path, numbered(32), seed=3, batch_size=4)
        epoch_order(other, 7)
        torch.manual_seed(99)
        assert epoch_order(other, 2) == order
        assert epoch_order(make_run(tmp_path, numbered(32), seed=4), 2) != order


class TestFlips:
    @pytest.fixture
    def arrows(self) -> Pictures:
        """Pictures that are white on their left quarter: turned, they are on the right."""
        images = torch.zeros(64, 3, 64, 64, dtype=torch.uint8)
        images[..., :16] = 255
        return Pictures(images)

    @staticmethod
    def mirrored(run: Run, batches: int) -> torch.Tensor:
        flags = []
        for _ in range(batches):
            images, _ = run.batch()
            left, right = images[..., :16].mean((1, 2, 3)), images[..., -16:].mean((1, 2, 3))
            assert torch.equal(left + right, torch.ones(len(images)))  # whole, either way
            flags.append(right == 1)
            run.step += 1
        return torch.cat(flags)

    def test_mirror_half_of_the_pictures(self, arrows, tmp_path):
        flags = self.mirrored(make_run(tmp_path, arrows, batch_size=32), 32)
        deviation = math.sqrt(len(flags)) / 2  # of a binomial count
        assert abs(int(flags.sum()) - len(flags) / 2) < 4 * deviation

    def test_mirror_none_without_flips(self, arrows, tmp_path):
        assert not self.mirrored(make_run(tmp_path, arrows, flips=False), 16).any()


def closed_form(vae, images, noise, beta: float) -> float:
    """The loss in nats a picture, written out: σ² at its optimum is the mean squared error, where
    -log p(x|z) is D/2 (1 + log 2πσ²); the KL divergence is Kingma & Welling's, appendix B."""
    mean, log_variance = vae.encoder(images).chunk(2, dim=1)
    z = mean + (log_variance / 2).exp() * noise
    variance = (images - vae.decoder(z).sigmoid()).square().mean()
    reconstruction = PIXELS / 2 * (1 + (2 * math.pi * variance).log())
    kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
    return (reconstruction + beta * kl).item()


class TestGradient:
    BETA = 30.0

    @pytest.fixture
    def stepped(self, smooth_pictures, tmp_path):
        """(weights before, batch, noise, run after one step)."""
        settings = {"beta": self.BETA}
        run = make_run(
            tmp_path, smooth_pictures(8), objective_settings=settings, flips=False, warm_up=4
        )
        state = run.generator.get_state()
        images, noise = run.batch()
        run.generator.set_state(state)
        before = copy.deepcopy(run.vae)
        run.train_step()
        return before, images, noise, run

    @torch.no_grad()
    def test_agrees_with_finite_differences_of_the_closed_form(self, stepped):
        """In float64, along each parameter's own gradient: there the difference is its length."""
        before, images, noise, run = stepped
        vae, images, noise = before.double(), images.double(), noise.double()
        step = 1e-6
        for (name, parameter), stepped_one in zip(
            vae.named_parameters(), run.vae.parameters(), strict=True
        ):
            gradient = stepped_one.grad.double()
            direction = gradient / gradient.norm()
            losses = []
            for shift in (step, -2 * step):
                parameter += shift * direction
                losses.append(closed_form(vae, images, noise, self.BETA))
            parameter += step * direction
            slope = (losses[0] - losses[1]) / (2 * step)
            assert slope == pytest.approx(gradient.norm().item(), rel=1e-3), name

    def test_moves_each_weight_as_adam_does_at_first(self, stepped):
        """Adam's first step is -rate g / (|g| + 1e-8); of four steps of warm-up this is one."""
        before, _, _, run = stepped
        rate = run.config.learning_rate / 4
        for old, new in zip(before.parameters(), run.vae.parameters(), strict=True):
            expected = old - rate * new.grad / (new.grad.abs() + 1e-8)
            assert torch.allclose(new, expected, rtol=0, atol=rate * 1e-3)
