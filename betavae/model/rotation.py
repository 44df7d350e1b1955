"""Which axes a code lies along, and how it is rotated to others.

A VAE's prior looks alike from all sides: rotate the code, and the decoder's first layer the other
way, and every picture stays as it was. What decides on the axes is weak: that the noise is
independent from latent to latent, and the total correlation where an objective has it. So among the
codes of one model there are better ones, and two things tell them, without labels:

- *Places.* Most of what has a name in a face has a place in it: a fringe, the eyes, the background
  at the left. So a latent should change few places much. This is factor analysis's varimax (Kaiser
  1958, "The varimax criterion for analytic rotation in factor analysis"); a latent's loadings are
  here what it changes, on average, in each block of pixels.
- *Tails.* What a face has or has not (glasses, a hat) makes a latent that is near one value for
  most and far from it for a few; a mixture of several such is closer to a normal distribution. This
  is independent component analysis by kurtosis (Hyvärinen & Oja 2000, section 4.2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from betavae.model.vae import VAE

STEP = 0.5  # of a latent to both sides, for its loadings
BLOCK = 8  # pixels
FEW = 4  # climbs that find out how high one criterion is by itself
ROUNDS = 400
FIRST, SHORTEST = 0.3, 1e-4  # steps of a climb, as a share of the rotation's own length


@torch.no_grad()
def loadings(vae: VAE, codes: Tensor) -> Tensor:
    """What a latent changes where, as a mean over codes (N, L): (C, blocks, L), a unit of z."""
    columns = []
    for latent in range(vae.latents):
        step = torch.zeros_like(codes[0])
        step[latent] = STEP
        change = (vae.decode(codes + step).mean - vae.decode(codes - step).mean).mean(0)
        columns.append(F.avg_pool2d(change, BLOCK).flatten(1) / (2 * STEP))
    return torch.stack(columns, dim=2)


def rotations(of: Tensor, codes: Tensor, starts: int) -> list[Tensor]:
    """Loadings (C, P, L) and the posterior means of many pictures (N, L) -> rotations R (L, L)
    whose R @ z has few places and long tails, best first: the ends of several climbs.

    What is climbed is the sum of both criteria, each as a share of what it can be by itself. It has
    many summits of about one height.
    """
    of, codes = of.double(), (codes - codes.mean(0)).double()
    criteria = [
        lambda rotation: places(of @ rotation.T),
        lambda rotation: tails(codes @ rotation.T),
    ]
    begun = _starts(codes.shape[1], starts)
    most = [max(_climbed(each, start)[0] for start in begun[:FEW]) for each in criteria]

    def both(rotation: Tensor) -> Tensor:
        pairs = zip(criteria, most, strict=True)
        return sum(each(rotation) / max(top, 1e-12) for each, top in pairs)

    ends = sorted((_climbed(both, start) for start in begun), key=lambda end: -end[0])
    return [rotation.float() for _, rotation in ends]


def places(of: Tensor) -> Tensor:
    """Loadings (C, P, L) -> Σ over places and latents of squared energy, which rotations only
    spread or gather; a place's energy is the sum of squares over its channels."""
    return of.square().sum(0).square().sum()


def tails(codes: Tensor) -> Tensor:
    """Centred codes (N, L) -> Σ over latents of squared excess kurtosis."""
    square = codes.square()
    kurtosis = square.square().mean(0) / square.mean(0).square().clamp_min(1e-24)
    return (kurtosis - 3).square().sum()


def _starts(size: int, count: int) -> list[Tensor]:
    """The code as it is, and rotations drawn at random."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(size, size, generator=generator).double() for _ in range(count - 1)]
    return [torch.eye(size).double(), *(torch.linalg.qr(matrix).Q for matrix in drawn)]


def _climbed(criterion, rotation: Tensor) -> tuple[float, Tensor]:
    """Along the gradient, then to the nearest rotation; a step that gains nothing is halved."""
    step, height, slope = FIRST, *_height(criterion, rotation)
    for _ in range(ROUNDS):
        length = step * rotation.norm() / slope.norm().clamp_min(1e-30)
        left, _, right = torch.linalg.svd(rotation + length * slope)
        reached, there = _height(criterion, left @ right)
        if reached > height:
            rotation, height, slope, step = left @ right, reached, there, step * 1.3
        else:
            step /= 2
        if step < SHORTEST:
            break
    return height, rotation


def _height(criterion, rotation: Tensor) -> tuple[float, Tensor]:
    rotation = rotation.detach().requires_grad_()
    with torch.enable_grad():
        value = criterion(rotation)
        (slope,) = torch.autograd.grad(value, rotation)
    return value.item(), slope


@torch.no_grad()
def rotate(vae: VAE, rotation: Tensor, log_variances: Tensor) -> None:
    """z becomes `rotation` (L, L) @ z, and the picture of every posterior mean stays.

    The noise, independent before, is not quite so after: its correlations are dropped. The new log
    variances are the linear function of the old that fits best over pictures, whose old ones are
    `log_variances` (N, L).
    """
    head, first = ends(vae)
    mean, spread = slice(0, vae.latents), slice(vae.latents, None)
    after = (log_variances.exp() @ rotation.square().T).log()
    old, new = log_variances.mean(0), after.mean(0)
    moved = (log_variances - old).double(), (after - new).double()
    fit = torch.linalg.lstsq(*moved, driver="gelsd").solution.T.to(old)
    head.weight[mean], head.bias[mean] = rotation @ head.weight[mean], rotation @ head.bias[mean]
    head.weight[spread] = fit @ head.weight[spread]
    head.bias[spread] = fit @ (head.bias[spread] - old) + new
    first.weight.copy_(first.weight @ rotation.T)


def ends(vae: VAE) -> tuple[nn.Linear, nn.Linear]:
    """The encoder's last layer and the decoder's first: where latents are told and heard."""
    head, first = (
        next(module for module in modules if isinstance(module, nn.Linear))
        for modules in (reversed(vae.encoder), vae.decoder)
    )
    return head, first
