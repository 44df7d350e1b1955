"""Whether sliders keep their meaning when a second network draws the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from betavae.metrics.attributes import auroc
from betavae.metrics.codes import BATCH

Draw = Callable[[Tensor, Tensor], Tensor]  # codes (N, L), rows of faces (N,) -> (N, C, H, W)
Encode = Callable[[Tensor], Tensor]  # pictures -> codes (N, L)


def read_back(encode: Encode, draw: Draw, codes: Tensor, rows: Tensor) -> Tensor:
    """E(R(c, s)) for codes (N, L), s of the faces `rows` (N,): (N, L)."""
    pairs = zip(codes.split(BATCH), rows.split(BATCH), strict=True)
    return torch.cat([encode(draw(some, its_rows)) for some, its_rows in pairs])


def correlation(found: Tensor, wanted: Tensor) -> Tensor:
    """Pearson correlation column by column, (N, K) twice -> (K,)."""
    one, other = found - found.mean(0), wanted - wanted.mean(0)
    return (one * other).sum(0) / (one.norm(dim=0) * other.norm(dim=0)).clamp_min(1e-12)


def swapped_correlation(encode: Encode, draw: Draw, codes: Tensor, active: Sequence[int]) -> Tensor:
    """Correlation of E(R(c', s)) with c', c' the code of the next face, one an active latent."""
    others = codes.roll(-1, 0)
    found = read_back(encode, draw, others, torch.arange(len(codes)))
    return correlation(found[:, active], others[:, active])


def moved_correlation(
    encode: Encode,
    draw: Draw,
    codes: Tensor,
    active: Sequence[int],
    ranges: Tensor,
    faces: int,
    generator: torch.Generator,
) -> Tensor:
    """The same for c with one active latent moved, as a slider moves it: `faces` draws of it, even
    between its low and high of `ranges` (L, 2)."""
    found = []
    for latent in active:
        rows = torch.randperm(len(codes), generator=generator)[:faces]
        low, high = ranges[latent]
        values = low + (high - low) * torch.rand(len(rows), generator=generator)
        moved = codes[rows].clone()
        moved[:, latent] = values
        back = read_back(encode, draw, moved, rows)[:, latent, None]
        found.append(correlation(back, values[:, None]))
    return torch.cat(found)


def auroc_change(found: Tensor, codes: Tensor, attributes: Tensor) -> Tensor:
    """By how much the AUROC of each attribute's best latent differs between E(R(c, s)) and c, (A,).

    found, codes (N, L), attributes bool (N, A); the best latent is that of c.
    """
    before, after = auroc(codes, attributes), auroc(found, attributes)
    best = torch.maximum(before, 1 - before).argmax(0)
    each = torch.arange(attributes.shape[1])
    return after[best, each] - before[best, each]


def jumps(draw: Draw, codes: Tensor, active: Sequence[int], values: Tensor) -> Tensor:
    """How even sliders are: largest over median distance of neighbouring frames, (N, active).

    A distance is the mean absolute difference of two pictures; `values` (T,) is what each latent is
    set to in turn, in even steps.
    """
    found = []
    for row, code in enumerate(codes):
        moved = code.repeat(len(active), len(values), 1)
        for number, latent in enumerate(active):
            moved[number, :, latent] = values
        rows = torch.full((len(values),), row)
        strips = torch.stack([draw(strip, rows) for strip in moved])
        distances = (strips[:, 1:] - strips[:, :-1]).abs().flatten(2).mean(2)
        found.append(distances.max(1).values / distances.median(1).values.clamp_min(1e-9))
    return torch.stack(found)
