"""β-VAE and its successors: train, measure, package and look at disentangled latents.

SPDX-License-Identifier: Apache-2.0. The code's licence is betavae/LICENSE; the weights have their
own, which each model's card in weights/ names.
"""

from betavae import bundles
from betavae.machine.version import __version__
from betavae.model import VAE
from betavae.renderer import Renderer

__all__ = ["VAE", "Renderer", "__version__", "bundles"]
