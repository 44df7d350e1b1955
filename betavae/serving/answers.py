"""What the studio answers where it is more than a picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Reconstruction:
    """What one model made of a picture."""

    picture: Image.Image  # 64x64
    sharp: Image.Image | None  # the same with the picture's own details, where there is a renderer
    details: str | None  # the word for them
    code: Tensor  # (L,), the posterior mean
    difference: Tensor  # (C, 64, 64) in [0, 1]: grey where right, lighter where too bright
    psnr: float  # dB
    ssim: float
    kl: Tensor  # (L,), nats


@dataclass(frozen=True)
class Turned:
    """A picture coded again at another β."""

    code: Tensor  # (L,), the posterior mean or a sample
    kl: Tensor  # (L,), nats
    picture: Tensor  # (C, 64, 64) in [0, 1], what the code decodes to at that β
    psnr: float  # dB, beside the picture that was coded
