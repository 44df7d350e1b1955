"""x -> q(z|x) -> z -> p(x|z). The model knows no objective."""

from betavae.model.encoders import Posterior
from betavae.model.likelihoods import Bernoulli, Gaussian, Likelihood
from betavae.model.multi_rate import MultiRateVAE
from betavae.model.pretrained import WeightsError
from betavae.model.vae import ARCHITECTURES, VAE

__all__ = [
    "ARCHITECTURES",
    "VAE",
    "Bernoulli",
    "Gaussian",
    "Likelihood",
    "MultiRateVAE",
    "Posterior",
    "WeightsError",
]
