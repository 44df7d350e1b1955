"""One encoding pass, shared by all metrics: random pictures of a factor source and their codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

# Pictures encoded to fit classifiers on, and others to test them on. The metrics that need pairs or
# groups (10,000 + 5,000 of 64 each in disentanglement_lib, 1.9 million pictures) draw them from
# these pools: each picture is then used several times, never on both sides.
TRAIN, TEST = 30_000, 15_000
BATCH = 64  # pictures at once: twice as fast on a CPU as 256, whose layers leave its cache

CodeFunction = Callable[[Tensor], Tensor | np.ndarray]
Progress = Callable[[float, str], None]


class FactorSource(Protocol):
    """What a metric asks of a data set: Shapes2D is one."""

    factor_sizes: Sequence[int]

    def sample_factors(self, n: int, generator: torch.Generator | None = None) -> Tensor: ...

    def images(self, factors: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Codes:
    """N pictures: `factors` (N, F) integers and `codes` (N, L) float64."""

    factors: np.ndarray
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def first(self, n: int) -> Codes:
        """The first n of them; they are in random order."""
        return Codes(self.factors[:n], self.codes[:n])


@dataclass(frozen=True)
class Encoded:
    """Two pools that share no draw, and how many values each factor has."""

    train: Codes
    test: Codes
    sizes: tuple[int, ...]

    def varying(self, keep: Sequence[int] = ()) -> Encoded:
        """Without the factors that have one value, but for those in `keep`: nothing can tell them,
        and no mean over factors may count them."""
        left = [k for k, size in enumerate(self.sizes) if size > 1 or k in keep]
        if len(left) == len(self.sizes):
            return self
        train, test = (Codes(pool.factors[:, left], pool.codes) for pool in (self.train, self.test))
        return Encoded(train, test, tuple(self.sizes[k] for k in left))


def encode(
    code_function: CodeFunction,
    source: FactorSource,
    seed: int = 0,
    train: int | None = None,
    test: int | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Codes of `train` + `test` pictures (30,000 + 15,000) whose factors are drawn uniformly and
    independently.

    code_function  float pictures (N, C, 64, 64) in [0, 1] -> (N, L) array or tensor
    Raises ValueError where the codes have another shape or are not finite.
    """
    train, test = train or TRAIN, test or TEST
    factors = source.sample_factors(train + test, torch.Generator().manual_seed(seed))
    codes = []
    for chunk in factors.split(BATCH):
        with torch.no_grad():
            code = code_function(source.images(chunk).float())
        codes.append(np.asarray(torch.as_tensor(code).cpu(), np.float64))
        if codes[-1].ndim != 2 or len(codes[-1]) != len(chunk):
            raise ValueError(
                f"{len(chunk)} pictures must give codes of shape ({len(chunk)}, L), not "
                f"{codes[-1].shape}."
            )
        if progress:
            progress(len(codes) * BATCH / len(factors), "encoding")
    everything = np.concatenate(codes)
    if not np.isfinite(everything).all():
        raise ValueError("Some codes are NaN or infinite; the model's weights are damaged.")
    return split(factors.numpy(), everything, source.factor_sizes, train)


def split(factors: np.ndarray, codes: np.ndarray, sizes: Sequence[int], train: int) -> Encoded:
    """The first `train` pictures, and the others."""
    return Encoded(
        Codes(factors[:train], codes[:train]),
        Codes(factors[train:], codes[train:]),
        tuple(int(size) for size in sizes),
    )


class Alike:
    """Draws pictures that share one factor's value, from a pool."""

    def __init__(self, pool: Codes, factor: int, size: int):
        values = pool.factors[:, factor]
        self.values = values
        self.order = np.argsort(values, kind="stable")
        self.counts = np.bincount(values, minlength=size)
        self.starts = np.cumsum(self.counts) - self.counts

    def partners(self, places: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each place in the pool another (or the same) with the same value; same shape."""
        values = self.values[places]
        steps = (generator.random(places.shape) * self.counts[values]).astype(np.int64)
        return self.order[self.starts[values] + steps]
