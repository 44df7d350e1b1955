"""Which pictures a step sees: they follow from the seed and the step alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from betavae.training.distributed import Processes
from betavae.training.failures import TrainingError


class Order:
    """A permutation of the pictures an epoch, in batches; what does not fill one is left out."""

    def __init__(self, pictures: int, batch_size: int, seed: int):
        self.pictures, self.batch_size, self.seed = pictures, batch_size, seed
        self._epoch: int | None = None

    def batch(self, step: int) -> Tensor:
        """The numbers of the pictures of a step's global batch, (batch_size,)."""
        epoch, position = divmod(step, self.pictures // self.batch_size)
        if self._epoch != epoch:
            seeded = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._whole = epoch, torch.randperm(self.pictures, generator=seeded)
        return self._whole[position * self.batch_size : (position + 1) * self.batch_size]


def pictures(data, order: Tensor, flip: Tensor | None) -> Tensor:
    """uint8 (N, C, 64, 64): those of `order`, mirrored where `flip` (N,) is true."""
    images = data.batch(order)
    if flip is None:
        return images
    # Imported here: a second and a half, of which a run has spent most on its optimiser, and the
    # app and the other commands nothing.
    from torchvision.transforms.v2.functional import horizontal_flip

    return torch.where(flip[:, None, None, None], horizontal_flip(images), images)


def refuse_batches(size: int, data, processes: Processes) -> None:
    """TrainingError where there are too few pictures for a batch, or it cannot be shared."""
    if len(data) < size:
        raise TrainingError(f"{len(data)} pictures are too few for batches of {size}.")
    if size % processes.count:
        raise TrainingError(f"A batch of {size} cannot be shared by {processes.count} processes.")


def refuse_other_data(folder: Path, state: dict[str, Any], data) -> None:
    """TrainingError where a checkpoint's run saw another number of pictures."""
    count = state.get("pictures", len(data))  # earlier checkpoints do not say
    if count != len(data):
        raise TrainingError(
            f"{folder} was trained on {count} pictures, not {len(data)}: a resumed run "
            "needs the same pictures. Give it those, or start again in another folder."
        )
