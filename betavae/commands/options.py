"""What several commands take: the data, an objective's weights, counts."""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.data import DATA_SETS, DataError
from betavae.objectives import OBJECTIVES, settings
from betavae.training.config import TrainingConfig
from betavae.training.run import TrainingError

# What differs from TrainingConfig's defaults, a data set.
DEFAULTS = {
    "celeba": {},
    "images": {},
    "shapes2d": {
        "channels": 1,
        "latents": 10,
        "likelihood": "bernoulli",
        "flips": False,
        "steps": 16_000,
        "batch_size": 16,  # the more steps the better, for as many pictures
    },
}


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        dest="root",
        type=Path,
        help="the folder with the pictures; for shapes2d the published npz file, or leave it out "
        "to render the pictures",
    )


def splits(data: str, root: Path | None, progress: bool = True):
    if root is None and data != "shapes2d":
        raise DataError(f"{data} needs --data FOLDER, the folder with its pictures.")
    return [DATA_SETS[data](root, split, progress) for split in ("train", "validation")]


def objective_settings(chosen: dict) -> dict[str, float]:
    """The objective's weights with those given filled in; a weight of another one is an error."""
    name = chosen.get("objective", TrainingConfig().objective)
    refuse_foreign_settings(chosen, name)
    return {s: chosen.get(s, value) for s, value in settings(OBJECTIVES[name]).items()}


def refuse_foreign_settings(chosen: dict, objective: str) -> None:
    own = settings(OBJECTIVES[objective])
    foreign = [s for s in all_settings() if s in chosen and s not in own]
    if foreign:
        raise TrainingError(f"--{foreign[0]} is not a setting of the objective {objective}.")


def all_settings() -> dict[str, str]:
    """Every weight of any objective -> the objectives that have it, with their defaults."""
    found: dict[str, list[str]] = {}
    for objective, kind in OBJECTIVES.items():
        for name, value in settings(kind).items():
            found.setdefault(name, []).append(f"{objective}: {value:g}")
    return {name: ", ".join(places) for name, places in found.items()}


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"it is {text}, but must be 1 or more")
    return value
