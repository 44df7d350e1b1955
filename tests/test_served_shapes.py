"""The served 2D shapes bundles reproduce the scores in their own cards."""

from __future__ import annotations

import pytest

from betavae import bundles, metrics
from betavae.data import Shapes2D

SERVED = [name for name in bundles.names() if name.startswith("shapes2d-")]


@pytest.mark.parametrize(("name", "seed"), [*((name, 0) for name in SERVED), (SERVED[0], 5)])
def test_a_served_bundle_reproduces_its_stored_scores(name, seed):
    """With the card's seed, and one with another: within the error that the card states."""
    bundle = bundles.load(name)
    names = ("beta-vae", "beta-vae-paper", "factor-vae", "mig", "sap", "irs", "modularity")
    found = metrics.evaluate(lambda x: bundle.vae.encode(x).mean, Shapes2D(), names, seed)
    for metric in names:
        stored, within = (bundle.metrics[part][metric] for part in ("scores", "tolerance"))
        assert found[metric]["score"] == pytest.approx(stored, abs=within), (metric, seed)
