"""Whom a model reconstructs how well: known answers, and the card that says so."""

from __future__ import annotations

import json
import math
import shutil
from types import SimpleNamespace

import pytest
import torch
from small_runs import PROJECT
from torch import nn

from betavae import bundles, cli
from betavae.metrics.groups import BANDS, evaluate_groups, recognised, skin_brightness
from betavae.model.encoders import Posterior

NAMES = ["Male", "Young", "Eyeglasses", "Wearing_Hat", "Smiling"]


class Fading(nn.Module):
    """Its code is the picture's mean; it draws a plain picture `towards` grey by a half."""

    def encode(self, images):
        mean = images.mean((1, 2, 3))[:, None]
        return Posterior(mean, torch.full_like(mean, -6.0))

    def decode(self, latents):
        drawn = (latents / 2 + 0.25)[:, :, None, None].expand(-1, 3, 64, 64)
        return SimpleNamespace(mean=drawn)


def faces(levels: list[int]):
    """Plain pictures of these grey levels; whoever is above 128 is male, nobody wears a hat."""
    grey = torch.tensor(levels, dtype=torch.uint8)
    has = torch.zeros(len(levels), 5, dtype=torch.bool)
    has[:, 0] = grey > 128
    images = grey[:, None, None, None].expand(-1, 3, 64, 64)
    return SimpleNamespace(images=images, attributes=has, attribute_names=NAMES)


def test_a_model_that_draws_everyone_nearer_to_grey_is_measured_as_one():
    levels = [51] * 30 + [153] * 30 + [204] * 40  # luma 0.2, 0.6, 0.8
    rows = evaluate_groups(Fading(), faces(levels))["rows"]
    assert [rows[band]["pictures"] for band in BANDS] == [30, 30, 40]
    assert "wearing hat" not in rows and rows["not wearing hat"]["pictures"] == 100
    for band, luma in zip(BANDS, (0.2, 0.6, 0.8), strict=True):
        shift = (0.5 - luma) / 2
        assert rows[band]["skin"] == pytest.approx(luma, abs=1e-3)
        assert rows[band]["shift"] == pytest.approx(shift, abs=1e-3)
        assert rows[band]["psnr"] == pytest.approx(-20 * math.log10(abs(shift)), abs=1e-2)
    # What is encoded again has moved by the shift too, in standard deviations over all.
    deviation = torch.tensor(levels).div(255).std(unbiased=False).item()
    assert rows[BANDS[0]]["code_error"] == pytest.approx(0.15 / deviation, rel=1e-3)


def test_skin_is_measured_between_eyes_and_mouth():
    images = torch.zeros(1, 3, 64, 64)
    images[:, 0, 36:48, 22:42] = 1.0  # pure red on black
    assert skin_brightness(images).item() == pytest.approx(0.299)


def test_who_is_no_longer_recognised_is_counted():
    generator = torch.Generator().manual_seed(0)
    has = torch.arange(200) % 4 < 2
    pictures = torch.rand(200, 12, generator=generator) * 0.1
    pictures[:, 3] = has.float()
    without = pictures.clone()
    without[:, 3] = 0.0  # the one pixel that shows it is lost
    kept = recognised(pictures, pictures, has, has)
    assert kept == {"in_pictures": 1.0, "in_reconstructions": 1.0}
    assert recognised(pictures, without, has, has)["in_reconstructions"] == 0.0
    assert recognised(pictures, without, has, ~has)["in_reconstructions"] == 1.0


def test_the_groups_alone_are_measured_and_the_rest_stays(celeba_layout, tmp_path, capsys):
    from shared import smooth_picture

    names = [f"{number:06d}.jpg" for number in range(24)]
    layout = celeba_layout(pictures={n: smooth_picture(i, (178, 218)) for i, n in enumerate(names)})
    held_out = "".join(f"{name} 1\n" for name in names)
    (layout.root / "list_eval_partition.txt").write_text(held_out, encoding="utf-8")
    copy = shutil.copytree(PROJECT / "weights" / "celeba-beta-vae", tmp_path / "celeba-beta-vae")
    before = json.loads((copy / "metrics.json").read_bytes())
    assert cli.main(["evaluate", str(copy), "--data", str(layout.root), "--groups"]) == 0
    after = json.loads((copy / "metrics.json").read_bytes())
    assert after["groups"]["pictures"] == after["groups"]["rows"]["all"]["pictures"] == 24
    assert {**after, "groups": 0} == {**before, "groups": 0}
    assert "| all | 24 |" in (copy / "README.md").read_text(encoding="utf-8")
    bundles.load(copy)
    shapes = str(PROJECT / "weights" / "shapes2d-vae")
    assert cli.main(["evaluate", shapes, "--groups"]) == 1
    assert "only models of faces do" in capsys.readouterr().err


def test_what_reconstruct_says_of_people_is_what_was_measured():
    """Dark skin comes out lighter; age, glasses and hats are often lost, most with the β-VAE."""
    faces = [bundles.load(name) for name in bundles.names() if name.startswith("celeba-")]
    measured = {bundle.name: bundle.metrics["groups"]["rows"] for bundle in faces}
    lost = ("not young", "eyeglasses", "wearing hat")
    for rows in measured.values():
        assert rows["all"]["pictures"] == 2945 and rows[BANDS[0]]["shift"] > 0.01
        for group in lost:
            assert rows[group]["in_reconstructions"] < 0.8 * rows[group]["in_pictures"]
    for group in lost:
        kept = {name: rows[group]["in_reconstructions"] for name, rows in measured.items()}
        assert min(kept, key=kept.get) == "celeba-beta-vae"
