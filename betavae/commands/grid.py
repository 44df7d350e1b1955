"""python -m betavae grid"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from betavae.commands.options import DEFAULTS, add_data, all_settings, objective_settings, positive
from betavae.model import ARCHITECTURES
from betavae.objectives import OBJECTIVES
from betavae.training.config import OPTIMISERS, TrainingConfig


def add(commands) -> None:
    parser = commands.add_parser(
        "grid",
        help="train and measure many seeds and settings, several side by side",
        description="Train and measure every combination of the given architectures, settings and "
        "seeds. Finished runs are skipped, and interrupted ones are continued. The scores of a run "
        "are in its scores.json.",
        epilog="Example: python -m betavae grid shapes2d --beta 0.5 1 2 4 8 16 --seeds 3",
    )
    parser.set_defaults(run_command=_grid)
    option = parser.add_argument
    option("data", choices=["shapes2d"], help="the metrics need its known factors")
    add_data(parser)
    option(
        "--to", type=Path, default=Path("runs/shapes2d"), help="a folder of runs (runs/shapes2d)"
    )
    option("--seeds", type=positive, default=10, help="number of seeds (10)")
    option("--first-seed", type=int, default=0, help="such as 5 if another machine runs 0 to 4 (0)")
    option("--workers", type=positive, default=2, help="runs at the same time, on shared cores (2)")
    option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="give the runs to the workers of this Dask scheduler instead (pip install "
        "distributed); they must see the same folders",
    )
    option("--objective", choices=sorted(OBJECTIVES), default="beta-vae")
    for name, value in all_settings().items():
        option(
            f"--{name.replace('_', '-')}", type=float, nargs="+", help=f"values to try ({value})"
        )
    option("--architecture", nargs="+", choices=sorted(ARCHITECTURES), default=["conv"])
    for name in ("steps", "batch_size"):
        option(f"--{name.replace('_', '-')}", type=positive)
    option("--optimiser", choices=sorted(OPTIMISERS))
    option("--learning-rate", type=float)
    option("--warm-up", type=int)
    option("--decay", choices=("cosine", "none"))
    option("--growth", type=int, help="let the code grow in parts of so many steps (0: no)")
    option(
        "--fresh-latents",
        type=positive,
        nargs="+",
        help="how many unused latents start again, for each round (one round, all)",
    )
    option("--polar", type=int, help="after this step two latents become polar coordinates (0)")
    option("--precision", choices=("auto", "fp32", "bf16"))
    option("--memory-format", choices=("auto", "channels_last", "contiguous"))


def _grid(options: argparse.Namespace) -> None:
    from betavae.study.grid import run_grid

    done = run_grid(runs_of(options), options.workers, options.scheduler)
    print(f"{len(done)} runs under {options.to} are trained and measured")


def runs_of(options: argparse.Namespace) -> list:
    """What is to be trained: see `betavae.study.grid.plan`."""
    from betavae.study.grid import plan

    chosen = {k: v for k, v in vars(options).items() if v is not None}
    values = {
        name: value if isinstance(value, list) else [value]
        for name, value in objective_settings(chosen).items()
    }
    given = {f.name: chosen[f.name] for f in fields(TrainingConfig) if f.name in chosen}
    base = {"data": options.data, **DEFAULTS[options.data], **given}
    base.pop("architecture", None)
    seeds = list(range(options.first_seed, options.first_seed + options.seeds))
    choices = {"seed": seeds, "architecture": options.architecture, **values}
    return plan(options.to, options.root, base, choices)
