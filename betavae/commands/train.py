"""python -m betavae train"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from betavae.commands.options import (
    DEFAULTS,
    add_data,
    all_settings,
    objective_settings,
    positive,
    refuse_foreign_settings,
    splits,
)
from betavae.data import DATA_SETS
from betavae.model import ARCHITECTURES
from betavae.objectives import OBJECTIVES
from betavae.training import checkpoints
from betavae.training.config import FALLS_FROM, OPTIMISERS, TrainingConfig, config_from
from betavae.training.fitting import scaled, steps_in
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run, TrainingError


def add(commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a model on faces, on 2D shapes or on your own pictures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a model. Look at traversal.png in the run folder while it runs; "
        "checkpoint.pt and history.csv are there too.\nObjectives:\n"
        + "\n".join(f"  {name:12s} {kind.summary}" for name, kind in sorted(OBJECTIVES.items())),
        epilog="Example: python -m betavae train celeba --data data/celeba --objective beta-vae "
        "--beta 250 --to runs/celeba-beta-vae",
    )
    parser.set_defaults(run_command=_train)
    # A run that trains saves itself when it is stopped, and says so.
    parser.set_defaults(stopped="Stopped before a step was trained; the same command starts again.")
    default = TrainingConfig()
    option = parser.add_argument
    option(
        "data",
        choices=sorted(DATA_SETS),
        help="celeba: CelebA's own folder; images: any folder of pictures; shapes2d: 2D shapes",
    )
    add_data(parser)
    option("--to", dest="run", type=Path, help="the run folder (default: runs/DATA-OBJECTIVE)")
    option("--resume", action="store_true", help="continue from the checkpoint in the run folder")
    option("--objective", choices=sorted(OBJECTIVES), help=f"default: {default.objective}")
    for name, value in all_settings().items():
        option(f"--{name.replace('_', '-')}", type=float, help=f"the objective's {name} ({value})")
    option(
        "--betas",
        type=float,
        nargs=2,
        metavar=("LOWEST", "HIGHEST"),
        help="with beta-vae: train one network for every beta between these two (MultiRateVAE); "
        "--beta is then the one that it is shown at first",
    )
    option("--architecture", choices=sorted(ARCHITECTURES), help=f"default: {default.architecture}")
    option("--latents", type=positive, help=f"number of latents ({default.latents})")
    option("--steps", type=positive, help=f"training steps, a batch each ({default.steps})")
    option(
        "--batch-size",
        type=positive,
        help=f"pictures per step, over all processes ({default.batch_size})",
    )
    option("--optimiser", choices=sorted(OPTIMISERS), help=f"default: {default.optimiser}")
    option("--learning-rate", type=float, help=f"after warm-up ({default.learning_rate})")
    option("--warm-up", type=int, help=f"steps of linear warm-up ({default.warm_up})")
    option("--decay", choices=("cosine", "none"), help=f"default: {default.decay}")
    option(
        "--growth",
        type=int,
        help="let the code grow in parts of this many steps: see betavae/training/growth.py "
        "(0: it does not grow)",
    )
    option(
        "--fresh-latents",
        type=positive,
        nargs="+",
        help="with --growth: how many unused latents start again, for each round (one round, all)",
    )
    option(
        "--polar",
        type=int,
        help="after this step two latents become polar coordinates, a distance and an angle: see "
        "betavae/training/turning.py (0: never)",
    )
    option(
        "--falling",
        type=int,
        help=f"steps in which KL's weight falls from {FALLS_FROM:g} to the objective's; 0: "
        "it has its own from the start",
    )
    option("--precision", choices=("auto", "fp32", "bf16"), help="auto takes the faster one (auto)")
    option(
        "--memory-format", choices=("auto", "channels_last", "contiguous"), help="as --precision"
    )
    option("--seed", type=int, help=f"default: {default.seed}")
    option(
        "--history-steps",
        type=positive,
        default=Pace.history_steps,
        help="steps between validations (%(default)s)",
    )
    option(
        "--checkpoint-seconds", type=float, default=120, help="seconds between checkpoints (120)"
    )
    option(
        "--picture-seconds",
        type=float,
        default=240,
        help="seconds between traversal pictures (240)",
    )
    option("--seconds", type=float, help="end after so many seconds of training, pauses apart")
    option(
        "--fit",
        action="store_true",
        help="with --seconds: as many steps as this machine makes in that time, measured at the "
        "start; what else counts in steps is scaled with them",
    )
    option("--stop-after", type=positive, metavar="STEP", help="end after this step")
    option(
        "--live",
        action="store_true",
        help="write what the run looks like to live.json in its folder, once a second, and obey "
        "go, pause, step and stop on standard input; it waits for go, and ends when that closes",
    )


def _train(options: argparse.Namespace) -> None:
    from betavae.training.distributed import join, restarted, under_torchrun

    chosen = {k: v for k, v in vars(options).items() if v is not None}
    chosen |= {k: tuple(v) for k, v in chosen.items() if isinstance(v, list)}  # as in the config
    folder = options.run or Path("runs") / f"{options.data}-{options.objective or 'beta-vae'}"
    if not options.resume:  # what nothing can be trained with is said before pictures are read
        if folder.is_file():
            raise TrainingError(f"{folder} is a file; name a folder with --to.")
        if not under_torchrun():  # there it may be a restart, which only the lost process knows of
            _refuse_a_run(folder)
        chosen["objective_settings"] = objective_settings(chosen)
        config = config_from({**DEFAULTS[options.data], **chosen})
    processes = join()
    try:
        data, validation = splits(options.data, options.root, processes.first)
        # After a loss torchrun starts the same command again, and only the lost one is told.
        again = processes.any(restarted()) and (folder / checkpoints.NAME).exists()
        if options.resume or again:
            run = Run.resume(folder, data, processes)
            _refuse_other_settings(chosen, run)
        else:
            _refuse_a_run(folder)
            folder.mkdir(parents=True, exist_ok=True)
            run = Run(folder, config, data, processes)
            if options.fit:
                steps = processes.first_says(steps_in(_time(options), run))
                run = Run(folder, scaled(run.config, steps), data, processes)
        if processes.first:
            print(f"{run.config}\n{len(data)} pictures to train on, {len(validation)} held out")
        pace = Pace(
            options.history_steps,
            options.checkpoint_seconds,
            options.picture_seconds,
            progress=not options.live,
        )
        train(run, validation, pace, watcher=_watcher(options, validation))
    finally:
        processes.close()


def _time(options: argparse.Namespace) -> float:
    if not options.seconds or not 0 < options.seconds < math.inf:
        raise ValueError("--fit needs --seconds, the time that the steps are to fit.")
    return options.seconds


def _watcher(options: argparse.Namespace, validation):
    from betavae.training.watching import Nobody, Watcher

    ends = options.seconds or math.inf, options.stop_after or math.inf
    return Watcher(validation, *ends) if options.live else Nobody(*ends)


def _refuse_a_run(folder: Path) -> None:
    if (folder / checkpoints.NAME).exists():
        raise TrainingError(
            f"{folder} already holds a run: add --resume to continue it, or name another folder "
            "with --to."
        )


def _refuse_other_settings(chosen: dict, run) -> None:
    stored = {**vars(run.config), **run.config.objective_settings}
    for name, value in chosen.items():
        if name in stored and stored[name] != value and value != "auto":
            raise TrainingError(
                f"{run.folder} was trained with {name} = {stored[name]}, not {value}: a resumed "
                "run keeps its settings."
            )
    refuse_foreign_settings(chosen, run.config.objective)
