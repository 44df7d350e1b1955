"""What each latent of a trained model stands for, over the validation split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from betavae.bundles.latent import Latent
from betavae.faces.alignment import find_landmarks
from betavae.metrics.attributes import (
    PICTURE_STATISTICS,
    correlations,
    head_turn,
    picture_statistics,
    readable,
)
from betavae.metrics.information import entropy, information_matrix

TRACKED = 3  # attributes or factors listed a latent


def describe_latents(means: Tensor, kl: Tensor, validation) -> list[Latent]:
    """KL, range and what it tracks for every latent: factors where the data set knows them,
    otherwise attributes and what can be measured on the picture.

    means, kl  (N, L) over all of `validation`
    """
    follow = _factors_told if hasattr(validation, "factor_sizes") else _attributes_followed
    tracked = follow(means, validation)
    quantiles = means.quantile(torch.tensor([0.01, 0.99]), dim=0)
    return [
        Latent(
            index=k,
            kl=kl[:, k].mean().item(),
            mean=means[:, k].mean().item(),
            deviation=means[:, k].std().item(),
            low=quantiles[0, k].item(),
            high=quantiles[1, k].item(),
            tracks=tracked[k],
        )
        for k in range(means.shape[1])
    ]


def _factors_told(means: Tensor, validation) -> list[list[dict[str, Any]]]:
    """Per latent the factors by the share of their entropy that it tells, I(z; v) / H(v)."""
    varying = [k for k, size in enumerate(validation.factor_sizes) if size > 1]
    factors = validation.factors(validation.indices).numpy()[:, varying]
    information = information_matrix(means.double().numpy(), factors)
    shares = information / np.array([entropy(factor) for factor in factors.T])
    return [
        [
            {"name": validation.factor_names[varying[f]], "share": round(float(row[f]), 4)}
            for f in np.argsort(-row)[:TRACKED]
        ]
        for row in shares
    ]


def _attributes_followed(means: Tensor, validation) -> list[list[dict[str, Any]]]:
    """Per latent the attributes with the largest correlation, of either sign."""
    names = [*PICTURE_STATISTICS, "head turned right"]
    values = [picture_statistics(validation.images), find_head_turns(validation.images)[:, None]]
    if validation.attributes is not None:
        names += [readable(name) for name in validation.attribute_names]
        values.append(validation.attributes.float())
    matrix = correlations(means, torch.cat(values, dim=1))
    return [
        [
            {"name": names[i], "correlation": round(row[i].item(), 4)}
            for i in row.abs().argsort(descending=True)[:TRACKED].tolist()
        ]
        for row in matrix
    ]


def find_head_turns(images: Tensor) -> Tensor:
    """uint8 (N, 3, 64, 64) faces -> `head_turn` of each, (N,), by the landmarks found in it."""
    landmarks = torch.full((len(images), 5, 2), torch.nan)
    for i, image in enumerate(tqdm(images, desc="finding landmarks", unit="face")):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        found = find_landmarks(picture.resize((192, 192), Image.Resampling.BICUBIC))
        if found is not None:
            landmarks[i] = torch.from_numpy(found)
    return head_turn(landmarks)
