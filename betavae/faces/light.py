"""A photo that is too dark for the models, and what is done about it."""

from __future__ import annotations

from PIL import Image

from betavae.data.photos import upright_rgb

DARK = 0.12  # mean luma; of 300 frames of CelebA one has less (0.107), three less than 0.2
USUAL = 0.43  # mean luma of the crop, the median of 300 frames of CelebA's validation split


def brightened(photo: Image.Image, luma: float) -> Image.Image:
    """The upright photo with what has this luma (0 to 1) as bright as a face of CelebA usually is.

    Each colour x in [0, 1] becomes g·x / (1 + (g - 1)·x): dark ones grow g times, as by a longer
    exposure, and white stays white, so that no window behind a face is burnt out.
    """
    luma = min(max(luma, 1 / 255), 1 - 1 / 255)
    gain = USUAL * (1 - luma) / (luma * (1 - USUAL))
    shares = (value / 255 for value in range(256))
    curve = [round(255 * gain * x / (1 + (gain - 1) * x)) for x in shares]
    return upright_rgb(photo).point(curve * 3)
