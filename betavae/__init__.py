"""β-VAE and its successors: train, measure, package and look at disentangled latents."""

from betavae import bundles
from betavae.model import VAE
from betavae.version import __version__

__all__ = ["VAE", "__version__", "bundles"]
