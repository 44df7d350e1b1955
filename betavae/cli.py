"""The command line: `python -m betavae train | evaluate | traverse | compare | publish`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from betavae import checkpoints
from betavae.bundle import BundleError
from betavae.checkpoints import CheckpointError
from betavae.data import DATA_SETS, DataError
from betavae.errors import reason
from betavae.model import ARCHITECTURES, WeightsError
from betavae.objectives import OBJECTIVES, settings
from betavae.training import (
    OPTIMISERS,
    Pace,
    Run,
    TrainingConfig,
    TrainingError,
    config_from,
    train,
)

# What differs from TrainingConfig's defaults, a data set.
DEFAULTS = {
    "celeba": {},
    "images": {},
    "shapes2d": {"channels": 1, "latents": 10, "likelihood": "bernoulli", "flips": False},
}

EXPECTED = (
    BundleError,
    CheckpointError,
    DataError,
    TrainingError,
    WeightsError,
    ValueError,
    OSError,
)


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
    for add in (_add_train, _add_grid, _add_publish, _add_evaluate, _add_compare, _add_traverse):
        add(commands)
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
        "--beta 250 --to runs/celeba-beta-vae",
    )
    parser.set_defaults(run_command=_train)
    default = TrainingConfig()
    add = parser.add_argument
    add(
        "data",
        choices=sorted(DATA_SETS),
        help="celeba: CelebA's layout; images: any folder; shapes2d: rendered here",
    )
    _add_data(parser)
    add("--to", dest="run", type=Path, help="the run folder (default: runs/DATA-OBJECTIVE)")
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
    add(
        "--history-steps",
        type=_positive,
        default=Pace.history_steps,
        help="steps between validations (%(default)s)",
    )
    add("--checkpoint-seconds", type=float, default=120, help="between checkpoints (120)")
    add("--picture-seconds", type=float, default=240, help="between traversal pictures (240)")


def _train(options: argparse.Namespace) -> None:
    from betavae.distributed import join

    chosen = {k: v for k, v in vars(options).items() if v is not None}
    folder = options.run or Path("runs") / f"{options.data}-{options.objective or 'beta-vae'}"
    processes = join()
    try:
        data, validation = _splits(options.data, options.root, processes.first)
        if options.resume:
            run = Run.resume(folder, data, processes)
            _refuse_other_settings(chosen, run)
        else:
            if (folder / checkpoints.NAME).exists():
                raise TrainingError(
                    f"{folder} already holds a run: add --resume to go on with it, or name "
                    "another folder with --to."
                )
            folder.mkdir(parents=True, exist_ok=True)
            chosen["objective_settings"] = _objective_settings(chosen)
            run = Run(folder, config_from({**DEFAULTS[options.data], **chosen}), data, processes)
        if processes.first:
            print(f"{run.config}\n{len(data)} pictures to train on, {len(validation)} held out")
        pace = Pace(options.history_steps, options.checkpoint_seconds, options.picture_seconds)
        train(run, validation, pace)
    finally:
        processes.close()


def _add_grid(commands) -> None:
    parser = commands.add_parser(
        "grid",
        help="train and measure many seeds and settings, several side by side",
        description="Train every combination of the architectures, settings and seeds given, skip "
        "what is finished, go on with what was interrupted, and measure each run (scores.json).",
        epilog="Example: python -m betavae grid shapes2d --beta 0.5 1 2 4 8 16 --seeds 3",
    )
    parser.set_defaults(run_command=_grid)
    add = parser.add_argument
    add("data", choices=["shapes2d"], help="the metrics need known factors")
    _add_data(parser)
    add("--to", type=Path, default=Path("runs/shapes2d"), help="a folder of runs (runs/shapes2d)")
    add("--seeds", type=_positive, default=10, help="how many, from 0 (10)")
    add("--workers", type=_positive, default=2, help="runs side by side; they share the cores (2)")
    add("--objective", choices=sorted(OBJECTIVES), default="beta-vae")
    for name, value in _all_settings().items():
        add(f"--{name.replace('_', '-')}", type=float, nargs="+", help=f"values to try ({value})")
    add("--architecture", nargs="+", choices=sorted(ARCHITECTURES), default=["conv"])
    for name in ("steps", "batch_size"):
        add(f"--{name.replace('_', '-')}", type=_positive)
    add("--optimiser", choices=sorted(OPTIMISERS))
    add("--learning-rate", type=float)
    add("--warm-up", type=int)
    add("--decay", choices=("cosine", "none"))
    add("--precision", choices=("auto", "fp32", "bf16"))
    add("--memory-format", choices=("auto", "channels_last", "contiguous"))


def _grid(options: argparse.Namespace) -> None:
    from betavae.study.grid import plan, run_grid

    chosen = {k: v for k, v in vars(options).items() if v is not None}
    values = {
        name: value if isinstance(value, list) else [value]
        for name, value in _objective_settings(chosen).items()
    }
    base = {f.name: chosen[f.name] for f in fields(TrainingConfig) if f.name in chosen}
    base |= {"data": options.data, **DEFAULTS[options.data]}
    base.pop("architecture", None)
    choices = {"seed": list(range(options.seeds)), "architecture": options.architecture, **values}
    done = run_grid(plan(options.to, options.root, base, choices), options.workers)
    print(f"{len(done)} runs under {options.to} are trained and measured")


def _add_publish(commands) -> None:
    parser = commands.add_parser(
        "publish",
        help="make a finished run a bundle, or put a bundle on the Hugging Face Hub",
        description="Package a run folder as a bundle (weights, latents, codes, scores, figure, "
        "model card), or upload a finished bundle to the Hub.",
        epilog="Example: python -m betavae publish runs/celeba-vae --data data/celeba "
        "--to weights/celeba-vae",
    )
    parser.set_defaults(run_command=_publish)
    parser.add_argument("source", type=Path, help="a run folder, or with --hub a bundle")
    parser.add_argument("--data", dest="root", type=Path, help="the data the run was trained on")
    parser.add_argument("--to", type=Path, help="the bundle's folder, such as weights/celeba-vae")
    parser.add_argument("--hub", metavar="USER/REPO", help="upload the bundle to this repository")


def _publish(options: argparse.Namespace) -> None:
    from betavae import bundle
    from betavae.packaging import package

    if options.hub:
        _upload(bundle.load(options.source), options.hub)
        return
    if not (options.to and options.root):
        raise ValueError("packaging a run needs --data and --to; uploading a bundle needs --hub.")
    data = checkpoints.read(options.source)["config"]["data"]
    package(options.source, options.to, *_splits(data, options.root))
    _print_scores([bundle.load(options.to)])


def _upload(loaded, repository: str) -> None:
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=loaded.folder)
    except Exception as error:  # those of the HTTP client, which changes with the Hub's library
        raise ConnectionError(
            f"{repository} on the Hub could not be written: {reason(error)}"
        ) from error
    print(f"{loaded.name} is at https://huggingface.co/{repository}")


def _add_evaluate(commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a bundle on held-out data and write its metrics.json",
        description="Measure a bundle, print its scores beside the stored ones, and write "
        "metrics.json and the model card.",
    )
    parser.set_defaults(run_command=_evaluate)
    parser.add_argument("bundle", type=Path, help="such as weights/celeba-beta-vae")
    parser.add_argument("--data", dest="root", type=Path, required=True, help="CelebA's folder")
    parser.add_argument("--seed", type=int, default=0, help="which pictures PCA sees (0)")
    parser.add_argument("--dry-run", action="store_true", help="print only; write nothing")


def _evaluate(options: argparse.Namespace) -> None:
    from betavae import bundle
    from betavae.metrics.faces import evaluate_faces
    from betavae.packaging import measure

    loaded = bundle.load(options.bundle)
    splits = _splits(loaded.config["data"]["name"], options.root)
    if options.dry_run:
        metrics = evaluate_faces(loaded.vae, *splits, seed=options.seed)
    else:
        metrics = measure(loaded.folder, loaded.vae, *splits, seed=options.seed)
    stored = loaded.metrics["scores"]
    print(f"{loaded.title}\n{metrics['protocol']}\n")
    print(f"{'score':20s} {'measured':>12s} {'stored':>12s}")
    for name, value in metrics["scores"].items():
        print(f"{name:20s} {value:12.4f} {stored.get(name, float('nan')):12.4f}")
    for name, best in metrics.get("attributes", {}).items():
        print(f"  {name:24s} AUROC {best['auroc']:.3f} by z{best['latent']}")


def _add_compare(commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="print the stored scores of several bundles side by side",
        description="Print the stored scores of several bundles side by side.",
    )
    parser.set_defaults(run_command=_compare)
    parser.add_argument("bundles", nargs="+", type=Path, help="two or more bundle folders")


def _compare(options: argparse.Namespace) -> None:
    from betavae import bundle

    _print_scores([bundle.load(path) for path in options.bundles])


def _add_traverse(commands) -> None:
    parser = commands.add_parser(
        "traverse",
        help="draw the paper's figure: what each latent changes",
        description="A block a latent, in order of KL; in it a row a seed face and eight values "
        "from -3 to 3, the other latents fixed.",
    )
    parser.set_defaults(run_command=_traverse)
    add = parser.add_argument
    add("bundle", type=Path, help="such as weights/celeba-beta-vae")
    add("--to", type=Path, help="the picture to write (default: traversal-NAME.png here)")
    add("--output", choices=("mean", "sample"), default="mean", help="of p(x|z) (mean)")
    add("--faces", type=_positive, default=5, help="rows: stored codes to start from (5)")
    add("--first", type=int, default=0, help="the first stored code to use (0)")
    add("--latents", type=int, nargs="+", help="which, in this order (default: the active ones)")
    add("--columns", type=_positive, default=3, help="blocks side by side (3)")
    add("--seed", type=int, default=0, help="of the noise of --output sample (0)")


def _traverse(options: argparse.Namespace) -> None:
    from betavae import bundle
    from betavae.traversal import traversal_figure

    loaded = bundle.load(options.bundle)
    codes = loaded.codes[options.first : options.first + options.faces]
    if options.first < 0 or len(codes) < options.faces:
        raise ValueError(f"{loaded.name} stores {len(loaded.codes)} codes, numbered from 0.")
    shown = options.latents or [latent.index for latent in loaded.active or loaded.by_kl[:1]]
    labels = {latent.index: latent.label for latent in loaded.latents}
    figure = traversal_figure(
        loaded.vae,
        codes,
        shown,
        [labels.get(k, "") for k in shown],
        options.output,
        options.columns,
        options.seed,
    )
    path = options.to or Path(f"traversal-{loaded.name}.png")
    figure.save(path)
    print(f"{path}: {len(shown)} latents, {len(codes)} faces, {figure.width}x{figure.height}")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        dest="root",
        type=Path,
        help="the folder that holds the pictures; for shapes2d the published npz, or nothing: "
        "then they are rendered",
    )


def _splits(data: str, root: Path | None, progress: bool = True):
    if root is None and data != "shapes2d":
        raise DataError(f"{data} needs --data FOLDER: where its pictures are.")
    return [DATA_SETS[data](root, split, progress) for split in ("train", "validation")]


def _print_scores(bundles) -> None:
    print(f"{'':20s}" + "".join(f"{b.name:>22s}" for b in bundles))
    for score in bundles[0].metrics["scores"]:
        values = [b.metrics["scores"].get(score, float("nan")) for b in bundles]
        print(f"{score:20s}" + "".join(f"{value:22.4f}" for value in values))


def _objective_settings(chosen: dict) -> dict[str, float]:
    """The objective's weights with those given filled in; a weight of another one is an error."""
    name = chosen.get("objective", TrainingConfig().objective)
    _refuse_foreign_settings(chosen, name)
    return {s: chosen.get(s, value) for s, value in settings(OBJECTIVES[name]).items()}


def _refuse_foreign_settings(chosen: dict, objective: str) -> None:
    own = settings(OBJECTIVES[objective])
    foreign = [s for s in _all_settings() if s in chosen and s not in own]
    if foreign:
        raise TrainingError(f"--{foreign[0]} is no setting of the objective {objective}.")


def _refuse_other_settings(chosen: dict, run) -> None:
    stored = {**vars(run.config), **run.config.objective_settings}
    for name, value in chosen.items():
        if name in stored and stored[name] != value and value != "auto":
            raise TrainingError(
                f"{run.folder} was trained with {name} = {stored[name]}, not {value}: a resumed "
                "run keeps its settings."
            )
    _refuse_foreign_settings(chosen, run.config.objective)


def _all_settings() -> dict[str, float]:
    return {k: v for kind in OBJECTIVES.values() for k, v in settings(kind).items()}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
