"""Grids of runs: planned, trained, resumed and measured; and what is made of their scores."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import gradio as gr
import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from betavae import bundles, checkpoints, cli, metrics, packaging
from betavae.checkpoints import CheckpointError
from betavae.data import shapes2d
from betavae.metrics import codes
from betavae.study import grid, plots
from betavae.study import summary as summary_module
from betavae.study.earlier import added
from betavae.study.score import CODES, SCORES, read_runs
from betavae.study.summary import choose_run, measure_baselines, spread, summarise
from betavae.study.table import markdown, read_study, table_text
from betavae.training import TrainingError
from betavae.ui import training as training_tab

PROJECT = Path(__file__).parents[1]
BASE = {
    "data": "shapes2d",
    "channels": 1,
    "latents": 4,
    "likelihood": "bernoulli",
    "flips": False,
    "steps": 6,
    "batch_size": 8,
    "precision": "fp32",
    "memory_format": "contiguous",
}


@pytest.fixture(scope="module")
def small_pools():
    """Few pictures, held out and encoded: what is tested here is not the scores' precision."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "TRAIN", 400)
        patch.setattr(codes, "TEST", 200)
        patch.setattr(shapes2d, "HELD_OUT", 300)
        patch.setattr(grid, "HISTORY_ROWS", 1)
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory, small_pools):
    """A grid's folder with one finished run in it."""
    root = tmp_path_factory.mktemp("grid")
    (run,) = planned(root)
    assert grid.train_and_measure(run)
    return root


@pytest.fixture
def three_seeds(measured, tmp_path):
    """That run as three seeds of two settings, each with codes and a MIG of its own."""
    random = torch.Generator().manual_seed(0)
    (scores,) = read_runs(measured)
    found_by_all = torch.randn(300, 4, generator=random)
    for seed, beta in itertools.product(range(3), (1.0, 4.0)):
        folder = tmp_path / f"conv-beta-vae-beta{beta:g}-seed{seed}"
        folder.mkdir()
        copy = json.loads((scores["folder"] / SCORES).read_text())
        copy["config"] |= {"seed": seed, "objective_settings": {"beta": beta}}
        copy["metrics"]["mig"]["score"] = (seed + beta) / 10
        for row in copy["curves"]["means, 5 factors"]:
            row["accuracy"] *= 1 - seed / 10
        (folder / SCORES).write_text(json.dumps(copy))
        noise = torch.randn(300, 4, generator=random) * seed
        save_file({"means": found_by_all + noise, "kl": torch.ones(4)}, folder / CODES)
    return tmp_path


def planned(root, seeds=(0,), betas=(4.0,)):
    choices = {"seed": list(seeds), "architecture": ["conv"], "beta": list(betas)}
    return grid.plan(root, None, {**BASE, "objective": "beta-vae"}, choices)


def test_a_plan_is_every_combination_seed_by_seed(tmp_path):
    runs = planned(tmp_path, seeds=(0, 1), betas=(0.5, 4.0))
    assert [run.folder.name for run in runs] == [
        "conv-beta-vae-beta0.5-seed0",
        "conv-beta-vae-beta4-seed0",
        "conv-beta-vae-beta0.5-seed1",
        "conv-beta-vae-beta4-seed1",
    ]
    assert runs[2].config.seed == 1 and runs[2].config.objective_settings == {"beta": 0.5}


def test_a_run_is_trained_measured_and_its_scores_are_its_models(measured):
    (scores,) = read_runs(measured)
    assert scores["config"]["steps"] == 6 and set(scores["metrics"]) == set(metrics.METRICS)
    assert scores["validation"]["pictures"] == 300
    assert load_file(scores["folder"] / CODES)["means"].shape == (300, 4)
    # The scores are those of the checkpoint's weights, measured from outside.
    from betavae.data import Shapes2D
    from betavae.model import VAE

    vae = VAE("conv", 1, 4, "bernoulli").eval()
    vae.load_state_dict(checkpoints.read(scores["folder"])["vae"])
    again = metrics.evaluate(lambda x: vae.encode(x).mean, Shapes2D(), ["mig", "sap"], 0)
    for name in ("mig", "sap"):
        assert again[name]["score"] == pytest.approx(scores["metrics"][name]["score"], abs=1e-4)


def test_a_measured_run_becomes_a_bundle(measured, tmp_path, monkeypatch):
    """What it scores is what the grid measured: it is not measured twice here."""
    from betavae.data import Shapes2D

    (scores,) = read_runs(measured)
    monkeypatch.setattr(packaging, "evaluate_shapes", lambda *given: dict(scores))
    monkeypatch.setattr(packaging, "tolerance", lambda *given: {"mig": 0.0123})
    splits = (Shapes2D(split=split) for split in ("train", "validation"))
    for name in ("folder", "name", "code_version"):
        scores.pop(name)
    packaging.package(measured / "conv-beta-vae-beta4-seed0", tmp_path / "shapes2d-mine", *splits)
    bundle = bundles.load(tmp_path / "shapes2d-mine")
    for name in ("mig", "dci", "factor-vae"):
        found = scores["metrics"][name]["score"]
        assert bundle.metrics["scores"][name] == pytest.approx(found, abs=1e-5)
    assert bundle.metrics["scores"]["kl"] == pytest.approx(scores["validation"]["kl"], abs=1e-4)
    for latent in bundle.latents:
        shares = [track["share"] for track in latent.tracks]
        assert shares == sorted(shares, reverse=True) and len(shares) == 3
    card = (tmp_path / "shapes2d-mine" / "README.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("| MIG"))
    assert f" {bundle.metrics['scores']['mig']:.4f} " in line and "± 0.0123" in line


def test_a_folder_with_other_settings_is_refused(measured):
    (other,) = grid.plan(
        measured,
        None,
        {**BASE, "objective": "beta-vae", "steps": 7},
        {"seed": [0], "architecture": ["conv"], "beta": [4.0]},
    )
    with pytest.raises(TrainingError, match="holds a run with steps = 6, not 7"):
        grid.train_and_measure(other)
    with pytest.raises(TrainingError, match="holds a run with steps = 6, not 7"):
        grid.run_grid([other], 1)  # which finds it finished


GRID = """
import sys
from betavae import cli
from betavae.data import shapes2d
from betavae.metrics import codes
from betavae.study import grid

codes.TRAIN, codes.TEST, shapes2d.HELD_OUT = 400, 200, 300  # in the workers too: they import this
grid.HISTORY_ROWS, grid.CHECKPOINT_SECONDS = 1, 0.3
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_killed_grid_goes_on_and_skips_what_is_done(tmp_path):
    """`kill -9` in the middle of the first run; the second call finishes it from its checkpoint."""
    (tmp_path / "small_grid.py").write_text(GRID)
    words = [sys.executable, str(tmp_path / "small_grid.py"), "grid", "shapes2d"]
    words += ["--to", str(tmp_path), "--seeds", "1", "--beta", "4", "--steps", "80"]
    words += [
        "--batch-size",
        "8",
        "--precision",
        "fp32",
        "--memory-format",
        "channels_last",
        "--workers",
        "1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}

    def call():
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)

    run = tmp_path / "conv-beta-vae-beta4-seed0"
    first = call()
    deadline = time.monotonic() + 60
    while not (run / checkpoints.NAME).exists():
        assert first.poll() is None, first.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = psutil.Process(first.pid).children(recursive=True)
    first.kill()  # the grid alone: its workers must notice
    first.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive and not (run / SCORES).exists()
    state = checkpoints.read(run)
    assert 0 < state["step"] < 80
    checkpoints.write(run, {**state, "seconds": 1000.0})  # a run begun anew would not have them
    assert call().wait(timeout=300) == 0
    scores = json.loads((run / SCORES).read_text())
    assert scores["config"]["steps"] == 80 and scores["seconds"] >= 1000
    stamp = (run / SCORES).stat().st_mtime_ns
    assert call().wait(timeout=60) == 0
    assert (run / SCORES).stat().st_mtime_ns == stamp


def test_spread_is_the_papers_two_means():
    found = spread([0.5, 0.9, 0.7, 0.8])
    assert found["mean"] == pytest.approx(0.725)
    assert found["sd"] == pytest.approx(np.std([0.5, 0.9, 0.7, 0.8], ddof=1))
    assert found["top_half"] == pytest.approx(0.85)


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


@pytest.mark.parametrize(("setting", "value"), [("steps", 7), ("decay", "none")])
def test_another_training_replaces_the_earlier_one(three_seeds, setting, value):
    runs = read_runs(three_seeds)
    earlier = summarise(runs, {})
    longer = [run for run in runs if run["config"]["seed"] == 0]
    for run in longer:
        run["config"][setting] = value
    assert [row["seeds"] for row in added(longer, {}, earlier)["models"]] == [[0], [0]]


def test_a_seed_is_chosen_without_any_factor(three_seeds):
    folder, selection = choose_run(three_seeds / "conv-beta-vae-beta4")
    found = selection["udr"]
    assert len(found) == 3 and found[0] > found[1] > found[2]  # the noisier, the less agreed on
    assert folder.name == "conv-beta-vae-beta4-seed0"
    assert choose_run(folder) == (folder, None)
    # A seed that reconstructs worst is not chosen, whatever the others find.
    scores = json.loads((folder / SCORES).read_text())
    scores["validation"]["reconstruction"] += 100
    (folder / SCORES).write_text(json.dumps(scores))
    folder, selection = choose_run(three_seeds / "conv-beta-vae-beta4")
    assert folder.name == "conv-beta-vae-beta4-seed1" and selection["udr"] == found
    with pytest.raises(CheckpointError, match="0 are measured"):
        choose_run(three_seeds / "conv-vae")


def test_a_study_without_a_beta_has_no_sweep(three_seeds, tmp_path):
    for path in three_seeds.glob(f"*/{SCORES}"):
        scores = json.loads(path.read_text())
        settings = {"gamma": 10.0 + scores["config"]["seed"]}
        scores["config"] |= {"objective": "factor-vae", "objective_settings": settings}
        path.write_text(json.dumps(scores))
    summary = summarise(read_runs(three_seeds), {})
    plots.sweep(summary, tmp_path / "sweep.png")
    plots.rate_distortion(summary, tmp_path / "plane.png")
    assert not (tmp_path / "sweep.png").exists() and (tmp_path / "plane.png").exists()
    with gr.Blocks() as page:
        training_tab._sweep(summary)
    assert not page.blocks or all(not isinstance(b, gr.ScatterPlot) for b in page.blocks.values())


@pytest.mark.parametrize(
    ("may_use", "workers", "threads"), [({1}, 1, 1), ({0, 1}, 1, 2), ({5}, 2, 1)]
)
def test_a_grid_takes_the_cores_that_it_may_use(monkeypatch, may_use, workers, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: may_use, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "unset")  # restored after the test
    assert grid.run_grid([], workers) == []
    assert os.environ["OMP_NUM_THREADS"] == str(threads)


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
    assert "holds no measured run" in capsys.readouterr().err


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


def test_the_readmes_table_is_the_studys():
    assert markdown(read_study()) in (PROJECT / "README.md").read_text()
