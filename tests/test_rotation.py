"""A code on other axes: what is sought, the change, and the bundle."""

from __future__ import annotations

import pytest
import torch
from shared import Pictures, small_celeba

from betavae import bundles, cli
from betavae.bundles import rotated
from betavae.bundles.training_card import special_training
from betavae.model import VAE, rotation


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def a_rotation(size: int, random: torch.Generator) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=random)).Q


def four_places(random: torch.Generator) -> torch.Tensor:
    """Loadings (3, 64, 4): each latent changes a quarter of the picture."""
    own = torch.zeros(3, 64, 4)
    for latent in range(4):
        quarter = slice(16 * latent, 16 * (latent + 1))
        own[:, quarter, latent] = torch.randn(3, 16, generator=random)
    return own


def is_a_permutation(matrix: torch.Tensor) -> bool:
    """But for signs, and to a hundredth."""
    return torch.allclose(matrix.abs().round(), matrix.abs(), atol=0.05)


class TestSought:
    def test_latents_with_a_place_each_are_found_again(self, random):
        own, mixing = four_places(random), a_rotation(4, random)
        silent = torch.zeros(10, 4)  # whose tails are the same from all sides
        best, *_ = rotation.rotations(own @ mixing.T, silent, starts=4)
        assert is_a_permutation(best @ mixing) and not is_a_permutation(mixing)

    def test_latents_that_are_mostly_near_one_value_are_found_again(self, random):
        """Glasses, say, which one face in ten has; here none of them changes any picture."""
        mixing = a_rotation(4, random)
        has = (torch.rand(5000, 4, generator=random) < 0.1).float()
        codes = has + 0.1 * torch.randn(5000, 4, generator=random)
        codes = (codes - codes.mean(0)) / codes.std(0)
        best, *_ = rotation.rotations(torch.zeros(3, 64, 4), codes @ mixing.T, starts=4)
        assert is_a_permutation(best @ mixing)

    def test_a_colour_is_no_place(self):
        """Two colours of one place have one energy, however two latents mix them."""
        of = torch.eye(2)[:, None]  # (2 channels, 1 place, 2 latents)
        turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
        assert rotation.places(of @ turn.T).item() == pytest.approx(rotation.places(of).item())

    def test_kurtosis_of_known_distributions(self, random):
        """Excess kurtosis: of a normal 0, of a uniform -1.2, of a Laplace 3; squared and summed."""
        exponential = -torch.rand(400_000, generator=random).clamp_min(1e-7).log()
        laplace = exponential * torch.randn(400_000, generator=random).sign()
        uniform = torch.rand(400_000, generator=random) - 0.5
        normal = torch.randn(400_000, generator=random)
        found = rotation.tails(torch.stack([normal, uniform, laplace], dim=1).double())
        assert found.item() == pytest.approx(1.44 + 9, rel=0.05)

    def test_ends_are_rotations_and_no_small_turn_is_better(self, random):
        of = torch.randn(3, 40, 6, generator=random, dtype=torch.float64) ** 3
        codes = torch.randn(2000, 6, generator=random, dtype=torch.float64) ** 3
        ends = rotation.rotations(of, codes, starts=3)
        assert len(ends) == 3
        codes -= codes.mean(0)

        for end in (end.double() for end in ends):
            torch.testing.assert_close(end @ end.T, torch.eye(6).double(), atol=1e-5, rtol=0)
        best = ends[0].double().requires_grad_()
        heights = rotation.places(of @ best.T), rotation.tails(codes @ best.T)
        slopes = [torch.autograd.grad(height, best)[0] for height in heights]
        # Along the sphere of rotations the two slopes point apart: neither rises without the other.
        tangents = [slope @ best.T - best @ slope.T for slope in slopes]
        cosine = torch.nn.functional.cosine_similarity(*(t.flatten() for t in tangents), dim=0)
        assert cosine.item() < -0.99

    def test_loadings_are_the_decoders_differences(self, random):
        vae, codes = VAE("conv", 3, 3).eval(), torch.randn(5, 3, generator=random)
        found = rotation.loadings(vae, codes)
        step = torch.tensor([0, rotation.STEP, 0])
        with torch.no_grad():
            change = vae.decode(codes + step).mean - vae.decode(codes - step).mean
        block = change[:, 1, 8:16, 16:24].mean() / (2 * rotation.STEP)  # green, row 1, column 2
        assert found.shape == (3, 64, 3)
        assert found[1, 8 + 2, 1].item() == pytest.approx(block.item(), rel=1e-4, abs=1e-8)


class TestRotate:
    def test_it_changes_no_picture_of_a_mean(self, random):
        torch.manual_seed(0)
        vae, images = VAE("conv", 3, 6).eval(), torch.rand(8, 3, 64, 64, generator=random)
        turn = a_rotation(6, random)
        with torch.no_grad():
            before, made = vae.encode(images), vae(images)[1].mean
            rotation.rotate(vae, turn, before.log_variance)
            after, again = vae.encode(images), vae(images)[1].mean
        torch.testing.assert_close(after.mean, before.mean @ turn.T, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(again, made, atol=1e-5, rtol=0)

    def test_the_noise_is_as_wide_as_it_was(self, random):
        """Each latent's variance is the rotated covariance's; here it hardly varies by picture."""
        torch.manual_seed(0)
        vae, images = VAE("conv", 3, 6).eval(), torch.rand(200, 3, 64, 64, generator=random)
        turn = a_rotation(6, random)
        with torch.no_grad():
            vae.encoder[-1].bias[6:] = torch.linspace(-4, 0, 6)
            before = vae.encode(images)
            rotation.rotate(vae, turn, before.log_variance)
            after = vae.encode(images)
        covariance = turn @ torch.diag_embed(before.log_variance.exp()) @ turn.T
        expected = covariance.diagonal(dim1=1, dim2=2).log()
        torch.testing.assert_close(after.log_variance, expected, atol=0.01, rtol=0)


class TestBundle:
    def test_served_faces_are_those_of_the_model_it_was(self):
        """Every stored face: code by the rotation, picture and sharp picture as they were."""
        made = [name for name in bundles.names() if name.endswith("-rotated")]
        assert made
        for name in made:
            new = bundles.load(name)
            old = bundles.load(new.config["rotated"]["of"])
            scale = old.codes.std()
            turn = torch.linalg.lstsq(old.codes, new.codes).solution
            torch.testing.assert_close(turn.T @ turn, torch.eye(len(turn)), atol=0.01, rtol=0)
            assert (old.codes @ turn - new.codes).abs().max() < 1e-3 * scale
            with torch.no_grad():
                pictures = [one.vae.decode(one.codes[:16]).mean for one in (old, new)]
                torch.testing.assert_close(*pictures, atol=1e-3, rtol=0)
                sharp = [one.renderer(one.codes[:4], one.details[:4]) for one in (old, new)]
                torch.testing.assert_close(*sharp, atol=5e-3, rtol=0)
            assert new.metrics["scores"]["psnr"] == pytest.approx(
                old.metrics["scores"]["psnr"], abs=0.01
            )
            tracked = [one.metrics["scores"]["attribute_latents"] for one in (old, new)]
            assert tracked[1] > tracked[0]

    def test_one_is_made_by_the_command(self, tmp_path, monkeypatch):
        """From training to the card; of several rotations the attributes choose one."""
        monkeypatch.setattr(rotated, "ROTATIONS", 3)
        monkeypatch.setattr(rotated, "ACTIVE_NATS", 0)  # none is active after so few steps
        monkeypatch.setattr("betavae.bundles.latents.find_landmarks", lambda picture: None)
        small_celeba(tmp_path / "faces")
        data = ["--data", str(tmp_path / "faces")]
        words = ["train", "celeba", *data, "--to", str(tmp_path / "run"), "--precision", "fp32"]
        words += ["--steps", "20", "--batch-size", "8", "--latents", "4", "--objective", "vae"]
        plain, turned = tmp_path / "plain", tmp_path / "turned"
        assert cli.main(words) == 0
        assert cli.main(["publish", str(tmp_path / "run"), *data, "--to", str(plain)]) == 0
        assert cli.main(["rotate", str(plain), *data, "--to", str(turned)]) == 0
        old, new = bundles.load(plain), bundles.load(turned)
        assert new.title == "Rotated VAE (β = 1)" and new.config["training"]["steps"] == 20
        said = new.config["rotated"]
        assert said["of"] == "plain" and len(said["attribute_latents"]) == said["rotations"] == 3
        assert said["attribute_latents"][said["chosen"]] == max(said["attribute_latents"])
        with torch.no_grad():
            pictures = [one.vae.decode(one.codes).mean for one in (old, new)]
        torch.testing.assert_close(*pictures, atol=1e-4, rtol=0)
        card = (turned / "README.md").read_text(encoding="utf-8")
        assert "it is the code of [`plain`](../plain) on other axes" in card
        assert "there labels do choose" in card
        said["attribute_latents"] = None  # as of pictures without attributes
        assert special_training(new.config).endswith("the one was taken that does this best.")
        assert "rotate weights/plain --data DATA --to weights/turned" in card

    def test_one_active_latent_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(rotated, "ACTIVE_NATS", 1e9)
        faces = Pictures(torch.zeros(4, 1, 64, 64, dtype=torch.uint8))
        with pytest.raises(ValueError, match="shapes2d-vae has fewer than two active latents"):
            rotated.rotate_bundle(bundles.load("shapes2d-vae"), tmp_path / "made", faces, faces)

    def test_what_has_no_straight_axes_is_refused(self, tmp_path):
        for name in ("shapes2d-beta-tcvae-polar", "shapes2d-any-beta"):
            with pytest.raises(ValueError, match=f"{name} cannot be rotated"):
                rotated.rotate_bundle(bundles.load(name), tmp_path / "made", None, None)
        assert not (tmp_path / "made").exists()
