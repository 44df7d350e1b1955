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
SQUARABLE = (1e-30, 1e30)  # magnitudes whose squares are numbers also in single precision

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
    """Two pools that share no draw, how many values each factor has, and, where some of the
    source's factors are left out, the places of those that are here."""

    train: Codes
    test: Codes
    sizes: tuple[int, ...]
    kept: tuple[int, ...] | None = None

    @property
    def places(self) -> tuple[int, ...]:
        """Where each factor stands among those of the source."""
        return tuple(range(len(self.sizes))) if self.kept is None else self.kept

    def varying(self, keep: Sequence[int] = ()) -> Encoded:
        """Without the factors that have one value in either pool, but for those in `keep`: nothing
        can tell them, and no mean over factors may count them."""
        pools = (self.train.factors, self.test.factors)
        left = [
            k
            for k, size in enumerate(self.sizes)
            if k in keep or (size > 1 and all(np.ptp(pool[:, k]) for pool in pools if len(pool)))
        ]
        if len(left) == len(self.sizes):
            return self
        train, test = (Codes(pool.factors[:, left], pool.codes) for pool in (self.train, self.test))
        sizes, places = (tuple(of[k] for k in left) for of in (self.sizes, self.places))
        return Encoded(train, test, sizes, places)


def encode(
    code_function: CodeFunction,
    source: FactorSource,
    seed: int = 0,
    train: int | None = None,
    test: int | None = None,
    progress: Progress | None = None,
    first: tuple[int, int] | None = None,
) -> Encoded:
    """Codes of `train` + `test` pictures (30,000 + 15,000) whose factors are drawn uniformly and
    independently.

    code_function  float pictures (N, C, 64, 64) in [0, 1] -> codes (N, L), array or tensor of real
                   numbers, of any precision and on any device
    first          encode only so many of each pool, for metrics that look at no more
    Raises ValueError where the codes are something else: see `real_numbers` and `split`.
    """
    train, test = train or TRAIN, test or TEST
    factors = source.sample_factors(train + test, torch.Generator().manual_seed(seed))
    factors = torch.as_tensor(factors)
    if first:
        factors = torch.cat([factors[:train][: first[0]], factors[train:][: first[1]]])
        train = min(train, first[0])
    codes = []
    for chunk in factors.split(BATCH):
        with torch.no_grad():
            code = real_numbers(code_function(source.images(chunk).float()))
        shape = (len(chunk), codes[0].shape[1] if codes else "L")
        if code.ndim != 2 or len(code) != len(chunk) or shape[1] not in ("L", code.shape[1]):
            raise ValueError(
                f"{len(chunk)} pictures must give codes of shape ({shape[0]}, {shape[1]}), not "
                f"{code.shape}; one row a picture, one column a latent."
            )
        codes.append(code)
        if progress:
            progress(len(codes) * BATCH / len(factors), "encoding")
    return split(factors.numpy(), np.concatenate(codes), source.factor_sizes, train)


def split(factors: np.ndarray, codes: np.ndarray, sizes: Sequence[int], train: int) -> Encoded:
    """The first `train` pictures, and the others.

    factors (N, F) integers, codes (N, L) as `encode` takes them, sizes (F,). Raises ValueError for
    codes that no metric can use: not real numbers, of no latent, not finite, or too large or too
    small to be squared.
    """
    codes, factors = real_numbers(codes), np.asarray(factors)
    if codes.ndim != 2 or factors.shape != (len(codes), len(sizes)):
        raise ValueError(
            f"Codes must have the shape (N, L) and factors ({len(sizes)} of them) (N, F), not "
            f"{codes.shape} and {factors.shape}."
        )
    if not codes.shape[1]:
        raise ValueError("These codes have no latent: their shape is (N, 0).")
    if not np.isfinite(codes).all():
        raise ValueError(
            "Some codes are NaN or infinite; a network whose activations overflow its precision "
            "gives such, and so does one whose weights are not finite."
        )
    largest = np.abs(codes).max(initial=0)
    if largest and not SQUARABLE[0] <= largest <= SQUARABLE[1]:
        raise ValueError(
            f"Codes as large as {largest:.0e} cannot be squared in floating point; scale them to a "
            f"magnitude between {SQUARABLE[0]:.0e} and {SQUARABLE[1]:.0e}."
        )
    return Encoded(
        Codes(factors[:train], codes[:train]),
        Codes(factors[train:], codes[train:]),
        tuple(int(size) for size in sizes),
    )


def real_numbers(codes: object) -> np.ndarray:
    """float64 in this machine's byte order, of a tensor or of anything that NumPy reads as an array
    of real numbers. Raises ValueError for anything else."""
    try:
        if isinstance(codes, Tensor):
            tensor = codes.detach().cpu().to_dense()
            array = tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy()
        else:
            array = np.asarray(codes)
        if array.dtype.kind in "cSUMm":
            raise TypeError(f"{array.dtype} numbers")
        with np.errstate(over="ignore"):  # a long double may be infinite then, and is refused
            return array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"Codes must be an array or a tensor of real numbers, not {type(codes).__name__} "
            f"({error}); of a posterior, give its mean."
        ) from error


def varies(codes: np.ndarray) -> np.ndarray:
    """(N, L) -> (L,): which latents vary by more than rounding, whatever their unit."""
    low, high = codes.min(0), codes.max(0)
    return high - low > 1e-9 * np.maximum(np.abs(low), np.abs(high))


class Alike:
    """Draws pictures that share one factor's value, from a pool."""

    def __init__(self, pool: Codes, factor: int, size: int):
        values = pool.factors[:, factor]
        self.values = values
        self.order = np.argsort(values, kind="stable")
        self.counts = np.bincount(values, minlength=size)
        self.starts = np.cumsum(self.counts) - self.counts
        self.shared = np.flatnonzero(self.counts[values] > 1)  # places of those not alone

    def partners(self, places: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each place in the pool another (or the same) with the same value; same shape."""
        values = self.values[places]
        steps = (generator.random(places.shape) * self.counts[values]).astype(np.int64)
        return self.order[self.starts[values] + steps]

    def group(self, size: int, generator: np.random.Generator) -> np.ndarray:
        """Places of `size` different pictures that share a value, as often one value as it comes in
        the pool; of all that do where they are fewer, at least two."""
        value = self.values[self.shared[generator.integers(len(self.shared))]]
        alike = self.order[self.starts[value] :][: self.counts[value]]
        return generator.choice(alike, min(size, len(alike)), replace=False, shuffle=False)
