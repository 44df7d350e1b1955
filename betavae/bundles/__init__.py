"""What weights/NAME holds: read, checked, written, described."""

from betavae.bundles.bundle import (
    Bundle,
    BundleError,
    Latent,
    load,
    load_shapes,
    names,
    pair_latents,
    survey,
)
from betavae.bundles.places import root

__all__ = [
    "Bundle",
    "BundleError",
    "Latent",
    "load",
    "load_shapes",
    "names",
    "pair_latents",
    "root",
    "survey",
]
