"""python -m betavae study"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from betavae.commands.options import add_data, positive
from betavae.metrics import METRICS


def add(commands) -> None:
    parser = commands.add_parser(
        "study",
        help="sum up a grid of runs: the table, the figures, the report",
        description="Read the scores of every measured run of a grid, measure the baselines once, "
        "print the table, and write study.json, curves.png, sweep.png, rate-distortion.png and the "
        "report, README.md. With --report no run is needed: the figures and the reports of "
        "weights/shapes2d-study and weights/celeba-study are written again, from study.json and "
        "the bundles.",
        epilog="Examples: python -m betavae study runs/shapes2d; python -m betavae study --report",
    )
    parser.set_defaults(run_command=_study)
    parser.add_argument(
        "runs", type=Path, nargs="?", help="the grid's folder, such as runs/shapes2d"
    )
    parser.add_argument(
        "--report", action="store_true", help="only write the figures and the reports again"
    )
    add_data(parser)
    parser.add_argument("--to", type=Path, help="default: weights/shapes2d-study")
    parser.add_argument(
        "--add",
        action="store_true",
        help="add to the study that exists. New models and new seeds are added. A row is replaced "
        "if the folder has all its seeds, or if the model was trained with other settings",
    )
    parser.add_argument(
        "--bundles",
        type=Path,
        nargs="+",
        default=[],
        help="bundles that count as one more seed each, if their runs are not in the folder; such "
        "as weights/shapes2d-vae",
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="with --add: measure the baselines too, and replace those of the study",
    )
    parser.add_argument(
        "--scores",
        nargs="+",
        choices=tuple(METRICS),
        metavar="SCORE",
        default=[],
        help="with --baselines: measure these of the baselines alone, and leave their others and "
        f"the curves as they are: {', '.join(METRICS)}",
    )
    parser.add_argument(
        "--baseline-seeds",
        type=positive,
        default=3,
        help="seeds of ICA and the untrained encoder (3)",
    )


def _study(options: argparse.Namespace) -> None:
    from betavae.study import plots, report
    from betavae.study.table import markdown, read_study, study_folder

    if options.report:
        print(*report.write(*report.STUDIES), sep="\n")
        plots.draw(read_study(), study_folder())
        return
    if options.runs is None:
        raise ValueError("Name the grid's folder, such as runs/shapes2d, or give --report.")
    folder = options.to or study_folder()
    summary, count = _sum_up(options, folder)
    plots.draw(summary, folder)
    print(f"{markdown(summary)}\n\n{folder / 'study.json'}: {count} runs")
    if folder == study_folder():  # another study has other models than the report speaks of
        print(*report.write("shapes2d"))


def _sum_up(options: argparse.Namespace, folder: Path) -> tuple[dict, int]:
    """The study of all runs, written to `folder`, and how many runs there are."""
    from betavae.data import Shapes2D
    from betavae.study.earlier import added
    from betavae.study.score import read_bundle, read_runs
    from betavae.study.summary import measure_baselines, summarise, write
    from betavae.study.table import read_study

    known = {run["name"]: run for run in read_runs(options.runs)}
    for run in map(read_bundle, options.bundles):
        known.setdefault(run["name"], run)  # of a bundle whose run is at hand, the run itself
    if options.scores and not (options.add and options.baselines):
        raise ValueError("--scores goes with --add and --baselines.")
    runs = list(known.values())
    if not runs and not (options.add and options.baselines):
        raise ValueError(
            f"{options.runs} has no measured run; `python -m betavae grid` makes them."
        )
    earlier = read_study(folder) if options.add else None
    kept = options.runs / "baselines.json"
    if options.baselines or not (earlier or kept.is_file()):
        with tqdm(desc="baselines", unit="baseline") as bar:
            source, seeds = Shapes2D(options.root), range(options.baseline_seeds)
            baselines = measure_baselines(
                source, seeds, lambda _: bar.update(), options.scores, kept
            )
    else:
        baselines = json.loads(kept.read_bytes()) if kept.is_file() else {}
    summary = added(runs, baselines, earlier) if earlier else summarise(runs, baselines)
    write(summary, folder)
    return summary, len(runs)
