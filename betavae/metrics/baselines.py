"""What the paper's metric is compared with: codes that nobody trained to disentangle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from betavae.metrics.codes import TEST, TRAIN, Encoded, FactorSource, Progress, encode, split
from betavae.model import VAE

COMPONENTS = 10  # as many as the models have latents
FITTED_ON = 10_000  # pictures


def ground_truth(source: FactorSource, seed: int, progress: Progress | None = None) -> Encoded:
    """The factors themselves as the code: what any metric should like best."""
    count = TRAIN + TEST
    factors = source.sample_factors(count, torch.Generator().manual_seed(seed)).numpy()
    return split(factors, factors.astype(float), source.factor_sizes, TRAIN)


def raw_pixels(source: FactorSource, seed: int, progress: Progress | None = None) -> Encoded:
    """The 4,096 pixels as the code, of fewer pictures: it is a wide one."""
    return encode(lambda x: x.flatten(1), source, seed, 12_000, 6_000, progress)


def pca(source: FactorSource, seed: int, progress: Progress | None = None) -> Encoded:
    """Ten principal components."""
    from sklearn.decomposition import PCA

    return _fitted(PCA(COMPONENTS, svd_solver="randomized", random_state=seed), source, seed)


def ica(source: FactorSource, seed: int, progress: Progress | None = None) -> Encoded:
    """Ten independent components."""
    from sklearn.decomposition import FastICA

    return _fitted(FastICA(COMPONENTS, random_state=seed, max_iter=1000, tol=1e-3), source, seed)


def untrained(source: FactorSource, seed: int, progress: Progress | None = None) -> Encoded:
    """The posterior means of a `conv` encoder as it is initialised."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = VAE("conv", 1, COMPONENTS, "bernoulli").eval()
    return encode(lambda x: vae.encode(x).mean, source, seed, progress=progress)


def _fitted(model, source: FactorSource, seed: int) -> Encoded:
    generator = torch.Generator().manual_seed(seed + 1)  # other pictures than those encoded
    pictures = source.images(source.sample_factors(FITTED_ON, generator)).flatten(1).numpy()
    model.fit(pictures.astype(np.float32))
    return encode(lambda x: model.transform(x.flatten(1).numpy()), source, seed)


BASELINES: dict[str, Callable[..., Encoded]] = {
    "ground truth": ground_truth,
    "raw pixels": raw_pixels,
    "PCA": pca,
    "ICA": ica,
    "untrained": untrained,
}
