"""Settings that nothing can be trained with are refused before anything starts."""

from __future__ import annotations

import math

import pytest

from betavae import cli
from betavae.training.config import TrainingConfig


@pytest.mark.parametrize("rate", [0.0, -1e-3, math.nan, math.inf])
def test_learning_rate_must_be_a_finite_number_above_zero(rate):
    with pytest.raises(ValueError, match=f"The learning rate is {rate}; it must be a finite"):
        TrainingConfig(learning_rate=rate)


def test_warm_up_may_be_nothing_but_not_negative():
    assert TrainingConfig(warm_up=0).warm_up == 0
    with pytest.raises(ValueError, match="The warm-up is -1 steps; it must be 0 or more"):
        TrainingConfig(warm_up=-1)


@pytest.mark.parametrize("name", ["latents", "steps", "batch_size"])
def test_counts_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} is 0; it must be 1 or more"):
        TrainingConfig(**{name: 0})


@pytest.mark.parametrize(
    "name",
    [
        "objective",
        "architecture",
        "likelihood",
        "optimiser",
        "decay",
        "precision",
        "memory_format",
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(name):
    known = getattr(TrainingConfig(), name)
    with pytest.raises(ValueError, match=f"{name} is 'unheard'; it must be one of .*{known}"):
        TrainingConfig(**{name: "unheard"})


def test_setting_of_another_objective_is_refused():
    with pytest.raises(ValueError, match="beta is not a setting of the objective vae"):
        TrainingConfig(objective="vae", objective_settings={"beta": 4.0})


@pytest.mark.parametrize(
    "words", [("--learning-rate", "-1"), ("--learning-rate", "nan"), ("--warm-up", "-5")]
)
def test_refusal_of_a_command_is_one_line(picture_folder, tmp_path, capsys, words):
    started = ("train", "images", "--data", str(picture_folder), "--to", str(tmp_path / "run"))
    assert cli.main([*started, *words]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("betavae: ")]
    assert len(said) == 1 and "must be" in said[0]
