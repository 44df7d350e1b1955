"""Why training cannot start or go on, in one sentence."""

from __future__ import annotations

from pathlib import Path

from betavae.training import checkpoints


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message names the step and what is left."""


def diverged(what: str, folder: Path, step: int) -> TrainingError:
    """What happened, where the last checkpoint is if there is one, and what to do.

    To resume is no way out: a resumed run keeps the settings that it diverged with.
    """
    saved = checkpoints.saved_step(folder)
    if saved is None:
        kept, where = "there is no checkpoint", "again"
    else:
        kept = f"the last checkpoint is {folder / checkpoints.NAME}, of step {saved}"
        where = "again in another folder"
    return TrainingError(
        f"{what} at step {step}, and {kept}: start {where} with a smaller --learning-rate "
        "or a longer --warm-up."
    )
