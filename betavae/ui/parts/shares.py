"""How much of each factor each latent of a model of 2D shapes tells."""

from __future__ import annotations

import numpy as np
import torch

from betavae.data import Shapes2D
from betavae.metrics.codes import BATCH
from betavae.metrics.telling import entropies, information_from_few
from betavae.serving.studio import Studio

FEW = 2000  # pictures


def told_shares(studio: Studio, name: str) -> np.ndarray:
    """I(z; v) / H(v), (L, F), as stored with the bundle's MIG; of one that was not measured, a
    visitor's own, from few pictures."""
    parts = studio.bundles[name].metrics.get("metrics", {}).get("mig")
    if parts is not None:
        return np.array(parts["information"]) / np.array(parts["entropy"])
    shapes = Shapes2D(split="validation")
    chosen = torch.arange(min(FEW, len(shapes)))
    images = (shapes.batch(some).float() / 255 for some in chosen.split(BATCH))
    codes = torch.cat([studio.encode(name, some).mean for some in images])
    factors = shapes.factors(shapes.indices[chosen])
    told = information_from_few(codes.double().numpy(), factors.numpy())
    return np.clip(told / entropies(shapes.factor_sizes), 0, 1)
