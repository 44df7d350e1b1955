"""A code of 2D shapes' factors that mixes them as a trained one does, for figures that peers and
we both have. It is a formula, so that anyone can compute it again."""

from __future__ import annotations

import numpy as np

SIZES = (3, 6, 40, 32, 32)  # shape, scale, orientation, x, y


def code(factors: np.ndarray) -> np.ndarray:
    """Factors (N, 5), integers -> (N, 8): six latents that tell something, one that tells the
    orientation by a hundredth, as a silent one may, and one that is constant."""
    shape, scale, turn, x, y = (factors / (np.array(SIZES) - 1.0)).T
    angle = 2 * np.pi * factors[:, 2] / SIZES[2]
    latents = [
        2 * x - 1 + 0.2 * np.sin(3 * y),
        y + 0.3 * x,
        2 * scale + 0.5 * (shape == 0.5) * np.cos(2 * angle),
        np.cos(angle) * (shape == 1) + 0.3 * scale,
        np.sin(2 * angle) * (shape == 0.5),
        0.3 * shape - 0.2 * x * y,
        0.04 * turn,
        np.zeros(len(factors)),
    ]
    return np.stack(latents, axis=1)
