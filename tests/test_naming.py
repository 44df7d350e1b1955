"""What latents are called: by what they track, the ends by the direction, no name twice."""

from __future__ import annotations

import pytest
import torch

from betavae import bundles
from betavae.bundles.latent import Latent
from betavae.bundles.naming import Name, factor_directions, name_latents
from betavae.data import Shapes2D
from betavae.metrics.attributes import PICTURE_STATISTICS


def latent(index, kl=1.0, **tracks):
    """smiling=-0.4 -> a latent that tracks it."""
    found = [{"name": k.replace("_", " "), "correlation": v} for k, v in tracks.items()]
    return Latent(index, kl, 0.0, 1.0, -2.0, 2.0, found)


def named(*latents):
    return [str(name) for name in name_latents(latents).values()]


def test_the_ends_follow_the_direction():
    assert named(latent(0, background_brightness=0.9), latent(1, head_turned_right=-0.4)) == [
        "background: dark ↔ bright",
        "head turn: right ↔ left",
    ]


def test_the_best_gets_the_noun_and_the_next_its_second_or_both():
    names = name_latents(
        [
            latent(0, bangs=0.5, blond_hair=0.4),
            latent(1, bangs=-0.9),
            latent(2, bangs=0.6, smiling=0.25),
            latent(3, bangs=0.3),
        ]
    )
    assert str(names[1]) == "fringe: full ↔ none"
    assert names[0].noun == "blond hair"
    assert names[2] == Name("fringe, also smile", "none", "full"), "0.25 beside 0.6 would mislead"
    assert names[3].noun == "fringe 2"


def test_nothing_tracked_is_unnamed_and_nobody_is_judged():
    assert named(latent(7, smiling=0.1), latent(8, attractive=0.9, chubby=0.8)) == [
        "unnamed z7",
        "unnamed z8",
    ]


def test_an_idle_latent_takes_no_name_from_one_in_use():
    names = name_latents([latent(0, kl=0.001, smiling=0.9), latent(1, kl=2, smiling=0.3)])
    assert names[1].noun == "smile"


def test_directions_of_shapes_are_those_of_the_picture():
    """Codes that are the true factors, one of them turned round."""
    shapes = Shapes2D()
    factors = shapes.sample_factors(200, torch.Generator().manual_seed(0))
    codes = factors.float() * torch.tensor([1, 1, 1, -1, 1])
    found = factor_directions(codes, shapes.images(factors).float())
    assert found[1]["scale"] > 0.8 and found[3]["x"] < -0.95 and found[4]["y"] > 0.95
    shares = [{"name": "x", "share": 0.7}]
    row = Latent(3, 2.0, 0.0, 1.0, -2.0, 2.0, shares)
    assert str(name_latents([row], found)[3]) == "across: right ↔ left"


@pytest.mark.parametrize("name", bundles.names())
def test_no_two_sliders_of_a_served_model_share_a_name(studio, name):
    called, active = studio.latent_names(name), studio.bundles[name].active
    nouns = [called[latent.index].noun for latent in active]
    assert set(called) == set(range(studio.bundles[name].vae.latents))
    assert len(set(nouns)) == len(nouns)
    for row in active:  # what has a sign has ends
        strongest = row.tracks[0]
        if strongest["name"] in PICTURE_STATISTICS and abs(strongest["correlation"]) >= 0.2:
            assert called[row.index].low and called[row.index].high


def test_a_shape_goes_where_its_slider_says(studio):
    """Decoded at both ends, the centre of mass lies where the words are."""
    name = "shapes2d-beta-tcvae"
    rows = {str(n): k for k, n in studio.latent_names(name).items() if n.noun == "across"}
    ((text, index),) = rows.items()
    ends = studio.strips(name, torch.zeros(10), [index], values=torch.tensor([-1.5, 1.5]))[0, :, 0]
    places = (ends.sum(1) * torch.arange(64)).sum(1) / ends.sum((1, 2))
    assert (places[1] > places[0]) == text.endswith("right")
