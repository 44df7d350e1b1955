"""Latent traversals: what one latent changes while the others stay, as numbers and as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from betavae.data.images import to_picture
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.model import VAE

# Eight values from -3 to 3 in steps of 6/7, as the paper's Figure 1 has it.
VALUES = torch.linspace(-3, 3, 8)
LABEL_HEIGHT, GAP, MARGIN = 18, 8, 6
INK, PAPER = (32, 33, 36), (255, 255, 255)


@torch.no_grad()
def traverse(
    vae: VAE,
    codes: Tensor,
    latents: Sequence[int],
    values: Tensor = VALUES,
    output: str = "mean",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Decode `codes` (N, L) with each of `latents` set in turn to each of `values`.

    Returns (N, len(latents), len(values), C, 64, 64) in [0, 1]. `output` is "mean" or "sample" of
    p(x|z). Raises ValueError for a latent that the model does not have.
    """
    if output not in ("mean", "sample"):
        raise ValueError(f"output is {output!r}; it must be 'mean' or 'sample'.")
    moved = moved_codes(codes, latents, values)
    likelihood = vae.decode(moved.flatten(0, 2))
    pictures = likelihood.mean if output == "mean" else likelihood.sample(generator)
    return pictures.unflatten(0, moved.shape[:3])


def moved_codes(codes: Tensor, latents: Sequence[int], values: Tensor = VALUES) -> Tensor:
    """(N, L) -> (N, len(latents), len(values), L): each of `latents` set in turn to each value.

    Raises ValueError for a latent that the codes do not have.
    """
    wrong = [k for k in latents if not 0 <= k < codes.shape[-1]]
    if wrong:
        raise ValueError(f"latents {wrong} do not exist: the model has 0 to {codes.shape[-1] - 1}.")
    count = len(codes), len(latents), len(values)
    moved = codes[:, None, None, :].expand(*count, -1).clone()
    for block, latent in enumerate(latents):
        moved[:, block, :, latent] = values.to(moved)
    return moved


def traversal_figure(
    vae: VAE,
    codes: Tensor,
    latents: Sequence[int],
    labels: Sequence[str] | None = None,
    output: str = "mean",
    columns: int = 4,
    seed: int = 0,
) -> Image.Image:
    """The paper's Figure 1: a block a latent, in it a row a seed face and a column a value.

    codes    (N, L): the seed faces, usually posterior means
    latents  which, in the order drawn; `active_latents` gives them by KL
    labels   a line above each block; "z3" and so on by default
    columns  blocks side by side
    """
    generator = torch.Generator().manual_seed(seed)
    frames = traverse(vae, codes, latents, output=output, generator=generator)
    labels = labels or [f"z{k}" for k in latents]
    return _sheet([(label, frames[:, i]) for i, label in enumerate(labels)], columns)


def active_latents(kl: Tensor) -> list[int]:
    """Mean KL per latent (L,) in nats -> the active latents, strongest first; at least one."""
    order = kl.argsort(descending=True).tolist()
    return [k for k in order if kl[k] >= ACTIVE_NATS] or order[:1]


def strip(frames: Tensor) -> Image.Image:
    """(T, C, H, W) in [0, 1] -> one picture, the frames side by side."""
    return grid(frames[None])


def grid(frames: Tensor) -> Image.Image:
    """(rows, columns, C, H, W) in [0, 1] -> one picture of them all."""
    return to_picture(torch.cat([torch.cat(list(row), dim=-1) for row in frames], dim=-2))


def _sheet(blocks: list[tuple[str, Tensor]], columns: int) -> Image.Image:
    """Blocks of (label, frames (rows, values, C, H, W)) laid out in `columns`."""
    rows, values, _, high, wide = blocks[0][1].shape
    width, height = values * wide, rows * high + LABEL_HEIGHT
    columns = min(columns, len(blocks))
    lines = -(-len(blocks) // columns)
    canvas = Image.new(
        "RGB",
        (
            columns * width + (columns - 1) * GAP + 2 * MARGIN,
            lines * height + (lines - 1) * GAP + 2 * MARGIN,
        ),
        PAPER,
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for i, (label, frames) in enumerate(blocks):
        left = MARGIN + (i % columns) * (width + GAP)
        top = MARGIN + (i // columns) * (height + GAP)
        draw.text((left + 1, top), label, INK, font)
        canvas.paste(grid(frames), (left, top + LABEL_HEIGHT))
    return canvas
