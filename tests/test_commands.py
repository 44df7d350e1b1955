"""Commands: what they pass on; and every command that a card or the README shows can be given."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from PIL import Image

import betavae.bundles.packaging
import betavae.study.grid
from betavae import bundles, cli
from betavae.bundles.card import model_card
from betavae.commands import publish
from betavae.commands.options import DEFAULTS, objective_settings
from betavae.metrics import codes
from betavae.training.config import TrainingConfig, config_from

PROJECT = Path(__file__).parents[1]


def parsed(line: str) -> Namespace:
    words = shlex.split(line, comments=True)
    assert words[:3] == ["python", "-m", "betavae"]
    return cli._parser().parse_args(words[3:])


def commands(text: str) -> list[str]:
    """The betavae commands of a Markdown page's shell blocks, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("python -m betavae")]


def test_every_command_of_the_readme_and_the_studies_can_be_given():
    pages = ("README.md", "weights/celeba-study/README.md", "weights/shapes2d-study/README.md")
    for page, least in zip(pages, (6, 12, 40), strict=True):
        lines = commands((PROJECT / page).read_text(encoding="utf-8"))
        assert len(lines) >= least, page
        for line in lines:
            parsed(line)


@pytest.mark.parametrize("name", bundles.names())
def test_a_cards_commands_make_what_is_served(name):
    """The training command, read back, is the configuration that the bundle was trained with."""
    bundle = bundles.load(name)
    train, publishing, *rest = map(
        parsed, commands((bundle.folder / "README.md").read_text(encoding="utf-8"))
    )
    chosen = {k: v for k, v in vars(train).items() if v is not None}
    chosen["objective_settings"] = objective_settings(chosen)
    stored = {k: v for k, v in bundle.config["training"].items() if k != "steps_done"}
    assert config_from({**DEFAULTS[train.data], **chosen}) == TrainingConfig(**stored)
    rotated = bundle.config.get("rotated")
    published = rotated["of"] if rotated else name
    assert publishing.to == Path("weights") / published and publishing.source == train.run
    if rotated:
        assert rest[0].bundle == publishing.to and rest[0].to == Path("weights") / name


def test_grid_plans_the_seeds_and_settings_that_are_asked_for(monkeypatch, tmp_path):
    plans = []
    monkeypatch.setattr(
        betavae.study.grid,
        "run_grid",
        lambda runs, workers, scheduler: plans.append((runs, workers)) or [],
    )
    words = f"grid shapes2d --to {tmp_path} --seeds 2 --first-seed 5 --beta 1 4 --steps 9"
    assert cli.main([*words.split(), "--workers", "3"]) == 0
    ((runs, workers),) = plans
    assert workers == 3
    found = [(run.config.seed, run.config.objective_settings["beta"]) for run in runs]
    assert found == [(5, 1), (5, 4), (6, 1), (6, 4)]
    assert all(run.config.steps == 9 and run.folder.parent == tmp_path for run in runs)
    assert all(run.config.likelihood == "bernoulli" for run in runs)


def test_publish_packages_the_chosen_seed_and_says_how(monkeypatch, tmp_path):
    chosen, told = tmp_path / "kind-seed1", {"criterion": "by agreement", "udr": {0: 0.1, 1: 0.2}}
    monkeypatch.setattr("betavae.study.summary.choose_run", lambda source: (chosen, told))
    monkeypatch.setattr(publish.checkpoints, "read", lambda run: {"config": {"data": "shapes2d"}})
    packaged = []
    monkeypatch.setattr(
        betavae.bundles.packaging,
        "package",
        lambda *given, **named: packaged.append((given, named)),
    )
    monkeypatch.setattr(publish.bundle, "load", lambda folder: folder)
    monkeypatch.setattr(publish, "print_scores", lambda bundles: None)
    target = tmp_path / "weights" / "mine"
    assert cli.main(["publish", str(tmp_path / "kind"), "--to", str(target)]) == 0
    (((run, folder, training, validation), named),) = packaged
    assert (run, folder, named) == (chosen, target, {"selection": told, "measured": True})
    assert len(training) > len(validation) > 0


def test_a_bundles_selection_is_one_of_its_seeds():
    for name in bundles.names():
        config = json.loads((bundles.root() / name / "config.json").read_text(encoding="utf-8"))
        if "selection" in config:
            assert str(config["training"]["seed"]) in config["selection"]["udr"]


def test_a_card_is_written_again_from_the_stored_scores(tmp_path, capsys):
    """Without the data that measuring them would need."""
    copy = shutil.copytree(PROJECT / "weights" / "celeba-vae", tmp_path / "celeba-vae")
    metrics = json.loads((copy / "metrics.json").read_bytes())
    metrics["scores"]["psnr"] = 12.34
    (copy / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert cli.main(["evaluate", str(copy), "--card-only"]) == 0
    changed = {path.name for path in copy.iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {"README.md"}
    assert "| PSNR ↑ | 12.34 dB | ± 0.01 |" in (copy / "README.md").read_text(encoding="utf-8")
    assert cli.main(["evaluate", str(copy)]) == 1 and "needs --data" in capsys.readouterr().err


def test_some_scores_are_measured_again_and_the_others_stay(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(codes, "TRAIN", 300)
    monkeypatch.setattr(codes, "TEST", 200)
    copy = shutil.copytree(PROJECT / "weights" / "shapes2d-vae", tmp_path / "shapes2d-vae")
    path = copy / "metrics.json"
    before = json.loads(path.read_bytes())
    words = ["evaluate", str(copy), "--scores", "mig", "factor-vae"]
    assert cli.main([*words, "--dry-run"]) == 0 and json.loads(path.read_bytes()) == before
    printed = capsys.readouterr().out
    assert "\nmig" in printed and "\nfactor-vae" in printed and "\nsap" not in printed
    assert cli.main([*words, "--keep-tolerance"]) == 0
    kept = json.loads(path.read_bytes())
    assert kept["measured_again"].keys() >= {"mig", "factor-vae"}
    assert kept["tolerance"] == before["tolerance"]
    assert set(kept["tolerances_kept"]) >= {"mig", "factor-vae"}
    card = (copy / "README.md").read_text(encoding="utf-8")
    assert "Measured again, by code version" in card
    assert "tolerances of `factor-vae`, `mig`" in card
    assert cli.main(words) == 0
    found = json.loads(path.read_bytes())
    assert not {"mig", "factor-vae"} & set(found["tolerances_kept"])
    for part in ("scores", "tolerance"):
        changed = {name for name in found[part] if found[part][name] != before[part][name]}
        assert changed == {"mig", "factor-vae"}, part
    for name in ("mig", "factor-vae"):
        assert found["scores"][name] == round(found["metrics"][name]["score"], 5)
    assert f"| MIG ↑ | {found['scores']['mig']:.4f} |" in (copy / "README.md").read_text(
        encoding="utf-8"
    )
    faces = str(PROJECT / "weights" / "celeba-vae")
    monkeypatch.setattr("betavae.commands.evaluate.splits", lambda *given: (None, None))
    assert cli.main(["evaluate", faces, "--scores", "mig"]) == 1
    assert "celeba-vae is not of 2D shapes" in capsys.readouterr().err


@pytest.mark.parametrize("name", bundles.names())
def test_every_card_is_what_its_bundle_says(name):
    bundle = bundles.load(name)
    card = model_card(name, bundle.config, bundle.latents, bundle.metrics)
    assert (bundle.folder / "README.md").read_text(encoding="utf-8") == card


def test_tuning_draws_models_of_shapes_and_refuses_others(tmp_path, capsys, monkeypatch):
    for shown in ("PLACE", "SCALE", "TURN"):  # averaged over one setting: what is drawn is as large
        monkeypatch.setattr(f"betavae.views.tuning.{shown}_SETTINGS", 1)
    drawn = []
    for names in (["shapes2d-vae"], ["shapes2d-vae", "shapes2d-beta-vae"]):
        words = [str(PROJECT / "weights" / name) for name in names]
        assert cli.main(["tuning", *words, "--to", str(tmp_path / "figure.png")]) == 0
        drawn.append(Image.open(tmp_path / "figure.png").size)
    assert drawn[1][1] > 1.7 * drawn[0][1], "a block of rows a model"
    assert cli.main(["tuning", str(PROJECT / "weights" / "celeba-vae")]) == 1
    assert "celeba-vae is not a model of 2D shapes" in capsys.readouterr().err


def test_evaluate_with_silent_latents_closed_measures_the_prior_there_and_writes_nothing(
    monkeypatch, capsys
):
    name = "shapes2d-vae"  # z4 is silent
    measured = []

    def evaluate(vae, *data, seed):
        measured.append(vae)
        return {"protocol": "none", "scores": {}}

    monkeypatch.setattr(betavae.bundles.packaging, "evaluate", evaluate)
    monkeypatch.setattr(
        betavae.bundles.packaging, "measure", lambda *given: pytest.fail("it was written")
    )
    assert cli.main(["evaluate", str(PROJECT / "weights" / name), "--close-silent"]) == 0
    silent = [latent.index for latent in bundles.load(name).latents if not latent.active]
    assert (
        silent
        and f"closed: {', '.join(f'z{index}' for index in silent)}" in capsys.readouterr().out
    )
    with torch.no_grad():
        posterior = measured[0].encode(torch.rand(4, 1, 64, 64))
    closed = (posterior.mean == 0).all(0) & (posterior.log_variance == 0).all(0)
    assert closed.nonzero().flatten().tolist() == silent
