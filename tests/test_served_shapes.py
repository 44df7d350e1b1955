"""The served 2D shapes bundles reproduce the scores in their own cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from betavae import bundles, metrics
from betavae.data import Shapes2D

PROJECT = Path(__file__).parents[1]
SERVED = [path.name for path in sorted((PROJECT / "weights").glob("shapes2d-*vae"))]


@pytest.mark.parametrize("name", SERVED)
def test_a_served_bundle_reproduces_its_stored_scores(name):
    """With the card's seed, and with another: within the error that the card states."""
    bundle = bundles.load(name)
    names = ("beta-vae", "beta-vae-paper", "factor-vae", "mig", "sap", "irs", "modularity")
    for seed in (0, 5):
        found = metrics.evaluate(lambda x: bundle.vae.encode(x).mean, Shapes2D(), names, seed)
        for metric in names:
            stored, within = (bundle.metrics[part][metric] for part in ("scores", "tolerance"))
            assert found[metric]["score"] == pytest.approx(stored, abs=within), (metric, seed)
