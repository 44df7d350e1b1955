"""The commands that make what a study shows, written from what it says of each model."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from betavae.objectives import OBJECTIVES, settings
from betavae.study.kinds import is_long, kind
from betavae.training.config import TrainingConfig, fresh_rounds

# What decides a run, beside its objective, steps and seed.
OPTIONS = (
    "architecture",
    "optimiser",
    "learning_rate",
    "warm_up",
    "decay",
    "growth",
    "falling",
    "polar",
)
EARLIER_LONG = "bf16"  # rows of before do not say their precision; the long ones had this


def grid_commands(row: dict[str, Any]) -> list[str]:
    """Train and measure one kind of model of a study of 2D shapes; `row` is study.json's. One
    command for each stretch of seeds: one in between may be lost."""
    words = ["python -m betavae grid shapes2d", *_objective(row["objective"], row["settings"])]
    words += _flags({k: v for k, v in row.items() if v is not None})
    words += [f"--steps {row['steps']} --batch-size {row['batch_size']}"]
    precision = row.get("precision", EARLIER_LONG if is_long(row) else None)
    if precision:
        words.append(f"--precision {precision}")
    stretches = groupby(enumerate(sorted(row["seeds"])), lambda place: place[1] - place[0])
    return [" ".join([*words, *_seeds([seed for _, seed in some])]) for _, some in stretches]


def _seeds(stretch: list[int]) -> list[str]:
    first = [f"--first-seed {stretch[0]}"] if stretch[0] else []
    return [f"--seeds {len(stretch)}", *first]


def train_command(name: str, training: dict[str, Any]) -> str:
    """Trains the run of one bundle, with this machine's fastest precision."""
    words = [f"python -m betavae train {training['data']}{_pictures(training['data'])}"]
    words += _objective(training["objective"], training["objective_settings"])
    words += _flags(training)
    default = TrainingConfig()
    for option in ("latents", "steps", "batch_size"):
        if training[option] != getattr(default, option):
            words.append(f"--{option.replace('_', '-')} {training[option]}")
    return " ".join([*words, f"--to runs/{name}"])


def bundle_commands(name: str, config: dict[str, Any]) -> list[str]:
    """All that makes the bundle `name` of faces; a rotated one's training is that of another."""
    made = publish_command(name, config)
    return [made] if "rotated" in config else [train_command(name, config["training"]), made]


def publish_command(name: str, config: dict[str, Any]) -> str:
    """Packages the bundle `name`: of 2D shapes the run of the grid, or the seed to be chosen. One
    that is another, rotated, is made of that."""
    training, data = config["training"], config["data"]["name"]
    if "rotated" in config:
        of = config["rotated"]["of"]
        return f"python -m betavae rotate weights/{of}{_pictures(data)} --to weights/{name}"
    if data == "celeba" or training.get("betas"):  # no run of a grid
        return f"python -m betavae publish runs/{name}{_pictures(data)} --to weights/{name}"
    seed = "" if "selection" in config else f"-seed{training['seed']}"
    run = f"runs/shapes2d/{kind(training)}{seed}"
    return f"python -m betavae publish {run} --to weights/{name}"


def _pictures(data: str) -> str:
    return " --data DATA" if data == "celeba" else ""


def _objective(name: str, values: dict[str, float]) -> list[str]:
    """The objective and its settings: those that its title shows, and those that are not usual."""
    objective = OBJECTIVES[name]
    usual = settings(objective)
    shown = {k: v for k, v in values.items() if v != usual[k] or f"{{{k}" in objective.title}
    flags = [f"--{k.replace('_', '-')} {v:g}" for k, v in shown.items()]
    return [f"--objective {name}", *flags]


def _flags(values: dict[str, Any]) -> list[str]:
    """Those of OPTIONS that are not TrainingConfig's defaults; earlier rows lack some."""
    default = TrainingConfig()
    flags = [
        f"--{option.replace('_', '-')} {values[option]}"
        for option in OPTIONS
        if values.get(option, getattr(default, option)) != getattr(default, option)
    ]
    if values.get("betas"):
        flags.append(f"--betas {' '.join(f'{beta:g}' for beta in values['betas'])}")
    rounds = fresh_rounds(values)
    return [*flags, f"--fresh-latents {' '.join(map(str, rounds))}"] if rounds else flags
