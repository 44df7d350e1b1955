"""A contact sheet of a renderer: faces plain and sharp, and sliders dragged from end to end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from betavae.renderer import Renderer
from betavae.views.traversal import GAP, INK, LABEL_HEIGHT, MARGIN, PAPER, grid


@torch.no_grad()
def contact_sheet(
    renderer: Renderer,
    codes: Tensor,
    details: Tensor,
    latents: Sequence[int] = (),
    labels: Sequence[str] = (),
    size: int = 128,
    seed: int = 0,
) -> Image.Image:
    """Rows of faces: the VAE's own pictures, the same with their details, and with drawn ones.

    codes, details  (N, L) posterior means, (N, S) as of `Renderer.own_details`
    latents         below, a pair of rows each: the slider from -3 to 3, plain above sharp, of the
                    first face, then the second and so on
    labels          a line above each pair
    size            of each picture, in pixels
    """
    generator = torch.Generator().manual_seed(seed)
    rows = [renderer.plain(codes), renderer(codes, details), renderer(codes, generator=generator)]
    blocks = [("plain · with the face's own details · with drawn details", torch.stack(rows))]
    values = torch.linspace(-3, 3, len(codes))
    for number, (latent, label) in enumerate(zip(latents, labels, strict=True)):
        face = number % len(codes)
        moved = codes[face].repeat(len(values), 1)
        moved[:, latent] = values
        own = details[face].expand(len(values), -1)
        blocks.append((label, torch.stack([renderer.plain(moved), renderer(moved, own)])))
    return _stacked(blocks, size)


def _stacked(blocks: list[tuple[str, Tensor]], size: int) -> Image.Image:
    """(label, frames (rows, columns, C, H, W)) one below the other."""
    sheets = []
    for label, frames in blocks:
        rows, columns = frames.shape[:2]
        wanted = columns * size, rows * size
        sheets.append((label, grid(frames).resize(wanted, Image.Resampling.BICUBIC)))
    height = sum(sheet.height + LABEL_HEIGHT + GAP for _, sheet in sheets) - GAP + 2 * MARGIN
    canvas = Image.new("RGB", (sheets[0][1].width + 2 * MARGIN, height), PAPER)
    draw, font, top = ImageDraw.Draw(canvas), ImageFont.load_default(13), MARGIN
    for label, sheet in sheets:
        draw.text((MARGIN + 1, top), label, INK, font)
        canvas.paste(sheet, (MARGIN, top + LABEL_HEIGHT))
        top += LABEL_HEIGHT + sheet.height + GAP
    return canvas
