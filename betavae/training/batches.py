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

    def __init__(
        self, pictures: int, batch_size: int, seed: int, device: torch.device | str = "cpu"
    ):
        self.pictures, self.batch_size, self.seed = pictures, batch_size, seed
        self.device = device
        self._epoch: int | None = None

    def batch(self, step: int) -> Tensor:
        """The numbers of the pictures of a step's global batch, (batch_size,)."""
        epoch, position = divmod(step, self.pictures // self.batch_size)
        if self._epoch != epoch:
            seeded = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            whole = torch.randperm(self.pictures, generator=seeded)
            self._epoch, self._whole = epoch, whole.to(self.device)
        return self._whole[position * self.batch_size : (position + 1) * self.batch_size]


class OnDevice:
    """The pictures of a data set on another device, so that a step copies nothing from the host."""

    def __init__(self, data, device: torch.device):
        places = torch.arange(len(data)).split(4096)
        self._all = torch.cat([data.batch(some).to(device) for some in places])

    def batch(self, indices: Tensor) -> Tensor:
        return self._all[indices]


def placed(data, device: torch.device):
    """The data set itself on a CPU; on another device its pictures there, if a half of its free
    memory holds them; or else the data set, whose pictures are copied batch by batch."""
    if device.type == "cpu":
        return data
    needed = len(data) * data.batch(torch.arange(1)).numel()
    return OnDevice(data, device) if 2 * needed <= free_memory(device) else data


def free_memory(device: torch.device) -> int:
    """Bytes of another device that are free; 0 where it does not say."""
    if device.type in ("cuda", "xpu"):
        return getattr(torch, device.type).mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return 0


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


def looks(data) -> Tensor:
    """What 16 pictures look like from afar, (16, C, 4, 4) of 0 to 255: another decoder changes
    them by less than 1, other pictures by more."""
    places = torch.linspace(0, len(data) - 1, 16).round().long()
    return torch.nn.functional.adaptive_avg_pool2d(data.batch(places).float(), 4)


def trained_on_others(state: dict[str, Any], data) -> str:
    """Such as "40 pictures, not 10" where a checkpoint's data are not these; "" where they are.
    Earlier checkpoints do not say."""
    pictures, seen = state.get("pictures", len(data)), state.get("looks")
    if pictures != len(data):
        return f"{pictures} pictures, not {len(data)}"
    if seen is not None and not torch.allclose(seen, looks(data), atol=4):
        return f"{pictures} other pictures"
    return ""


def refuse_other_data(folder: Path, state: dict[str, Any], data) -> None:
    """TrainingError where a checkpoint's run saw other pictures."""
    told = trained_on_others(state, data)
    if told:
        raise TrainingError(
            f"{folder} was trained on {told}: a resumed run needs the same pictures. Give it "
            "those, or start again in another folder."
        )
