"""What the lab's recipe teaches in its time: does size, x and y each get a latent of its own?

python tests/benchmarks/lab_recipe.py [--seeds 0 1 2] [--steps 4000] [--runs falling plain one]

Trains what *Start* trains, in so many steps, one thread a run, and prints for each seed how many
times as much the best latent tells of a factor as the next one does, in mutual information on
2,000 pictures; β = 1 and plain β = 4 of the same run are the reference. With --to, the rows are
added to a file, and those it has already are not trained again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from betavae import cli
from betavae.data import Shapes2D
from betavae.data.shapes2d import FACTOR_SIZES
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.metrics.telling import TWICE, entropies, information_from_few, share_over_next, tellers
from betavae.serving.lab.setup import DEFAULTS, checked
from betavae.training import checkpoints
from betavae.training.config import TrainingConfig
from betavae.training.run import new_model

PICTURES = 2000
TOLD = {"size": 1, "x": 3, "y": 4}  # columns of the factors
RUNS = {
    "falling": {"objective": "beta-vae", "weights": {"beta": 4}, "falls": True},
    "plain": {"objective": "beta-vae", "weights": {"beta": 4}},
    "one": {"objective": "beta-vae", "weights": {"beta": 1}},
    "one-falling": {"objective": "beta-vae", "weights": {"beta": 1}, "falls": True},
}


def trained(run: dict, seed: int, steps: int) -> tuple[dict, float]:
    """The checkpoint of what the lab trains, and the processor's seconds that it took."""
    (setup,) = checked(DEFAULTS | {"runs": [run], "seed": seed})
    words = setup.options({"steps": steps, "precision": "auto", "memory_format": "auto"})
    at = words.index("--seconds")
    del words[at : at + 2]  # its steps are what counts here, however busy the machine is
    with tempfile.TemporaryDirectory() as folder:
        words += ["--to", folder, "--history-steps", "1000000000"]
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert cli.main(["train", *words]) == 0
        return checkpoints.read(Path(folder)), time.process_time() - began


@torch.no_grad()
def looked_at(state: dict, shapes: Shapes2D) -> dict:
    """Ratios and whose they are, of a checkpoint."""
    vae = new_model(TrainingConfig(**state["config"])).eval()
    vae.load_state_dict(state["vae"])
    images = shapes.batch(torch.arange(PICTURES)).float() / 255
    posteriors = [vae.encode(some) for some in images.split(250)]
    codes = torch.cat([p.mean for p in posteriors]).double().numpy()
    factors = shapes.factors(shapes.indices[:PICTURES]).numpy()
    kl = torch.cat([p.kl() for p in posteriors]).mean(0).numpy()
    information = information_from_few(codes, factors) * (kl >= ACTIVE_NATS)[:, None]
    ratios, found = (
        share_over_next(information),
        tellers(information, entropies(FACTOR_SIZES)),
    )
    return {
        "ratios": {name: round(float(ratios[k]), 2) for name, k in TOLD.items()},
        "own": {name: found[k][0] for name, k in TOLD.items() if len(found[k]) == 1},
        "kl": [round(float(k), 2) for k in kl],
        "told": {name: round(float(information[:, k].max()), 2) for name, k in TOLD.items()},
        "reconstruction": round(state["history"][-1]["validation_reconstruction"], 1),
    }


def line(row: dict) -> str:
    ratios = "  ".join(f"{row['ratios'][name]:6.1f}" for name in TOLD)
    own = ", ".join(f"z{latent} tells {name}" for name, latent in row["own"].items())
    return f"{row['run']:12s} {row['seed']:4d}  {ratios}  {row['cpu']:5.0f} s  {own or 'none'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=["falling", "one", "plain"])
    parser.add_argument("--to", type=Path, help="a file of JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shapes, rows = Shapes2D(split="validation"), []
    if options.to and options.to.exists():
        rows = [json.loads(text) for text in options.to.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["steps"] == options.steps and row["run"] in options.runs]
    print(f"{options.steps} steps; best over next: {', '.join(TOLD)}; CPU time; a latent's own")
    for seed in options.seeds:
        for run in options.runs:
            if any(row["run"] == run and row["seed"] == seed for row in rows):
                continue
            state, cpu = trained(RUNS[run], seed, options.steps)
            row = {"run": run, "seed": seed, "steps": options.steps, "cpu": cpu}
            row |= looked_at(state, shapes)
            rows.append(row)
            print(line(row), flush=True)
            if options.to:
                with open(options.to, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    for run in options.runs:
        mine = [row for row in rows if row["run"] == run]
        own = [sum(ratio >= TWICE for ratio in row["ratios"].values()) for row in mine]
        medians = ", ".join(
            f"{name} {np.median([row['ratios'][name] for row in mine]):.1f}" for name in TOLD
        )
        print(
            f"{run}: all three in {own.count(3)} of {len(mine)} seeds, {np.mean(own):.1f} of 3 in "
            f"the mean; median ratios {medians}"
        )


if __name__ == "__main__":
    main()
