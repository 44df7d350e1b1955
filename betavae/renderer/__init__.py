"""R(c, s) -> picture: a second decoder that draws what a disentangled code leaves out."""

from betavae.renderer.networks import Discriminator
from betavae.renderer.renderer import Renderer

__all__ = ["Discriminator", "Renderer"]
