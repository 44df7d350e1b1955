"""A visitor's own model among the served ones: for whoever knows its name, and only as long."""

from __future__ import annotations

import dataclasses
import shutil

import coroutines
import pytest

from betavae.bundles.bundle import load
from betavae.bundles.files import write_json
from betavae.bundles.places import folder_of
from betavae.ui.live.board import server_functions
from betavae.ui.live.compare import compare_functions
from betavae.ui.parts import comparison

NAME = "lab-0123456789abcdef"


@pytest.fixture
def guest(studio, tmp_path):
    """A bundle of 2D shapes that has not been measured, as the lab makes it."""
    folder = tmp_path / NAME
    shutil.copytree(folder_of("shapes2d-vae"), folder)
    stored = load(folder)
    unmeasured = {k: v for k, v in stored.metrics.items() if k not in ("metrics", "curves")}
    scores = {k: v for k, v in stored.metrics["scores"].items() if k in ("kl", "reconstruction")}
    write_json(folder / "metrics.json", unmeasured | {"scores": scores})
    bundle = load(folder)
    studio.admit(bundle)
    yield bundle
    studio.dismiss(NAME)


def functions(studio):
    return {f.__name__: f for f in [*server_functions(studio), *compare_functions(studio)]}


def test_it_is_offered_to_nobody_and_answers_who_knows_its_name(studio, guest):
    assert NAME not in studio.names and NAME in studio.bundles
    assert not any(NAME in models for models in studio.families.values())
    assert studio.title(NAME) == f"{guest.title}, yours"
    code = {NAME: [0.0] * guest.vae.latents}
    frame = coroutines.run(functions(studio)["frame"]({"codes": code}))
    assert frame["pictures"][NAME].startswith("data:image/jpeg")
    strips = functions(studio)["strips"]({"codes": code, "latents": {NAME: [0]}})
    assert strips["sheets"][NAME].startswith("data:image/webp")


def test_it_is_compared_in_every_section(studio, guest):
    models = [NAME, "shapes2d-beta-vae"]
    rows = functions(studio)["compared"]({"models": models, "first": 0})["rows"]
    assert set(rows[0]) == set(models)
    for name, _ in comparison.sections(True):
        answer = functions(studio)["section"]({"section": name, "models": models, "first": 0})
        assert guest.title in answer["html"] or name in ("tuning", "every"), name


def test_it_answers_the_true_factors(studio, guest):
    models = [NAME, "shapes2d-beta-vae"]
    answer = functions(studio)["factors"]({"factors": [0] * 5, "models": models})
    assert list(answer["models"]) == models


def test_when_it_is_gone_the_refusal_does_not_name_it(studio, guest):
    studio.dismiss(NAME)
    code = {NAME: [0.0] * guest.vae.latents}
    answer = functions(studio)["strips"]({"codes": code, "latents": {NAME: [0]}})
    assert "There is no such model here" in answer["error"] and NAME not in answer["error"]
    assert NAME not in studio.bundles


def test_two_admissions_are_one(studio, guest):
    studio.admit(dataclasses.replace(guest))
    assert studio.bundles[NAME] is guest
