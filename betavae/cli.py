"""The command line: `python -m betavae COMMAND`, one file a command in betavae/commands."""

from __future__ import annotations

import argparse
import sys

from betavae.bundles.bundle import BundleError
from betavae.commands import evaluate, grid, host, publish, sharpen, study, train, traverse, tuning
from betavae.data import DataError
from betavae.model import WeightsError
from betavae.study.cluster import ClusterError
from betavae.training.checkpoints import CheckpointError
from betavae.training.run import TrainingError

COMMANDS = (
    train.add,
    sharpen.add,
    grid.add,
    study.add,
    publish.add,
    host.add,
    evaluate.add,
    evaluate.add_compare,
    traverse.add,
    tuning.add,
)
EXPECTED = (
    BundleError,
    CheckpointError,
    ClusterError,
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
        description="Train, measure, package and show β-VAEs and other variational autoencoders "
        "with disentangled latents. Each command has its own --help. A bundle is a folder with a "
        "trained model and all that is known about it, such as weights/celeba-vae.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser
