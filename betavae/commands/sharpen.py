"""python -m betavae sharpen"""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields
from pathlib import Path

from betavae.bundles import bundle
from betavae.commands.options import add_data, positive, splits
from betavae.training import checkpoints
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import TrainingError
from betavae.training.sharpen import SharpenConfig

WEIGHTS = {
    "pixels": "weight of the mean absolute error",
    "features": "weight of the distance in the discriminator's features",
    "contrast": "weight of the difference in how much texture there is",
    "spectrum": "weight of the difference in the pictures' mean spectrum",
    "realism": "weight of passing for real",
    "penalty": "weight of the discriminator's slope",
    "kept": "weight of giving the code back",
    "judges-rate": "learning rate of the discriminator, in those of the renderer",
    "rate": "weight of the details' nats",
    "free-nats": "nats of details that cost nothing",
    "averaging": "how much of the moving average stays at each step",
}


def add(commands) -> None:
    parser = commands.add_parser(
        "sharpen",
        help="train a second decoder that draws a face model's pictures sharp",
        description="Train a renderer for a bundle of faces: a network that draws a sharp picture "
        "from the same code, with details of its own. The bundle's VAE stays as it is. The run "
        "folder gets checkpoint.pt, history.csv and renderer.png, a picture to look at while it "
        "runs: plain, with a face's own details, with drawn ones. `publish RUN --to weights/NAME` "
        "then puts it into the bundle.",
        epilog="Example: python -m betavae sharpen weights/celeba-beta-vae --data data/celeba "
        "--to runs/sharp-beta-vae",
    )
    parser.set_defaults(run_command=_sharpen)
    # A run that trains saves itself when it is stopped, and says so.
    parser.set_defaults(stopped="Stopped before a step was trained; the same command starts again.")
    default, option = SharpenConfig(), parser.add_argument
    option("bundle", type=Path, help="such as weights/celeba-beta-vae")
    add_data(parser)
    option("--to", dest="run", type=Path, help="the run folder (default: runs/sharp-NAME)")
    option("--resume", action="store_true", help="go on from the run folder's checkpoint, exactly")
    option(
        "--start",
        type=Path,
        help="begin with the renderer of another bundle, or of another run of sharpen",
    )
    option("--judge", type=Path, help="take the discriminator of another run of sharpen")
    option("--steps", type=positive, help=f"batches to train on ({default.steps})")
    option("--batch-size", type=positive, help=f"over all processes ({default.batch_size})")
    option("--learning-rate", type=float, help=f"the peak ({default.learning_rate})")
    option("--warm-up", type=int, help=f"steps of linear warm-up ({default.warm_up})")
    option("--alone", type=int, help=f"steps before the discriminator joins ({default.alone})")
    option("--channels", type=positive, help=f"of details on an 8x8 grid ({default.channels})")
    option(
        "--judges-channels",
        type=positive,
        help=f"of the discriminator at 64x64 ({default.judges_channels})",
    )
    for name, told in WEIGHTS.items():
        value = getattr(default, name.replace("-", "_"))
        option(f"--{name}", type=float, help=f"{told} ({value:g})")
    option("--precision", choices=("auto", "fp32", "bf16"), help="default: auto, measured at start")
    option("--memory-format", choices=("auto", "channels_last", "contiguous"), help="default: auto")
    option("--seed", type=int, help=f"default: {default.seed}")
    option(
        "--history-steps",
        type=positive,
        default=Pace.history_steps,
        help="steps between validations (%(default)s)",
    )
    option("--checkpoint-seconds", type=float, default=120, help="between checkpoints (120)")
    option("--picture-seconds", type=float, default=240, help="between pictures (240)")


def _sharpen(options: argparse.Namespace) -> None:
    from betavae.training import sharpen_monitor
    from betavae.training.distributed import join
    from betavae.training.sharpen_run import SharpenRun
    from betavae.training.sharpen_start import starting_weights

    loaded = bundle.load(options.bundle)
    if loaded.vae.channels != 3:
        raise ValueError(f"{loaded.name} draws no colour pictures; a renderer does.")
    folder = options.run or Path("runs") / f"sharp-{loaded.name}"
    chosen = _chosen(options, loaded)
    if not options.resume:  # what nothing can be trained with is said before pictures are read
        if folder.is_file():
            raise TrainingError(f"{folder} is a file; name a folder with --to.")
        if (folder / checkpoints.NAME).exists():
            raise TrainingError(
                f"{folder} already holds a run: add --resume to go on with it, or name another "
                "folder with --to."
            )
        config = SharpenConfig(**chosen)
    processes = join()
    try:
        data, validation = splits(loaded.config["data"]["name"], options.root, processes.first)
        if options.resume:
            run = SharpenRun.resume(folder, loaded.vae, data, processes)
            _refuse_other_settings(chosen, run)
        else:
            start = starting_weights(options.start, options.judge)
            folder.mkdir(parents=True, exist_ok=True)
            run = SharpenRun(folder, config, loaded.vae, data, processes, start)
        if processes.first:
            print(f"{run.config}\n{len(data)} pictures to train on, {len(validation)} held out")
        pace = Pace(options.history_steps, options.checkpoint_seconds, options.picture_seconds)
        train(run, validation, pace, sharpen_monitor)
    finally:
        processes.close()


def _chosen(options: argparse.Namespace, loaded: bundle.Bundle) -> dict:
    """The fields of SharpenConfig that the command line gives."""
    known = {field.name for field in fields(SharpenConfig)}
    given = {k: v for k, v in vars(options).items() if k in known and v is not None}
    given |= {k: given[k].name for k in ("start", "judge") if k in given}
    return given | {"bundle": loaded.name, "data": loaded.config["data"]["name"]}


def _refuse_other_settings(chosen: dict, run) -> None:
    stored = asdict(run.config)
    for name, value in chosen.items():
        if stored[name] != value and value != "auto":
            raise TrainingError(
                f"{run.folder} was trained with {name} = {stored[name]}, not {value}: a resumed "
                "run keeps its settings."
            )
