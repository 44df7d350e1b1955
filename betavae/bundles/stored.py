"""Which pictures a bundle stores the codes of, and those pictures where they can be had."""

from __future__ import annotations

import torch
from torch import Tensor

from betavae.bundles.bundle import Bundle
from betavae.data import Shapes2D

STORED_FACES = 256  # posterior means to start from: 32 kB a bundle


def stored_faces(count: int) -> Tensor:
    """Which of `count` validation pictures: the same for all models that have the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randperm(count, generator=generator)[:STORED_FACES]


def stored_shapes(bundle: Bundle) -> Tensor:
    """The pictures whose codes a bundle of 2D shapes stores, (N, 1, 64, 64) of 0 and 1."""
    validation = Shapes2D(split="validation")
    return validation.batch(stored_faces(len(validation))[: len(bundle.codes)]).float() / 255
