"""A run's checkpoint: written whole or not at all, read back with a clear error."""

from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from betavae.errors import reason

NAME = "checkpoint.pt"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written or read; the message says which and why."""


def write(run: Path, state: dict[str, Any]) -> Path:
    """Write beside the old checkpoint, flush to the disk, then swap: a crash leaves one whole."""
    path, part = run / NAME, run / f"{NAME}.part"
    try:
        with open(part, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch's zip writer turns a full disk into the latter
        part.unlink(missing_ok=True)
        kept = f"the last good one is {path}" if path.exists() else "there is no earlier one"
        raise CheckpointError(f"{path} cannot be written ({error}); {kept}.") from error
    return path


def saved_step(run: Path) -> int | None:
    """The step that the run folder's checkpoint holds; None where it holds none to go back to."""
    try:
        return read(run)["step"]
    except (CheckpointError, KeyError):
        return None


def read(run: Path) -> dict[str, Any]:
    """The state that `write` stored. Only tensors and plain values are unpickled."""
    path = run / NAME
    if not path.is_file():
        raise CheckpointError(f"There is nothing to resume: {path} does not exist.")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load compares no checksum
            broken = archive.testzip()
        if broken:
            raise zipfile.BadZipFile(f"{broken} is altered")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise CheckpointError(
            f"{path} is damaged and cannot be resumed ({reason(error)})."
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(state).__name__}.")
    return state


@contextlib.contextmanager
def unpacking(run: Path) -> Iterator[None]:
    """While a state is taken apart: what is missing in it or does not fit is a CheckpointError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        lack = f"{error} is missing" if isinstance(error, KeyError) else reason(error)
        raise CheckpointError(
            f"{run / NAME} is not a checkpoint of this version of the program ({lack}); start "
            "again in another folder."
        ) from error
