"""What is made of the scores of many runs: the summary, its figures, a study that goes on."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from betavae import bundles, cli, metrics
from betavae.bundles.bundle import BundleError
from betavae.study import plots
from betavae.study import summary as summary_module
from betavae.study.earlier import added
from betavae.study.kinds import kind, who
from betavae.study.protocols import NOTE
from betavae.study.recipes import publish_command, train_command
from betavae.study.score import CODES, SCORES, read_bundle, read_runs
from betavae.study.summary import choose_run, measure_baselines, spread, summarise
from betavae.study.table import markdown, read_study, table_text
from betavae.training.checkpoints import CheckpointError
from betavae.ui.parts import results
from betavae.ui.parts.verdict import means_over_seeds

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def three_seeds(measured, tmp_path):
    """That run as three seeds of two settings, each with codes and a MIG of its own."""
    random = torch.Generator().manual_seed(0)
    (scores,) = read_runs(measured)
    found_by_all = torch.randn(300, 4, generator=random)
    for seed, beta in itertools.product(range(3), (1.0, 4.0)):
        folder = tmp_path / f"conv-beta-vae-beta{beta:g}-seed{seed}"
        folder.mkdir()
        copy = json.loads((scores["folder"] / SCORES).read_bytes())
        copy["config"] |= {"seed": seed, "objective_settings": {"beta": beta}}
        copy["metrics"]["mig"]["score"] = (seed + beta) / 10
        for row in copy["curves"]["means, 5 factors"]:
            row["accuracy"] *= 1 - seed / 10
        (folder / SCORES).write_text(json.dumps(copy), encoding="utf-8")
        noise = torch.randn(300, 4, generator=random) * seed
        save_file({"means": found_by_all + noise, "kl": torch.ones(4)}, folder / CODES)
    return tmp_path


def test_spread_is_the_papers_two_means():
    found = spread([0.5, 0.9, 0.7, 0.8])
    assert found["mean"] == pytest.approx(0.725)
    assert found["sd"] == pytest.approx(np.std([0.5, 0.9, 0.7, 0.8], ddof=1))
    assert found["top_half"] == pytest.approx(0.85)


def test_a_bundle_stands_in_for_the_run_that_it_was_made_from(tmp_path):
    bundle = bundles.load("shapes2d-vae")
    run = read_bundle(bundle.folder)
    seed = bundle.config["training"]["seed"]
    assert run["name"] == f"{kind(run['config'])}-seed{seed}"
    assert run["code_version"]["training"] == bundle.config["code_version"]
    (row,) = summarise([run], {})["models"]
    assert row["title"] == bundle.title and row["seeds"] == [seed]
    others = [{**run, "config": {**run["config"], "seed": seed + more}} for more in (1, 2)]
    (row,) = summarise([run, *others], {})["models"]
    assert len(row["seeds"]) == 3 and "chosen_seed" not in row, "it keeps no codes to choose by"
    (row,) = summarise([run], {})["models"]
    for name in metrics.METRICS:
        assert row["scores"][name]["mean"] == pytest.approx(
            bundle.metrics["scores"][name], abs=1e-5
        )
    with pytest.raises(ValueError, match="celeba-vae is not a model of 2D shapes"):
        read_bundle(bundles.load("celeba-vae").folder)
    copy = shutil.copytree(bundle.folder, tmp_path / "damaged")
    config = json.loads((copy / "config.json").read_bytes())
    del config["seconds"]
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BundleError, match="damaged is damaged: it lacks 'seconds'"):
        read_bundle(copy)


def test_a_bundle_whose_run_is_at_hand_is_counted_once(three_seeds, monkeypatch, capsys):
    (run,) = [r for r in read_runs(three_seeds) if r["name"] == "conv-beta-vae-beta4-seed1"]
    monkeypatch.setattr("betavae.study.score.read_bundle", lambda path: {**run, "folder": None})
    (three_seeds / "baselines.json").write_text("{}", encoding="utf-8")
    words = ["study", str(three_seeds), "--to", str(three_seeds / "study")]
    assert cli.main([*words, "--bundles", "weights/some"]) == 0
    study = read_study(three_seeds / "study")
    assert [row["seeds"] for row in study["models"]] == [[0, 1, 2]] * 2
    assert "chosen_seed" in study["models"][1], "of the run, whose codes are kept"


def test_the_summary_holds_what_was_measured_and_is_drawn(three_seeds, tmp_path):
    runs = read_runs(three_seeds)
    baseline = {key: runs[0][key] for key in ("metrics", "curves", "classifier")}
    baseline["curves"] = {k: v for k, v in baseline["curves"].items() if k.startswith("means")}
    summary = summarise(runs, {"PCA": [{"seed": 0, **baseline}]})
    vae, beta_vae = summary["models"]
    assert (vae["title"], beta_vae["title"]) == ("VAE (β = 1)", "β-VAE (β = 4)")
    assert (vae["paper"], beta_vae["paper"]) == (61.58, 99.23)
    assert beta_vae["seeds"] == [0, 1, 2] and beta_vae["chosen_seed"] in (0, 1, 2)
    migs = [
        r["metrics"]["mig"]["score"] for r in runs if r["config"]["objective_settings"]["beta"] == 4
    ]
    assert beta_vae["scores"]["mig"]["mean"] == pytest.approx(np.mean(migs))
    curve = summary["curves"]["means, 5 factors"]["VAE (β = 1), conv"]
    assert curve["pairs"] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert all(
        low <= mean <= high
        for low, mean, high in zip(*(curve[k] for k in ("low", "mean", "high")), strict=True)
    )
    point = summary["sweep"][0]
    assert point["log_beta_norm"] == pytest.approx(np.log(point["beta"] * 4 / 4096))
    for number, draw in enumerate((plots.curves, plots.sweep, plots.rate_distortion)):
        path = tmp_path / f"{number}.png"
        draw(summary, path)
        assert path.stat().st_size > 10_000
    text = markdown(summary)
    assert text.count("\n") == 4 and "| PCA |" in text
    assert f"{100 * beta_vae['scores']['beta-vae']['mean']:.1f}" in text
    assert len({len(line) for line in table_text(summary).splitlines()}) == 1


def test_what_an_earlier_protocol_gave_is_not_set_beside_what_is_measured_now(three_seeds):
    """A run of which FactorVAE's silent latents had a vote keeps its number under another name."""
    for path in three_seeds.glob(f"conv-beta-vae-beta4-seed*/{SCORES}"):
        run = json.loads(path.read_bytes())
        del run["metrics"]["factor-vae"]["latents"], run["metrics"]["dci"]["trees"]
        path.write_text(json.dumps(run), encoding="utf-8")
    now, before = summarise(read_runs(three_seeds), {})["models"]
    assert {"factor-vae", "dci", "dci-completeness"} <= now["scores"].keys()
    assert not {"factor-vae", "dci", "dci-completeness"} & before["scores"].keys()
    given = before["scores"]["factor-vae-unpruned"]
    assert before["scores"]["dci-histogram-informativeness"]["mean"] > 0
    table = markdown({"models": [now, before], "baselines": []})
    first, second = (line for line in table.splitlines() if "(β = " in line)
    assert "†" not in first and f"{given['mean']:.3f} ± {given['sd']:.3f} †" in second
    assert second.count("†") == 2 and NOTE in table
    alone = {"models": [now], "baselines": []}
    assert "†" not in markdown(alone) and "†" not in table_text(alone)


def test_a_study_that_does_not_say_by_which_protocol_has_the_earlier_one(three_seeds, tmp_path):
    """All of its numbers: rows, baselines, and the points of the sweep."""
    runs = read_runs(three_seeds)
    baseline = {
        "title": "PCA",
        "seeds": [0],
        "scores": {"dci": spread([0.1]), "mig": spread([0.2])},
    }
    study = summarise(runs, {}) | {"baselines": [baseline]}
    path = tmp_path / "study.json"
    path.write_text(json.dumps(study), encoding="utf-8")
    assert "†" not in markdown(read_study(tmp_path))
    del study["protocol"]
    path.write_text(json.dumps(study), encoding="utf-8")
    found = read_study(tmp_path)
    assert markdown(found).count(" †") == 5, "two scores of two rows, one of PCA"
    row, point = found["models"][0]["scores"], found["sweep"][0]
    assert row["dci-histogram-completeness"] == study["models"][0]["scores"]["dci-completeness"]
    for scores in (row, point):
        assert {"factor-vae-unpruned", "dci-histogram", "mig", "dci-forest"} <= scores.keys()
        assert not {"factor-vae", "dci"} & scores.keys()
    again = added(runs[:1], {}, found)["models"]  # one of three seeds: the row's numbers stay
    assert again[0]["scores"] == row
    renewed = added(runs, {"PCA": [{"seed": 0, **runs[0]}]}, found)
    assert "†" not in markdown(renewed) and "protocol" in renewed
    assert renewed["sweep"][0]["dci"] == study["sweep"][0]["dci"]
    plots.sweep(found, tmp_path / "sweep.png")


def test_a_study_goes_on_from_an_earlier_one(three_seeds):
    """What was measured again replaces its row; the rest is kept, and says by which code."""
    runs = read_runs(three_seeds)
    fours = [run for run in runs if run["config"]["objective_settings"]["beta"] == 4]
    earlier = summarise([run for run in runs if run not in fours[1:]], {})
    earlier |= {"code_version": "earlier", "baselines": [{"title": "PCA", "scores": {}}]}
    for row in earlier["models"]:
        del row["code_version"]  # as studies of before had none
    fours[0]["metrics"]["mig"]["score"] = 0.9
    both = added(fours[:2], {}, earlier)
    assert [(row["kind"], row["seeds"]) for row in both["models"]] == [
        ("beta-vae-beta1", [0, 1, 2]),
        ("beta-vae-beta4", [0, 1]),
    ]
    assert both["models"][1]["scores"]["mig"]["values"] == [0.9, 0.5]
    assert both["models"][0]["code_version"] == "earlier"
    assert both["models"][1]["code_version"] == fours[0]["code_version"]
    assert [(point["beta"], point["mig"]) for point in both["sweep"][3:]] == [(4, 0.9), (4, 0.5)]
    assert len(both["sweep"]) == 5
    assert [row["title"] for row in both["baselines"]] == ["PCA"]
    chart = both["curves"]["means, 5 factors"]
    assert set(chart) == {"VAE (β = 1), conv", "β-VAE (β = 4), conv"}
    assert (
        chart["β-VAE (β = 4), conv"] != earlier["curves"]["means, 5 factors"]["β-VAE (β = 4), conv"]
    )


@pytest.mark.parametrize("here", [(2,), (1, 2), (0, 2)])
def test_seeds_of_two_studies_are_the_study_of_all(three_seeds, here):
    """Seeds of which the earlier study has some: those keep their scores, the new ones join."""
    runs = read_runs(three_seeds)
    seeds = {0, 1, 2}
    there = [run for run in runs if run["config"]["seed"] < 2]
    whole = summarise(runs, {})
    found = [run for run in read_runs(three_seeds) if run["config"]["seed"] in here]
    for run in found:
        if run["config"]["seed"] < 2:
            run["metrics"]["mig"]["score"] = 0.9  # must not be taken
    joined = added(found, {}, summarise(there, {}) | {"code_version": "earlier"})
    for row, expected in zip(joined["models"], whole["models"], strict=True):
        assert set(row["seeds"]) == seeds and "chosen_seed" not in row
        assert len(row["code_version"]) == 2
        for part in ("scores", "validation"):
            for name, score in expected[part].items():
                assert row[part][name]["values"] == pytest.approx(score["values"], abs=1e-5)
                assert row[part][name]["mean"] == pytest.approx(score["mean"], abs=1e-5)
    assert sorted(p["name"] for p in joined["sweep"]) == sorted(p["name"] for p in whole["sweep"])
    for part in (*whole["curves"], None):
        expected = whole["curves"][part] if part else whole["classifier"]
        bands = joined["curves"][part] if part else joined["classifier"]
        for name, band in expected.items():
            for side in ("mean", "low", "high"):
                assert bands[name][side] == pytest.approx(band[side], abs=2e-5)


def test_a_score_that_earlier_seeds_lack_is_left_out_of_their_row(three_seeds):
    """In one study and in two that are joined; other rows have it."""
    runs = read_runs(three_seeds)
    ones = [run for run in runs if run["config"]["objective_settings"]["beta"] == 1]
    for run in ones[:2]:
        del run["metrics"]["dci-forest"]
    one, four = summarise(runs, {})["models"]
    assert "dci-forest" not in one["scores"] and len(four["scores"]["dci-forest"]["values"]) == 3
    joined = added(ones[2:], {}, summarise(ones[:2], {}) | {"code_version": "earlier"})
    assert joined["models"][0]["seeds"] == [0, 1, 2]
    assert "dci-forest" not in joined["models"][0]["scores"]


@pytest.mark.parametrize(("setting", "value"), [("steps", 7), ("decay", "none")])
def test_another_training_replaces_the_earlier_one(three_seeds, setting, value):
    runs = read_runs(three_seeds)
    earlier = summarise(runs, {})
    longer = [run for run in runs if run["config"]["seed"] == 0]
    for run in longer:
        run["config"][setting] = value
    assert [row["seeds"] for row in added(longer, {}, earlier)["models"]] == [[0], [0]]


def test_a_longer_training_stands_beside_the_usual_one(three_seeds, tmp_path):
    """In the table and the plane; the curves and the sweep are of runs of one length."""
    runs = read_runs(three_seeds)
    earlier = summarise(runs, {})
    longer = [run for run in read_runs(three_seeds) if run["config"]["seed"] == 0]
    for run in longer:
        run["config"] |= {"steps": 20_000, "batch_size": 64}
        run["name"] = f"{kind(run['config'])}-seed0"
    assert longer[1]["name"] == "conv-beta-vae-beta4-1280k-seed0"
    both = added(longer, {}, earlier)
    assert [(who(row), row["seeds"]) for row in both["models"]] == [
        ("VAE (β = 1), conv", [0, 1, 2]),
        ("VAE (β = 1), conv, 1.28 M pictures", [0]),
        ("β-VAE (β = 4), conv", [0, 1, 2]),
        ("β-VAE (β = 4), conv, 1.28 M pictures", [0]),
    ]
    assert both["models"][2]["scores"] == earlier["models"][1]["scores"]
    assert both["curves"] == earlier["curves"]
    assert len(both["sweep"]) == 8 and [p for p in both["sweep"] if "beta" in p] == earlier["sweep"]
    again = added(longer, {}, both)  # and is known again
    assert [row["seeds"] for row in again["models"]] == [[0, 1, 2], [0]] * 2
    assert len(again["sweep"]) == 8
    plots.rate_distortion(both, tmp_path / "edged.png")
    for point in both["sweep"]:
        point["pictures"] = 256_000
    plots.rate_distortion(both, tmp_path / "plain.png")
    assert (tmp_path / "edged.png").read_bytes() != (tmp_path / "plain.png").read_bytes()


def test_a_model_of_every_beta_is_a_kind_of_its_own_and_is_made_by_train(three_seeds):
    one = read_runs(three_seeds)[0]["config"]
    every = one | {"betas": [0.5, 64.0]}
    assert kind(every) != kind(one) and kind(every).endswith("-betas0.5-64")
    made = {"training": every, "data": {"name": "shapes2d"}}
    assert train_command("any", every).startswith("python -m betavae train shapes2d --objective")
    assert "--betas 0.5 64" in train_command("any", every)
    published = "python -m betavae publish runs/any --to weights/any"
    assert publish_command("any", made) == published
    assert publish_command("any", made | {"data": {"name": "celeba"}}) == published.replace(
        "runs/any", "runs/any --data DATA"
    )


def test_a_grown_model_stands_apart_from_the_papers(three_seeds):
    runs = read_runs(three_seeds)
    grown = [{**run, "config": {**run["config"], "growth": 1}} for run in read_runs(three_seeds)]
    summary = summarise([*grown, *runs], {})
    assert [(who(row), row["paper"]) for row in summary["models"]] == [
        ("VAE (β = 1), conv", 61.58),
        ("VAE (β = 1), grown, conv, parts of 1", None),
        ("β-VAE (β = 4), conv", 99.23),
        ("β-VAE (β = 4), grown, conv, parts of 1", None),
    ]
    assert summary["curves"] == summarise(runs, {})["curves"]
    assert means_over_seeds({"models": summary["models"]}).keys() == set()  # of another length
    for row in summary["models"]:
        row |= {"steps": 16_000, "batch_size": 16}
    assert list(means_over_seeds(summary)) == ["VAE (β = 1)", "β-VAE (β = 4)"]


def test_a_seed_is_chosen_without_any_factor(three_seeds):
    folder, selection = choose_run(three_seeds / "conv-beta-vae-beta4")
    found = selection["udr"]
    assert len(found) == 3 and found[0] > found[1] > found[2]  # the noisier, the less agreed on
    assert folder.name == "conv-beta-vae-beta4-seed0"
    assert choose_run(folder) == (folder, None)
    # A seed that reconstructs worst is not chosen, whatever the others find.
    scores = json.loads((folder / SCORES).read_bytes())
    scores["validation"]["reconstruction"] += 100
    (folder / SCORES).write_text(json.dumps(scores), encoding="utf-8")
    folder, selection = choose_run(three_seeds / "conv-beta-vae-beta4")
    assert folder.name == "conv-beta-vae-beta4-seed1" and selection["udr"] == found
    with pytest.raises(CheckpointError, match="there are 0"):
        choose_run(three_seeds / "conv-vae")


def test_a_study_without_a_beta_has_no_sweep(three_seeds, tmp_path, studio):
    for path in three_seeds.glob(f"*/{SCORES}"):
        scores = json.loads(path.read_bytes())
        settings = {"gamma": 10.0 + scores["config"]["seed"]}
        scores["config"] |= {"objective": "factor-vae", "objective_settings": settings}
        path.write_text(json.dumps(scores), encoding="utf-8")
    summary = summarise(read_runs(three_seeds), {})
    plots.sweep(summary, tmp_path / "sweep.png")
    plots.rate_distortion(summary, tmp_path / "plane.png")
    assert not (tmp_path / "sweep.png").exists() and (tmp_path / "plane.png").exists()
    said = results.sentences(results.points(summary, studio), "mig")
    assert said["beta"] == said["cost"] == "The study has no runs of several β."


def test_a_model_has_one_colour_in_all_charts(tmp_path, monkeypatch):
    """The charts of samples lack the baselines, and a study that went on has its models last."""
    line = {"pairs": [1, 2], "mean": [0.4, 0.5], "low": [0.3, 0.4], "high": [0.5, 0.6]}
    everyone = ["VAE, conv", "PCA", "VAE, mlp"]
    charts = {
        "means": dict.fromkeys(everyone, line),
        "samples": dict.fromkeys(["VAE, mlp", "VAE, conv"], line),
    }
    monkeypatch.setattr(plots.plt, "close", lambda figure: None)
    plots.curves({"curves": charts}, tmp_path / "curves.png")
    means, samples = plots.plt.gcf().axes
    monkeypatch.undo()
    plots.plt.close("all")
    colours = [
        {drawn.get_label(): drawn.get_color() for drawn in panel.lines[: len(charts[name])]}
        for name, panel in (("means", means), ("samples", samples))
    ]
    assert list(colours[0]) == ["VAE, conv", "VAE, mlp", "PCA"]
    assert len(set(colours[0].values())) == 3
    assert colours[1].items() < colours[0].items()


def test_a_study_of_nothing_is_refused(tmp_path, capsys):
    assert cli.main(["study", str(tmp_path)]) == 1
    assert "has no measured run" in capsys.readouterr().err


def test_baselines_have_their_known_order(small_pools):
    """The factors themselves are perfect; ten components of PCA know the place."""
    from betavae.data import Shapes2D
    from betavae.metrics import baselines

    scores, widths = {}, {}
    for name in ("ground truth", "PCA", "untrained"):
        encoded = baselines.BASELINES[name](Shapes2D(), 0)
        widths[name] = encoded.train.codes.shape[1]
        scores[name] = metrics.score(encoded, ["factor-vae"])["factor-vae"]["score"]
    assert widths == {"ground truth": 5, "PCA": 10, "untrained": 10}
    assert scores["ground truth"] > 0.99 > scores["PCA"] > scores["untrained"] + 0.05
    pixels = baselines.encode(lambda x: x.flatten(1), Shapes2D(), 0, 4, 2)
    assert pixels.train.codes.shape == (4, 4096) and set(np.unique(pixels.train.codes)) == {0, 1}


def test_baselines_that_a_seed_changes_are_measured_for_each(small_pools, monkeypatch):
    from betavae.data import Shapes2D
    from betavae.metrics import baselines

    asked = []

    def make(name):
        def ground_truth(source, seed):
            asked.append((name, seed))
            return baselines.ground_truth(source, seed)

        return ground_truth

    stubs = {name: make(name) for name in ("PCA", "untrained")}
    monkeypatch.setattr(summary_module, "BASELINES", stubs)
    monkeypatch.setattr(summary_module.metrics, "METRICS", {"mig": metrics.METRICS["mig"]})
    found = measure_baselines(Shapes2D(), range(2))
    assert asked == [("PCA", 0), ("untrained", 0), ("untrained", 1)]
    assert [result["seed"] for result in found["untrained"]] == [0, 1]
    assert set(found["PCA"][0]["metrics"]) == {"mig"}


def test_scores_of_baselines_are_measured_again_alone(
    small_pools, three_seeds, monkeypatch, tmp_path
):
    """Their other scores and their curves stay, and so does a baseline that is not measured."""
    from betavae.data import Shapes2D

    runs, names = read_runs(three_seeds), ("PCA", "untrained")
    makers = {name: summary_module.BASELINES[name] for name in names}
    monkeypatch.setattr(summary_module, "BASELINES", makers)
    band = {"values": [0.25, 0.5], "mean": 0.375, "sd": 0.1, "top_half": 0.5}
    scores = {"mig": band, "factor-vae-unpruned": band}
    earlier = summarise(runs, {}) | {
        "baselines": [
            {"title": name, "seeds": [0, 1], "paper": None, "scores": scores}
            for name in ("untrained", "ICA")
        ]
    }
    kept = tmp_path / "baselines.json"
    found = measure_baselines(Shapes2D(), range(1), only=("factor-vae",), kept=kept)
    found = measure_baselines(Shapes2D(), range(2), only=("factor-vae",), kept=kept)
    assert json.loads(kept.read_bytes()) == found
    for name in names:  # all is there by now
        monkeypatch.setitem(makers, name, None)
    assert measure_baselines(Shapes2D(), range(2), only=("factor-vae",), kept=kept) == found
    assert [set(result) for result in found["untrained"]] == [{"seed", "metrics"}] * 2
    both = added([], {"untrained": found["untrained"]}, earlier)
    untrained, ica = both["baselines"]
    assert set(untrained["scores"]) == {"mig", "factor-vae"} and ica["scores"] == scores
    assert untrained["scores"]["mig"] == band
    assert untrained["scores"]["factor-vae"]["values"] == [
        round(result["metrics"]["factor-vae"]["score"], 5) for result in found["untrained"]
    ]
    assert both["curves"] == earlier["curves"] and both["classifier"] == earlier["classifier"]
    with pytest.raises(ValueError, match=r"has untrained of the seeds \[0, 1\]"):
        added([], {"untrained": found["untrained"][:1]}, earlier)


def test_the_reports_table_is_the_studys():
    page = PROJECT / "weights" / "shapes2d-study" / "README.md"
    words, written = markdown(read_study()).split(), page.read_text(encoding="utf-8").split()
    assert " ".join(words) in " ".join(written)  # the note's lines are broken to fit
