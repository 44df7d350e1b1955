"""β-VAE and its successors: train, measure, package and look at disentangled latents."""

from betavae import bundles
from betavae.machine.version import __version__
from betavae.model import VAE
from betavae.renderer import Renderer

__all__ = ["VAE", "Renderer", "__version__", "bundles"]
