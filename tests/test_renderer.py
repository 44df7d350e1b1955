"""The renderer: its API, its terms against closed forms, its file."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from betavae import Renderer, bundles
from betavae.model import VAE, WeightsError
from betavae.model.pretrained import digest
from betavae.renderer import Discriminator, loading, terms

NAME = loading.NAME


@pytest.fixture
def renderer() -> Renderer:
    """Untrained, for a VAE of 5 latents; the last layer's weights are not small, so that what is
    drawn depends on everything."""
    torch.manual_seed(0)
    renderer = Renderer(VAE("conv", 3, 5)).eval()
    torch.nn.init.normal_(renderer.painter.add.weight, std=0.2)
    renderer.known.normal_()
    return renderer


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


class TestDrawing:
    @torch.no_grad()
    def test_shapes_and_ranges(self, renderer, images):
        codes = renderer.vae.encode(images).mean
        details = renderer.details(images, codes)
        assert details.mean.shape == details.log_variance.shape == (4, renderer.detail_size)
        pictures = renderer(codes, details.sample(torch.Generator().manual_seed(0)))
        assert pictures.shape == (4, 3, 64, 64)
        assert 0 <= pictures.min() < pictures.max() <= 1

    @torch.no_grad()
    def test_own_details_are_a_draw_of_their_posterior_nearer_to_its_mean(self, renderer, images):
        codes = renderer.vae.encode(images).mean
        posterior = renderer.details(images, codes)
        noise = torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(3))
        expected = posterior.mean + 0.75 * (posterior.log_variance / 2).exp() * noise
        found = renderer.own_details(images, codes, torch.Generator().manual_seed(3))
        assert torch.allclose(found, expected, atol=1e-5)
        one, again = (renderer.own_details(images, codes) for _ in range(2))
        assert torch.equal(one, again) and not torch.allclose(one, found, atol=0.1)

    @torch.no_grad()
    def test_details_are_drawn_by_the_generator_from_those_that_are_known(self, renderer):
        codes = torch.randn(3, 5)
        one, same, other = (
            renderer(codes, None, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)
        )
        assert torch.equal(one, same) and not torch.equal(one, other)
        known = len(renderer.known)
        drawn = torch.randint(known, (3,), generator=torch.Generator().manual_seed(7))
        assert torch.equal(one, renderer(codes, renderer.known[drawn]))

    @torch.no_grad()
    def test_it_remembers_the_details_of_pictures_again_and_again_where_they_are_few(
        self, renderer
    ):
        images = torch.rand(70, 3, 64, 64)
        renderer.remember(images)
        generator, details = torch.Generator().manual_seed(0), []
        for some in images.split(64):
            posterior = renderer.details(some, renderer.vae.encode(some).mean)
            noise = torch.randn(posterior.mean.shape, generator=generator)
            details.append(posterior.mean + 0.4 * (posterior.log_variance / 2).exp() * noise)
        assert torch.allclose(renderer.known[:70], torch.cat(details), atol=1e-5)
        assert torch.equal(renderer.known[70:140], renderer.known[:70])
        assert torch.equal(renderer.known[-1], renderer.known[(len(renderer.known) - 1) % 70])

    @torch.no_grad()
    def test_a_picture_is_the_same_alone_and_in_a_batch(self, renderer):
        codes, details = torch.randn(4, 5), torch.randn(4, renderer.detail_size)
        alone = torch.cat([renderer(c[None], s[None]) for c, s in zip(codes, details, strict=True)])
        assert torch.allclose(renderer(codes, details), alone, atol=1e-5)

    @torch.no_grad()
    def test_what_is_added_to_the_plain_picture_starts_near_nothing(self):
        torch.manual_seed(0)
        renderer, codes = Renderer(VAE("conv", 3, 5)), torch.randn(8, 5)
        added = renderer(codes) - renderer.vae.decode(codes).mean
        assert added.abs().mean() < 0.05

    @torch.no_grad()
    def test_a_detail_changes_its_own_place_most(self, renderer):
        """Details lie on a grid: where one is changed, the picture changes."""
        codes, details = torch.randn(1, 5), torch.zeros(1, renderer.detail_size)
        moved = details.unflatten(1, (renderer.painter.channels, 8, 8)).clone()
        moved[:, :, 1, 6] = 5
        change = (renderer(codes, moved.flatten(1)) - renderer(codes, details)).abs().mean(1)[0]
        near = change[4:20, 44:60].mean()  # around the place's own pixels, 8 to 15 and 48 to 55
        assert near > 2 * change[40:, :24].mean()


class TestFrozen:
    def test_only_the_renderers_own_weights_are_its_own(self, renderer):
        names = renderer.own_state().keys()
        assert names and not any(name.startswith("vae.") for name in names)
        trained = set(names) - {"known"}
        assert sum(p.numel() for p in renderer.own_parameters()) == sum(
            renderer.own_state()[name].numel() for name in trained
        )
        assert not any(p.requires_grad for p in renderer.vae.parameters())
        assert all(p.requires_grad for p in renderer.own_parameters())

    def test_the_kept_codes_gradient_reaches_the_encoder_as_input_alone(self, renderer, images):
        """Were the encoder to move, it could learn to read any picture as the code."""
        codes = renderer.vae.encode(images).mean
        drawn = renderer.paint(renderer.plain(codes), torch.randn(4, renderer.detail_size))
        drawn.retain_grad()
        found = renderer.vae.encode(drawn).mean
        terms.code_kept(found, codes + 1, torch.ones(5)).backward()
        assert drawn.grad.abs().sum() > 0
        assert renderer.painter.add.weight.grad.abs().sum() > 0
        assert all(p.grad is None for p in renderer.vae.parameters())


class TestTerms:
    def test_reconstruction_is_the_mean_absolute_error(self):
        pictures, images = torch.full((2, 3, 4, 4), 0.75), torch.full((2, 3, 4, 4), 0.5)
        assert terms.reconstruction(pictures, images) == 0.25

    def test_matched_features_weigh_each_layer_alike(self):
        one, other = (
            [torch.zeros(2, 8), torch.zeros(2, 500)],
            [torch.ones(2, 8), torch.full((2, 500), 3.0)],
        )
        assert terms.matched_features(one, other) == 2

    def test_rate_counts_from_the_free_nats_on(self):
        kl = torch.tensor([100.0, 140.0], requires_grad=True)
        assert terms.rate(kl, 150) == 0 and terms.rate(kl, 100) == 20
        terms.rate(kl, 100).backward()
        assert kl.grad.tolist() == [0.5, 0.5]

    def test_code_kept_counts_in_standard_deviations(self):
        deviation = torch.tensor([2.0, 0.5])
        wanted = torch.zeros(3, 2)
        assert terms.code_kept(wanted + deviation, wanted, deviation) == 1
        assert terms.code_kept(wanted + torch.tensor([2.0, 0]), wanted, deviation) == 0.5

    def test_judge_is_the_cross_entropy_of_real_and_drawn(self):
        """log(1 + e^-x) of a real picture's score, log(1 + e^y) of a drawn one's."""
        real, drawn = torch.tensor([[0.0, 2.0]]), torch.tensor([[-1.0, 3.0]])
        wanted = (math.log(2) + math.log1p(math.exp(-2))) / 2
        wanted += (math.log1p(math.exp(-1)) + math.log1p(math.exp(3))) / 2
        assert terms.judge([real], [drawn]).item() == pytest.approx(wanted, rel=1e-6)
        assert terms.judge([torch.zeros(2, 3)], [torch.zeros(2, 3)]).item() == pytest.approx(
            2 * math.log(2)
        )

    def test_pass_for_real_does_not_saturate(self):
        """Its slope at a score y is -1 / (1 + e^y): all of it where the judge is sure."""
        scores = torch.tensor([[-30.0, 0.0]], requires_grad=True)
        terms.pass_for_real([scores]).backward()
        assert scores.grad.tolist() == [[pytest.approx(-0.5), pytest.approx(-0.25)]]

    def test_patch_sizes_weigh_alike_however_many_places_they_have(self):
        scores = [torch.full((1, 256), 30.0), torch.full((1, 1), -30.0)]
        assert terms.pass_for_real(scores).item() == pytest.approx(15)
        real = [torch.full((1, 256), 30.0), torch.full((1, 1), 30.0)]
        assert terms.judge(real, scores).item() == pytest.approx(15)

    def test_slope_of_scores_that_are_linear(self):
        """D(x) = sum of 3 x over 12 pixels and, at two places of another size, of x: its mean over
        places, added over sizes, has the gradient 4, so |gradient|² / 2 = 12 * 16 / 2."""
        images = torch.rand(5, 3, 2, 2, requires_grad=True)
        total = images.flatten(1).sum(1, keepdim=True)
        scores = [3 * total, torch.cat([total, total], dim=1)]
        assert terms.slope(scores, images).item() == pytest.approx(96)

    def test_spectrum_of_pictures_twice_as_strong(self):
        """Four times the power at every frequency that they have: log 4. Moved pictures and those
        of others in the batch have the same mean power: nothing."""
        noise = torch.randn(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        images = 0.5 + 0.5 * noise
        strong = 0.5 + 2 * (images - 0.5)
        assert terms.spectrum(strong, images).item() == pytest.approx(math.log(4), rel=1e-2)
        assert terms.spectrum(images.roll(3, 0), images).item() < 1e-5

    def test_spectrum_sees_a_lattice_of_colour(self):
        """Every second pixel more yellow, and as bright."""
        images = torch.full((4, 3, 64, 64), 0.5)
        lattice = 0.05 * (torch.arange(64) % 2)
        yellow = torch.stack([lattice / 2, lattice / 2, -lattice])[:, None]
        assert terms.spectrum(images + yellow, images) > 0.02
        assert terms.spectrum(images + 0.05, images) < 1e-4

    def test_spectrum_is_of_each_place(self):
        """Texture on one side is no answer to texture on the other."""
        images = torch.full((8, 3, 64, 64), 0.5)
        images[..., :32] += 0.1 * torch.randn(
            8, 1, 64, 32, generator=torch.Generator().manual_seed(3)
        )
        assert terms.spectrum(images.roll(32, 3), images) > 1

    def test_spectrum_sees_a_lattice(self):
        """Every second pixel brighter: hardly a difference in pixels, one frequency far too
        strong."""
        images = torch.rand(32, 3, 64, 64, generator=torch.Generator().manual_seed(1)) / 20
        lattice = 0.05 * (torch.arange(64) % 2)
        error = terms.spectrum(images + lattice, images)
        assert error > 10 * terms.spectrum(images + 0.05, images)

    def test_contrast_of_a_wave_twice_as_strong(self):
        """The mean square of its Laplacian is four times as large in every place, wherever it lies;
        flat places say nothing."""
        x = torch.arange(64.0)
        wave = torch.sin(2 * math.pi * x / 4 + 0.3).expand(2, 3, 64, 64)
        weak, strong = 0.5 + 0.2 * wave, 0.5 + 0.4 * wave.roll(1, -1)
        assert terms.contrast(strong, weak).item() == pytest.approx(math.log(4), rel=0.1)
        assert terms.contrast(weak, weak) == 0
        assert (
            terms.contrast(torch.full((1, 3, 64, 64), 0.2), torch.full((1, 3, 64, 64), 0.7)) < 1e-6
        )

    @torch.no_grad()
    def test_discriminator_judges_patches_of_three_sizes(self):
        scores, features = Discriminator(4)(torch.rand(2, 3, 64, 64))
        assert [tuple(score.shape) for score in scores] == [(2, 256), (2, 64), (2, 1)]
        assert [f.shape[-1] for f in features] == [64, 32, 16, 8, 4]


class TestFile:
    @pytest.fixture
    def bundle(self, tmp_path) -> Path:
        """A served bundle with an untrained renderer beside it, and its digest in config.json."""
        folder = Path(shutil.copytree(bundles.root() / "celeba-beta-vae", tmp_path / "mine"))
        torch.manual_seed(3)
        made = Renderer(VAE.from_pretrained(folder))
        loading.write(made, folder / NAME)
        self._record(folder)
        return folder

    @staticmethod
    def _record(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        config["renderer"] = {"sha256": digest(folder / NAME)}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    @torch.no_grad()
    def test_round_trip_in_half_precision(self, bundle):
        torch.manual_seed(3)
        made = Renderer(VAE.from_pretrained(bundle)).eval()
        loaded = Renderer.from_pretrained(bundle)
        for name, value in loaded.own_state().items():
            assert value.dtype == torch.float32
            assert torch.equal(value, made.own_state()[name].half().float())
        codes, details = torch.randn(2, 32), torch.randn(2, made.detail_size)
        assert not loaded.training
        assert torch.allclose(loaded(codes, details), made(codes, details), atol=2e-3)
        assert (bundle / NAME).stat().st_size < 7e6

    def test_a_bundle_with_it_gives_it_and_one_without_says_so(self, bundle):
        loaded = bundles.load(bundle)
        assert loaded.has_renderer and loaded.renderer.latents == 32
        (bundle / NAME).unlink()
        loaded = bundles.load(bundle)
        assert not loaded.has_renderer
        with pytest.raises(WeightsError, match="mine has no renderer"):
            _ = loaded.renderer

    def test_a_truncated_file_is_refused(self, bundle):
        content = (bundle / NAME).read_bytes()
        (bundle / NAME).write_bytes(content[: len(content) // 2])
        self.refused(bundle, "truncated or altered")
        self._record(bundle)  # whoever damaged it wrote the digest too
        self.refused(bundle, "is damaged")

    def test_an_altered_byte_is_noticed(self, bundle):
        content = bytearray((bundle / NAME).read_bytes())
        content[len(content) // 2] ^= 255
        (bundle / NAME).write_bytes(content)
        self.refused(bundle, "truncated or altered")

    @pytest.mark.parametrize("content", [b"", b"hello world\n", bytes(5000)])
    def test_what_never_was_one_is_refused(self, content, bundle):
        (bundle / NAME).write_bytes(content)
        self._record(bundle)
        self.refused(bundle, "is damaged")

    @pytest.mark.parametrize("channels", ["", "many", "0", "-4", "1000000000"])
    def test_channels_that_cannot_be_are_refused(self, channels, bundle):
        self.change(bundle, channels=channels)
        self.refused(bundle, "does not say how many channels")

    def test_other_networks_weights_are_refused(self, bundle):
        self.change(bundle, channels="5")
        self.refused(bundle, "weights and networks disagree")

    def test_another_vaes_renderer_is_refused(self, bundle):
        shutil.copy(bundles.root() / "celeba-vae" / "model.safetensors", bundle)
        config = json.loads((bundle / "config.json").read_bytes())
        config["weights_sha256"] = digest(bundle / "model.safetensors")
        (bundle / "config.json").write_text(json.dumps(config), encoding="utf-8")
        self.refused(bundle, "trained for other weights of the VAE")

    def refused(self, bundle: Path, why: str) -> None:
        with pytest.raises(WeightsError, match=why) as error:
            Renderer.from_pretrained(bundle)
        assert "\n" not in str(error.value) and NAME in str(error.value)

    def change(self, bundle: Path, **said: str) -> None:
        known = {"format": "pt", "channels": "4"}
        known["vae_sha256"] = loading.vae_digest(VAE.from_pretrained(bundle))
        save_file(load_file(bundle / NAME), bundle / NAME, metadata=known | said)
        self._record(bundle)
