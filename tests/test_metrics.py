"""Scores with a known answer: reconstruction, attributes, PCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from betavae import VAE
from betavae.metrics import reconstruction
from betavae.metrics.attributes import (
    attribute_latents,
    auroc,
    best_correlated,
    best_latents,
    correlations,
    head_turn,
    picture_statistics,
    readable,
)
from betavae.metrics.faces import evaluate_faces, pca_psnr
from betavae.metrics.reconstruction import psnr, ssim, validate


class Pictures:
    """A data set of given uint8 pictures, with attributes."""

    channels = 3

    def __init__(self, images, attributes=None):
        self.images, self.attributes = images, attributes
        self.attribute_names = [f"Attribute_{i}" for i in range(2)]

    def __len__(self):
        return len(self.images)

    def batch(self, indices):
        return self.images[indices]


def smooth(count, seed=0):
    """uint8 (count, 3, 64, 64): enlarged noise."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(noise, size=64, mode="bilinear") * 255).byte()


class TestReconstruction:
    def test_psnr_of_a_constant_offset(self):
        images = torch.full((2, 3, 64, 64), 0.5)
        assert torch.allclose(psnr(images, images + 0.1), torch.tensor([20.0, 20.0]), atol=1e-4)

    def test_ssim_of_itself_is_one_and_falls_with_noise(self):
        images = smooth(3).float() / 255
        assert torch.allclose(ssim(images, images), torch.ones(3))
        noisy = [images + s * torch.randn_like(images) for s in (0.05, 0.2)]
        assert (ssim(images, noisy[1]) < ssim(images, noisy[0])).all()

    def test_ssim_against_the_definition_window_by_window(self):
        x, y = (smooth(1, seed)[0].double().numpy() / 255 for seed in (1, 2))
        line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
        window = np.outer(line, line) / line.sum() ** 2
        values = []
        for channel in range(3):
            for i in range(54):
                for j in range(54):
                    a, b = (p[channel, i : i + 11, j : j + 11] for p in (x, y))
                    ma, mb = (window * a).sum(), (window * b).sum()
                    va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                    cov = (window * (a - ma) * (b - mb)).sum()
                    values.append(
                        (2 * ma * mb + 1e-4)
                        * (2 * cov + 9e-4)
                        / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
                    )
        ours = ssim(*(torch.from_numpy(p)[None].float() for p in (x, y)))
        assert ours.item() == pytest.approx(np.mean(values), abs=1e-4)

    @pytest.mark.parametrize("training", [True, False])
    def test_validate_is_a_pass_over_everything(self, training, monkeypatch):
        monkeypatch.setattr(reconstruction, "BATCH", 2)
        torch.manual_seed(0)
        vae, data = VAE(latents=4).train(training), Pictures(smooth(5))
        with torch.no_grad():  # untrained, no latent is active: lift the mean of one
            vae.encoder[-1].bias[2] = 1.0
        scores = validate(vae, data)
        assert vae.training == training
        images = data.images.float() / 255
        with torch.no_grad():
            posterior, likelihood = vae(images)
        mse = (likelihood.mean - images).square().mean()
        assert scores["mse"] == pytest.approx(mse.item(), rel=1e-5)
        assert scores["psnr"] == pytest.approx(-10 * mse.log10().item(), rel=1e-5)
        assert scores["kl"] == pytest.approx(posterior.kl().sum(1).mean().item(), rel=1e-4)
        assert scores["reconstruction"] == pytest.approx(
            -likelihood.log_prob(images).mean().item(), rel=1e-5
        )
        pairs = zip(images, likelihood.mean, strict=True)
        decibels = [-10 * (a - b).square().mean().log10().item() for a, b in pairs]
        assert scores["psnr_per_picture"] == pytest.approx(np.mean(decibels), rel=1e-5)
        assert scores["active_latents"] == 1


class TestAttributes:
    def test_correlations_are_pearsons(self):
        generator = torch.Generator().manual_seed(0)
        codes, values = (torch.randn(50, n, generator=generator) for n in (3, 2))
        codes[:, 2] = 7.0  # does not vary
        matrix = correlations(codes, values)
        exact = np.corrcoef(codes[:, :2].T, values.T)[:2, 2:]
        assert np.allclose(matrix[:2], exact, atol=1e-5)
        assert torch.equal(matrix[2], torch.zeros(2))

    def test_auroc_with_ties_and_one_class(self):
        generator = torch.Generator().manual_seed(0)
        codes = torch.randint(0, 6, (80, 3), generator=generator).float()  # many ties
        attributes = torch.rand(80, 2, generator=generator) < 0.3
        area = auroc(codes, torch.cat([attributes, torch.ones(80, 1, dtype=bool)], dim=1))
        for latent in range(3):
            for k in range(2):
                exact = roc_auc_score(attributes[:, k], codes[:, latent])
                assert area[latent, k].item() == pytest.approx(exact, abs=1e-6)
        assert torch.equal(area[:, 2], torch.full((3,), 0.5))

    def test_best_latent_in_either_direction(self):
        attribute = torch.arange(40) % 2 == 0
        codes = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
        codes[:, 1] = -attribute.float()
        found = best_latents(codes, attribute[:, None], ["smiling"])
        area = auroc(codes, attribute[:, None])[:, 0]
        second = max(max(a, 1 - a) for a in (area[0].item(), area[2].item()))
        assert found["smiling"] == {
            "latent": 1,
            "auroc": 1.0,
            "lead": pytest.approx(1 - second, abs=1e-4),
        }
        alone = best_latents(codes[:, 1:2], attribute[:, None], ["smiling"])
        assert alone["smiling"] == {"latent": 0, "auroc": 1.0, "lead": 0.5}

    def test_a_latent_stands_for_an_attribute_that_no_other_tells(self):
        generator = torch.Generator().manual_seed(0)
        attributes = torch.rand(4000, 3, generator=generator) < 0.5
        noise = torch.randn(4000, 3, generator=generator)
        codes = torch.stack(
            [
                attributes[:, 0] + noise[:, 0],  # alone with the first attribute
                attributes[:, 1] + noise[:, 1],  # two that share the second
                attributes[:, 1] + noise[:, 2],
            ],
            dim=1,
        )  # and nothing tells the third
        assert attribute_latents(best_latents(codes, attributes, ["a", "b", "c"])) == [0]
        turned = torch.stack([codes[:, 0] + codes[:, 1], codes[:, 0] - codes[:, 1]], dim=1)
        assert attribute_latents(best_latents(turned, attributes, ["a", "b", "c"])) == []

    def test_a_statistic_has_a_latent_of_its_own_by_correlation(self):
        generator = torch.Generator().manual_seed(0)
        codes = torch.randn(4000, 3, generator=generator)
        noise = torch.randn(4000, generator=generator)
        values = torch.stack([-codes[:, 1] + 0.5 * noise, codes[:, 0] + codes[:, 2], noise], dim=1)
        found = best_correlated(codes, values, ["own", "shared", "none"])
        assert found["own"]["latent"] == 1
        assert found["own"]["correlation"] == pytest.approx(-1 / 1.25**0.5, abs=0.02)
        assert found["own"]["lead"] == pytest.approx(1 / 1.25**0.5, abs=0.05)
        assert abs(found["shared"]["correlation"]) > 0.65 and found["shared"]["lead"] < 0.05
        assert attribute_latents(found) == [1]
        attribute = {"a": {"latent": 0, "auroc": 0.7, "lead": 0.1}}
        assert attribute_latents(attribute, found) == [0, 1]
        assert attribute_latents(attribute, found, stricter=(0.06, 0)) == [1]
        assert attribute_latents(attribute, found, stricter=(0, 0.08)) == [1]

    def test_picture_statistics_of_drawn_pictures(self):
        images = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
        images[0, :, :, :32] = 255  # lit from the left
        images[1, 0] = 255  # red all over
        images[2, :, :48, :8] = images[2, :, :48, -8:] = 255  # bright behind the head
        brightness, background, warm, left, at_left, at_right, skin = picture_statistics(images).T
        assert torch.allclose(left, torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)
        assert torch.allclose(warm, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
        assert torch.allclose(background, torch.tensor([0.5, 1 / 3, 1.0]), atol=1e-6)
        assert torch.allclose(brightness, torch.tensor([0.5, 1 / 3, 0.1875]), atol=1e-6)
        assert torch.allclose(at_left, torch.tensor([1.0, 1 / 3, 1.0]), atol=1e-6)
        assert torch.allclose(at_right, torch.tensor([0.0, 1 / 3, 1.0]), atol=1e-6)
        assert torch.allclose(skin[1:], torch.tensor([0.299, 0.0]), atol=1e-6)

    def test_head_turn_in_eye_distances(self):
        frontal = torch.tensor([[10.0, 0], [30, 0], [20, 10], [12, 20], [28, 20]])
        turned = frontal.clone()
        turned[2, 0] = 25
        lost = torch.full((5, 2), torch.nan)
        assert torch.allclose(
            head_turn(torch.stack([frontal, turned, lost])), torch.tensor([0.0, 0.25, 0.125])
        )

    def test_names_for_people(self):
        assert readable("Mouth_Slightly_Open") == "mouth slightly open"
        assert readable("5_o_Clock_Shadow") == "5 o'clock shadow"


class TestFaces:
    def test_pca_of_low_rank_pictures(self):
        generator = torch.Generator().manual_seed(0)
        basis = smooth(4, seed=5).flatten(1).float()
        weights = torch.rand(60, 4, generator=generator)
        weights = weights / weights.sum(1, keepdim=True)
        images = (weights @ basis).round().byte().view(60, 3, 64, 64)
        training, validation = images[:50], images[50:]
        assert pca_psnr(training, validation, 3) > 50  # four weights that sum to one: three axes
        assert pca_psnr(training, validation, 1) < 40

    def test_scores_are_deterministic_and_complete(self):
        torch.manual_seed(0)
        vae = VAE(latents=4)
        attributes = torch.rand(30, 2) < 0.5
        training, validation = Pictures(smooth(40)), Pictures(smooth(30, 1), attributes)
        one = evaluate_faces(vae, training, validation)
        torch.manual_seed(99)  # nobody else's draws may show in a score
        assert evaluate_faces(vae, training, validation) == one
        assert set(one["attributes"]) == {"attribute 0", "attribute 1"}
        same = validate(vae, validation)
        for name in one["scores"].keys() & same.keys():
            assert one["scores"][name] == pytest.approx(same[name], rel=1e-4, abs=1e-5), name
        assert {"psnr", "psnr_per_picture", "mse", "kl"} <= one["scores"].keys() & same.keys()
        images = validation.images.float() / 255
        with torch.no_grad():
            likeness = ssim(images, vae(images)[1].mean).mean().item()
        assert one["scores"]["ssim"] == pytest.approx(likeness, abs=1e-4)
        assert one["scores"]["elbo"] == pytest.approx(
            -one["scores"]["reconstruction"] - one["scores"]["kl"], rel=1e-4
        )
