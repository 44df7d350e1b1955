"""The served 2D shapes bundles reproduce what their own cards say."""

from __future__ import annotations

import pytest
import torch

from betavae import bundles, metrics
from betavae.bundles.bundle import encode_all
from betavae.bundles.latents import describe_latents
from betavae.bundles.packaging import stored_faces
from betavae.data import Shapes2D
from betavae.metrics.reconstruction import validate
from betavae.metrics.shapes import ROUNDING

SERVED = [name for name in bundles.names() if name.startswith("shapes2d-")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [*((name, 0) for name in SERVED), (SERVED[0], 5)])
def test_a_served_bundle_reproduces_its_stored_scores(name, seed):
    """With the card's seed, and one with another: within the error that the card states."""
    bundle = bundles.load(name)
    names = ["beta-vae", "beta-vae-paper", "factor-vae", "mig", "dci-forest", "irs", "modularity"]
    names += ["sap", "dci", "explicitness"] if seed else []  # these take most of the time
    found = metrics.evaluate(lambda x: bundle.vae.encode(x).mean, Shapes2D(), names, seed)
    for metric in names:
        stored, within = (bundle.metrics[part][metric] for part in ("scores", "tolerance"))
        assert found[metric]["score"] == pytest.approx(stored, abs=within), (metric, seed)
    for part in ("completeness", "informativeness") if seed else ():
        stored, within = (bundle.metrics[k][f"dci-{part}"] for k in ("scores", "tolerance"))
        assert found["dci"][part] == pytest.approx(stored, abs=within)


@pytest.mark.parametrize("name", SERVED)
def test_a_served_bundle_reconstructs_and_says_of_its_latents_what_its_card_does(name):
    """On the whole validation split, which nothing is drawn for: up to rounding."""
    bundle, validation = bundles.load(name), Shapes2D(split="validation")
    found = validate(bundle.vae, validation)
    for score, within in ROUNDING.items():
        assert found[score] == pytest.approx(bundle.metrics["scores"][score], abs=within), score
    means, kl = encode_all(bundle.vae, validation)
    assert torch.allclose(bundle.codes, means[stored_faces(len(means))], atol=1e-4)
    for made, stored in zip(describe_latents(means, kl, validation), bundle.latents, strict=True):
        for number in ("kl", "mean", "deviation", "low", "high"):
            assert getattr(made, number) == pytest.approx(getattr(stored, number), abs=2e-3)
        shares = [
            {track["name"]: track["share"] for track in latent.tracks} for latent in (made, stored)
        ]
        for factor in shares[0].keys() & shares[1].keys():
            assert shares[0][factor] == pytest.approx(shares[1][factor], abs=0.01)
        if stored.active:  # the order of what says nothing is chance
            assert made.tracks[0]["name"] == stored.tracks[0]["name"]
        assert shares[0][made.tracks[0]["name"]] == max(shares[0].values())
