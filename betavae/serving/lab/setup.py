"""What a visitor wants trained: checked, and as the command that trains it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from betavae.objectives import OBJECTIVES, settings
from betavae.serving.checks import Refused, whole_number
from betavae.serving.lab.material import Material
from betavae.training.config import title


@dataclass(frozen=True)
class Knob:
    """A slider of the form."""

    name: str
    label: str
    low: float
    high: float
    start: float
    logarithmic: bool = True
    marks: tuple[float, ...] = ()


BETA = Knob("beta", "β", 0.25, 64, 4, marks=(1, 4))
# The sliders of each objective; its other settings stay at their defaults.
KNOBS: dict[str, tuple[Knob, ...]] = {
    "vae": (),
    "beta-vae": (BETA,),
    "capacity": (
        Knob("capacity", "C, nats", 1, 50, 25, logarithmic=False),
        Knob("gamma", "γ", 1, 1000, 100),
    ),
    "beta-tcvae": (BETA,),
    "factor-vae": (Knob("gamma", "γ", 1, 100, 10),),
    "dip-vae-i": (Knob("lambda_od", "λ, off the diagonal", 1, 1000, 10),),
    "dip-vae-ii": (Knob("lambda_od", "λ, off the diagonal", 1, 1000, 10),),
}
TITLES = {
    "vae": "VAE",
    "beta-vae": "β-VAE",
    "capacity": "Capacity annealing",
    "beta-tcvae": "β-TCVAE",
    "factor-vae": "FactorVAE",
    "dip-vae-i": "DIP-VAE-I",
    "dip-vae-ii": "DIP-VAE-II",
}
LATENTS, SECONDS = (2, 10), (30, 300)
RATE = Knob("learning_rate", "Learning rate", 1e-4, 1e-2, 2e-3)
MOST_RUNS = 2  # side by side
NO_FALL = ("capacity",)  # objectives that have a pressure of their own
# What else a run of the lab is trained with. In a minute and a half many steps of small batches
# sort more than few of large ones; and KL's weight that falls to β sorts what β alone, from the
# first step on, has no time for.
RECIPE: dict[str, Any] = {
    "architecture": "conv-small",
    "batch_size": 16,
    "warm_up": 100,
    "decay": "cosine",
}
STEPS = 4000  # of a run, where nothing is known of this machine's speed; then scaled to it
FALL = 0.8  # of the steps: KL's weight falls from FALLS_FROM to the objective's
GROWS = 0.6  # of the steps of the objective `capacity`: until C has its full size
DEFAULTS = {"latents": 6, "seed": 2, "seconds": 90, "learning_rate": RATE.start}


@dataclass(frozen=True)
class Setup:
    """One run."""

    material: Material
    objective: str
    weights: tuple[tuple[str, float], ...]
    latents: int
    learning_rate: float
    seed: int
    seconds: float
    falls: bool = False  # KL's weight, from FALLS_FROM

    @property
    def title(self) -> str:
        """For people: "β-VAE (β = 4), falling from 150"."""
        full = settings(OBJECTIVES[self.objective]) | dict(self.weights)
        config = {"objective": self.objective, "objective_settings": full, "falling": self.falls}
        return title(config)

    def options(self, known: dict[str, Any]) -> list[str]:
        """What `python -m betavae train` is told, but for where to.

        known  "precision", "memory_format" and "steps", where they are
        """
        steps = known.get("steps", STEPS)
        chosen = {
            "objective": self.objective,
            **dict(self.weights),
            "latents": self.latents,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            **RECIPE,
            "steps": steps,
            "falling": round(FALL * steps) if self.falls else 0,
            **{k: known[k] for k in ("precision", "memory_format") if k in known},
            "seconds": self.seconds,
        }
        if self.objective == "capacity":
            chosen["capacity_steps"] = round(GROWS * steps)
        return [*self.material.options, *_spelled(chosen), *([] if "steps" in known else ["--fit"])]


def _spelled(chosen: dict[str, Any]) -> list[str]:
    words = []
    for name, value in chosen.items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    return words


def commands(config: dict[str, Any], steps: int, folder: str) -> str:
    """What makes the same bundle again, for a shell.

    config  a TrainingConfig as a dictionary, of a run that was ended after so many steps
    """
    run, source = Path("runs") / folder, "" if config["data"] == "shapes2d" else " --data PICTURES"
    named = ("objective", "latents", "learning_rate", "seed", *RECIPE, "steps", "falling")
    chosen = {name: config[name] for name in (*named, "precision", "memory_format")}
    chosen |= config["objective_settings"]
    if steps < config["steps"]:
        chosen["stop_after"] = steps
    words = shlex.join(_spelled(chosen))
    return (
        f"python -m betavae train {config['data']}{source} {words} --to {run}\n"
        f"python -m betavae publish {run}{source} --unmeasured --to weights/{folder}"
    )


def checked(request: Any, offered: Sequence[Material] = (Material("shapes2d"),)) -> list[Setup]:
    """{"runs": [{"objective", "weights": {name: number}, "falls"}], "latents", "learning_rate",
    "seed", "seconds", "data"} from the browser -> one or two runs. Raises Refused."""
    if not isinstance(request, dict):
        raise Refused("Send a set-up.")
    data = request.get("data", offered[0].name)
    material = next((one for one in offered if one.name == data), None)
    if material is None:
        raise Refused(f"The lab trains on: {', '.join(one.name for one in offered)}.")
    runs = request.get("runs")
    if not isinstance(runs, list) or not 0 < len(runs) <= MOST_RUNS:
        raise Refused(f"Send one to {MOST_RUNS} runs.")
    shared = {
        "material": material,
        "latents": whole_number(request.get("latents"), *LATENTS, "The number of latents"),
        "learning_rate": _number(request.get("learning_rate"), RATE),
        "seed": whole_number(request.get("seed"), 0, 2**31, "The seed"),
        "seconds": whole_number(request.get("seconds"), *SECONDS, "The number of seconds"),
    }
    return [_run(run, shared) for run in runs]


def _run(run: Any, shared: dict[str, Any]) -> Setup:
    objective = run.get("objective") if isinstance(run, dict) else None
    if not isinstance(objective, str) or objective not in KNOBS:
        raise Refused(f"There is no such objective; choose one of: {', '.join(KNOBS)}.")
    knobs = {knob.name: knob for knob in KNOBS[objective]}
    given = run.get("weights", {})
    if not isinstance(given, dict) or set(given) != set(knobs):
        raise Refused(f"The objective {objective} has the weights: {', '.join(knobs) or 'none'}.")
    weights = tuple((name, _number(given[name], knob)) for name, knob in knobs.items())
    falls = run.get("falls", False)
    if not isinstance(falls, bool) or (falls and objective in NO_FALL):
        raise Refused(f"KL's weight cannot fall under the objective {objective}.")
    return Setup(objective=objective, weights=weights, falls=falls, **shared)


def _number(value: Any, knob: Knob) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not knob.low <= value <= knob.high:
        raise Refused(f"{knob.label} must be a number from {knob.low:g} to {knob.high:g}.")
    return float(value)
