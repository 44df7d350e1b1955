"""The command line: `python -m betavae COMMAND`, one file a command in betavae/commands."""

from __future__ import annotations

import argparse
import os
import sys

from betavae.bundles.bundle import BundleError
from betavae.commands import (
    evaluate,
    grid,
    host,
    match,
    publish,
    rotate,
    sharpen,
    study,
    train,
    traverse,
    tuning,
)
from betavae.data import DataError
from betavae.machine.allocator import keep_freed_blocks
from betavae.machine.parent import end_with_parent
from betavae.machine.printing import never_fail
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
    rotate.add,
    host.add,
    evaluate.add,
    evaluate.add_compare,
    match.add,
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
    never_fail()
    keep_freed_blocks()
    options = _parser().parse_args(arguments)
    if options.with_parent:
        end_with_parent()
    try:
        options.run_command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"\nbetavae: {options.stopped}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head -1` has read enough
        # What is left in its buffer goes nowhere at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EXPECTED as error:
        print(f"betavae: {_told(error)}", file=sys.stderr)
        return 1
    return 0


def _told(error: Exception) -> str:
    """The system's own errors as a sentence: "[Errno 2] ...: 'x'" is for programmers."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m betavae",
        description="Train, measure, package and show β-VAEs and other variational autoencoders "
        "with disentangled latents. Each command has its own --help. A bundle is a folder with a "
        "trained model and all that is known about it, such as weights/celeba-vae.",
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="end at once when standard input closes: for programs that start this one",
    )
    parser.set_defaults(stopped="Stopped.")  # what Ctrl-C makes of it
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser
