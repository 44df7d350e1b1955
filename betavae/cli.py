"""The command line: `python -m betavae train | evaluate | traverse | compare | publish`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from betavae.checkpoints import CheckpointError
from betavae.data import DATA_SETS, DataError
from betavae.model import ARCHITECTURES, WeightsError
from betavae.objectives import OBJECTIVES, settings
from betavae.training import OPTIMISERS, TrainingConfig, TrainingError

EXPECTED = (CheckpointError, DataError, TrainingError, WeightsError, ValueError, OSError)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what is expected to go wrong ends in one sentence and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        options.run_command(options)
    except EXPECTED as error:
        print(f"betavae: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m betavae",
        description="Train, measure, package and look at variational autoencoders whose latents "
        "come apart. Each command has its own --help.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    return parser


def _add_train(commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a model on faces or on your own pictures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a model. The run folder gets checkpoint.pt, history.csv and a "
        "traversal.png to look at while it runs.\nObjectives:\n"
        + "\n".join(f"  {name:12s} {kind.summary}" for name, kind in sorted(OBJECTIVES.items())),
        epilog="Example: python -m betavae train celeba --data data/celeba --objective beta-vae "
        "--beta 250 --run runs/celeba-beta-vae",
    )
    parser.set_defaults(run_command=_train)
    default = TrainingConfig()
    add = parser.add_argument
    add("data", choices=sorted(DATA_SETS), help="celeba: CelebA's layout; images: any folder")
    add("--data", dest="root", type=Path, required=True, help="the folder that holds the data")
    add("--run", type=Path, help="the run folder (default: runs/DATA-OBJECTIVE)")
    add("--resume", action="store_true", help="go on from the run folder's checkpoint, exactly")
    add("--objective", choices=sorted(OBJECTIVES), help=f"default: {default.objective}")
    for name, value in _all_settings().items():
        add(f"--{name.replace('_', '-')}", type=float, help=f"the objective's {name} ({value})")
    add("--architecture", choices=sorted(ARCHITECTURES), help=f"default: {default.architecture}")
    add("--latents", type=_positive, help=f"size of the code ({default.latents})")
    add("--steps", type=_positive, help=f"batches to train on ({default.steps})")
    add("--batch-size", type=_positive, help=f"over all processes ({default.batch_size})")
    add("--optimiser", choices=sorted(OPTIMISERS), help=f"default: {default.optimiser}")
    add("--learning-rate", type=float, help=f"the peak ({default.learning_rate})")
    add("--warm-up", type=int, help=f"steps of linear warm-up ({default.warm_up})")
    add("--decay", choices=("cosine", "none"), help=f"default: {default.decay}")
    add("--precision", choices=("auto", "fp32", "bf16"), help="default: auto, measured at start")
    add("--memory-format", choices=("auto", "channels_last", "contiguous"), help="default: auto")
    add("--seed", type=int, help=f"default: {default.seed}")
    add("--history-steps", type=_positive, default=500, help="steps between validations (500)")
    add("--checkpoint-seconds", type=float, default=120, help="between checkpoints (120)")
    add("--picture-seconds", type=float, default=240, help="between traversal pictures (240)")


def _train(options: argparse.Namespace) -> None:
    from betavae.distributed import join
    from betavae.training import Pace, Run, config_from, train

    chosen = {k: v for k, v in vars(options).items() if v is not None}
    folder = options.run or Path("runs") / f"{options.data}-{options.objective or 'beta-vae'}"
    processes = join()
    try:
        data = DATA_SETS[options.data](options.root, "train", progress=processes.first)
        validation = DATA_SETS[options.data](options.root, "validation", progress=processes.first)
        if options.resume:
            run = Run.resume(folder, data, processes)
            _refuse_other_settings(chosen, run)
        else:
            if (folder / "checkpoint.pt").exists():
                raise TrainingError(
                    f"{folder} already holds a run: add --resume to go on with it, or name "
                    "another folder with --run."
                )
            folder.mkdir(parents=True, exist_ok=True)
            chosen["objective_settings"] = _objective_settings(chosen)
            run = Run(folder, config_from(chosen), data, processes)
        if processes.first:
            print(f"{run.config}\n{len(data)} pictures to train on, {len(validation)} held out")
        pace = Pace(options.history_steps, options.checkpoint_seconds, options.picture_seconds)
        train(run, validation, pace)
    finally:
        processes.close()


def _objective_settings(chosen: dict) -> dict[str, float]:
    """The objective's weights with those given filled in; a weight of another one is an error."""
    name = chosen.get("objective", TrainingConfig().objective)
    own = settings(OBJECTIVES[name])
    foreign = [s for s in _all_settings() if s in chosen and s not in own]
    if foreign:
        raise TrainingError(f"--{foreign[0]} is no setting of the objective {name}.")
    return {setting: chosen.get(setting, value) for setting, value in own.items()}


def _refuse_other_settings(chosen: dict, run) -> None:
    stored = {**vars(run.config), **run.config.objective_settings}
    for name, value in chosen.items():
        if name in stored and stored[name] != value and value != "auto":
            raise TrainingError(
                f"{run.folder} was trained with {name} = {stored[name]}, not {value}: a resumed "
                "run keeps its settings."
            )


def _all_settings() -> dict[str, float]:
    return {k: v for kind in OBJECTIVES.values() for k, v in settings(kind).items()}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
