"""From a code function and a factor source to scores with their parts.

`evaluate(code_function, factor_source, names)` is all that most need, and it takes any encoder:
here ten principal components, and there may stand a network, a model of `timm` or of the Hub, or a
peer's checkpoint, as any function from pictures to codes will do.

    from sklearn.decomposition import PCA
    from betavae import data, metrics

    shapes = data.Shapes2D()
    pca = PCA(10).fit(shapes.images(shapes.sample_factors(2_000)).flatten(1))
    scores = metrics.evaluate(lambda images: pca.transform(images.flatten(1)), shapes, ["mig"])

Then scores["mig"]["score"] is a number, and scores["mig"]["per_factor"] says where it comes from. A
network wants `.eval()` first; of a posterior, give the mean.

Each metric is a function of the two pools of codes that one encoding pass gives, and of its own
random generator, so that a score depends on the seed and not on which other metrics are asked for.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

# scikit-learn and SciPy take longer to import than all that is here, and only who measures needs
# them: in this room a function imports what it uses of theirs.
from betavae.metrics.beta_vae import beta_vae, beta_vae_paper
from betavae.metrics.codes import (
    CodeFunction,
    Codes,
    Encoded,
    FactorSource,
    Progress,
    encode,
    split,
    varies,
)
from betavae.metrics.dci import dci, dci_forest
from betavae.metrics.factor_vae import factor_vae, factor_vae_relative
from betavae.metrics.irs import irs, irs_dlib
from betavae.metrics.mig import mig
from betavae.metrics.modularity import explicitness, modularity
from betavae.metrics.sap import sap

METRICS = {
    "beta-vae": beta_vae,
    "beta-vae-paper": beta_vae_paper,
    "factor-vae": factor_vae,
    "mig": mig,
    "dci": dci,
    "dci-forest": dci_forest,
    "sap": sap,
    "modularity": modularity,
    "explicitness": explicitness,
    "irs": irs,
}
BY_NAME = {  # other readings of two of them, measured when asked for
    "factor-vae-relative": factor_vae_relative,
    "irs-dlib": irs_dlib,
}
# Pairs and groups come from everything that is encoded; the other metrics look at the first
# pictures of each pool.
POOLED, FIRST = ("beta-vae", "beta-vae-paper", "factor-vae", "factor-vae-relative"), (10_000, 5_000)
COMPARES = ("beta-vae", "beta-vae-paper", "factor-vae", "factor-vae-relative", "modularity")


def evaluate(
    code_function: CodeFunction,
    factor_source: FactorSource,
    names: Sequence[str] = tuple(METRICS),
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """{name: {"score": float, ...parts}} for each of `names`, by one encoding of 45,000 pictures,
    or of the 15,000 of them that are enough where `names` asks for no pairs or groups.

    A factor that does not vary is left out of every score; the parts then say, as "factors", which
    places of factor_sizes are in them. A code that is constant scores 0, or is at chance.

    code_function  float pictures (N, C, 64, 64) in [0, 1] -> codes (N, L), array or tensor
    factor_source  anything with factor_sizes, sample_factors(n, generator), images(factors)
    names          of METRICS, all by default, and of BY_NAME
    progress       called with (share done, what is being done)
    Raises ValueError for an unknown name, for codes that have another shape or are not real, finite
    and of a size that can be squared, and for metrics that compare factors where there is only one.
    """
    _check(names, [place for place, size in enumerate(factor_source.factor_sizes) if size > 1])
    ahead = (lambda share, what: progress(share / 2, what)) if progress else None
    first = None if set(names) & set(POOLED) else FIRST
    encoded = encode(code_function, factor_source, seed, progress=ahead, first=first)
    behind = (lambda share, what: progress((1 + share) / 2, what)) if progress else None
    return score(encoded, names, seed, behind)


def score(
    encoded: Encoded,
    names: Sequence[str] = tuple(METRICS),
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """`evaluate` on codes that are there already. Factors of one value are left out."""
    _check(names, encoded.varying().places)
    if not varies(encoded.train.codes).any():
        warnings.warn("No latent of these codes varies: they say nothing.", stacklevel=2)
    results = {}
    for done, name in enumerate(names):
        if progress:
            progress(done / len(names), name)
        own = np.random.default_rng([seed, zlib.crc32(name.encode())])
        # The paper's protocol passes over the first factor, the shape, whatever it does.
        told = encoded.varying(keep=(0,) if name == "beta-vae-paper" else ())
        with threadpool_limits(1):  # thousands of tiny loops: threads would wait for each other
            found = (METRICS | BY_NAME)[name](told, own)
        left = {} if told is encoded else {"factors": list(told.places)}
        results[name] = _plain({**found, **left})
    return results


def _check(names: Sequence[str], varying: Sequence[int]) -> None:
    """`varying`: places of the factors that have more than one value."""
    for name in names:
        if name not in METRICS | BY_NAME:
            known = ", ".join([*METRICS, *BY_NAME])
            raise ValueError(f"There is no metric {name!r}; there are {known}.")
        # The paper's protocol leaves out the first factor.
        asked = [place for place in varying if place > 0 or name != "beta-vae-paper"]
        if len(asked) < (2 if name in COMPARES else 1):
            raise ValueError(
                f"The metric {name!r} needs more factors that vary than this source has "
                f"({len(asked)} that it could use); leave it out of `names`."
            )


def _plain(parts: Any) -> Any:
    """Without minus zeros, which would be printed."""
    if isinstance(parts, dict):
        return {name: _plain(part) for name, part in parts.items()}
    if isinstance(parts, list):
        return [_plain(part) for part in parts]
    return parts + 0.0 if isinstance(parts, float) else parts


__all__ = [
    "BY_NAME",
    "COMPARES",
    "FIRST",
    "METRICS",
    "POOLED",
    "Codes",
    "Encoded",
    "encode",
    "evaluate",
    "score",
    "split",
]
