"""What the lab's recipe teaches in its time: does size, x and y each get a latent of its own?

python tests/benchmarks/lab_recipe.py [--seeds 0 1 2] [--steps 4000 | --lab] [--runs falling one]

Trains what *Start* trains and prints for each seed how many times as much the best latent tells of
a factor as the next one does, in mutual information on 2,000 pictures; β = 1 and plain β = 4 of the
same time are the reference. Each run has so many steps and one thread; or with --lab the runs of a
seed are trained as the page trains them, side by side, for the 90 seconds that it gives them. With
--to, the rows are added to a file, and those it has already are not trained again.
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

from betavae import VAE, cli
from betavae.data import Shapes2D
from betavae.data.shapes2d import FACTOR_SIZES
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.metrics.telling import TWICE, entropies, information_from_few, share_over_next, tellers
from betavae.serving.lab.lab import Lab
from betavae.serving.lab.seat import DONE, FAILED
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


def trained(run: str, seed: int, steps: int) -> tuple[VAE, dict]:
    """What the lab trains, in so many steps, and what it took."""
    (setup,) = checked(DEFAULTS | {"runs": [RUNS[run]], "seed": seed})
    words = setup.options({"steps": steps, "precision": "auto", "memory_format": "auto"})
    at = words.index("--seconds")
    del words[at : at + 2]  # its steps are what counts here, however busy the machine is
    with tempfile.TemporaryDirectory() as folder:
        words += ["--to", folder, "--history-steps", "1000000000"]
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert cli.main(["train", *words]) == 0
        took = time.process_time() - began
        state = checkpoints.read(Path(folder))
    vae = new_model(TrainingConfig(**state["config"]))
    vae.load_state_dict(state["vae"])
    return vae, {"steps": steps, "seconds": took}


def trained_as_in_the_page(runs: list[str], seed: int) -> dict[str, tuple[VAE, dict]]:
    """By run, what *Start* makes of one or two at once in a lab that knows nothing of the machine
    yet, and the steps that it made."""
    lab = Lab()
    try:
        visit = lab.start(None, DEFAULTS | {"runs": [RUNS[run] for run in runs], "seed": seed})
        while not all(seat.stage in (DONE, FAILED) for seat in visit.seats):
            time.sleep(0.5)
            lab.look(visit.token)
        made = {}
        for run, seat in zip(runs, visit.seats, strict=True):
            assert seat.stage == DONE, seat.sentence
            report = seat.live()
            took = {"steps": report["step"], "seconds": report["seconds"]}
            made[run] = VAE.from_pretrained(seat.bundle_folder), took
        return made
    finally:
        lab.close()


@torch.no_grad()
def looked_at(vae: VAE, shapes: Shapes2D) -> dict:
    """Ratios and whose they are."""
    vae.eval()
    images = shapes.batch(torch.arange(PICTURES)).float() / 255
    posteriors = [vae.encode(some) for some in images.split(250)]
    codes = torch.cat([p.mean for p in posteriors]).double().numpy()
    factors = shapes.factors(shapes.indices[:PICTURES]).numpy()
    kl = torch.cat([p.kl() for p in posteriors]).mean(0).numpy()
    information = information_from_few(codes, factors) * (kl >= ACTIVE_NATS)[:, None]
    ratios = share_over_next(information)
    found = tellers(information, entropies(FACTOR_SIZES))
    return {
        "ratios": {name: round(float(ratios[k]), 2) for name, k in TOLD.items()},
        "own": {name: found[k][0] for name, k in TOLD.items() if len(found[k]) == 1},
        "kl": [round(float(k), 2) for k in kl],
        "told": {name: round(float(information[:, k].max()), 2) for name, k in TOLD.items()},
    }


def line(row: dict) -> str:
    ratios = "  ".join(f"{row['ratios'][name]:6.1f}" for name in TOLD)
    own = ", ".join(f"z{latent} tells {name}" for name, latent in row["own"].items())
    took = f"{row['steps']:6,} steps {row['seconds']:5.0f} s"
    return f"{row['run']:12s} {row['seed']:4d}  {ratios}  {took}  {own or 'none'}"


def conclusion(run: str, rows: list[dict]) -> str:
    own = [sum(ratio >= TWICE for ratio in row["ratios"].values()) for row in rows]
    medians = ", ".join(
        f"{name} {np.median([row['ratios'][name] for row in rows]):.1f}" for name in TOLD
    )
    return (
        f"{run}: all three in {own.count(3)} of {len(rows)} seeds, {np.mean(own):.1f} of 3 in the "
        f"mean; median ratios {medians}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument(
        "--lab", action="store_true", help="as the page trains, in place of --steps"
    )
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=["falling", "one"])
    parser.add_argument("--to", type=Path, help="a file of JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(1)
    how = "lab" if options.lab else options.steps
    shapes, rows = Shapes2D(split="validation"), []
    if options.to and options.to.exists():
        rows = [json.loads(text) for text in options.to.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["how"] == how and row["run"] in options.runs]
    print(f"best over next: {', '.join(TOLD)}; steps and what they took; a latent's own")
    for seed in options.seeds:
        known = [row["run"] for row in rows if row["seed"] == seed]
        missing = [run for run in options.runs if run not in known]
        if options.lab and missing:
            made = trained_as_in_the_page(missing, seed)
        else:
            made = {run: trained(run, seed, options.steps) for run in missing}
        for run, (vae, took) in made.items():
            rows.append({"run": run, "seed": seed, "how": how, **took, **looked_at(vae, shapes)})
            print(line(rows[-1]), flush=True)
            if options.to:
                with open(options.to, "a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    for run in options.runs:
        print(conclusion(run, [row for row in rows if row["run"] == run]))


if __name__ == "__main__":
    main()
