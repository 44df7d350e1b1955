"""One network for every β (Bae et al., "Multi-Rate VAE: Train Once, Get the Full Rate-Distortion
Curve", ICLR 2023)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from betavae.model.encoders import Posterior
from betavae.model.likelihoods import Likelihood
from betavae.model.pretrained import Pretrained
from betavae.model.vae import VAE

# Of a gate's slope and bend: Adam moves every weight by about its learning rate a step, and a
# gate that has to go from open to shut has farther to go than they have.
GAIN = 10.0
KNOTS = 17  # places on the axis of log β where the likelihood's scale is kept


class Gate(nn.Module):
    """How strong each of a layer's channels is at s, from 0 at the lowest β to 1 at the highest.

    sigmoid(c - GAIN a s) / sigmoid(c), c >= 0, and a shift b s beside it. It lies between 0 and 2,
    is monotone, and is 1 at the lowest β whatever is learned. With an offset that is free, as in
    the paper, the pressure of high β soon shut gates at every β, and a latent that is neither told
    nor heard stays so: 18 of 32 were left at β = 4 after 6,000 steps.
    """

    def __init__(self, channels: int, shifted: bool = True):
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(channels))
        self.bend = nn.Parameter(torch.zeros(channels))  # where on the way to s = 1 it falls
        self.shift = nn.Parameter(torch.zeros(channels)) if shifted else None

    def strength(self, s: float | Tensor) -> Tensor:
        """(channels,)."""
        open_ = F.softplus(GAIN * self.bend)
        return torch.sigmoid(open_ - GAIN * s * self.slope) / torch.sigmoid(open_)


class MultiRateVAE(
    nn.Module,
    Pretrained,
    library_name="beta-vae",
    tags=["beta-vae", "multi-rate-vae", "disentanglement"],
):
    """A VAE whose layers' activations pass gates that are learned functions of log β.

    A gate multiplies what a layer gives to its non-linearity, a scalar a channel, so it folds into
    the layer's weights: `at(beta)` is an ordinary VAE, which costs what any costs. What each latent
    is heard with in the decoder has a gate too, so that a latent can fall silent at a β of its own,
    as each does in the linear VAE, where the gates are exact (section 3.2 there).

    Beyond the paper, a layer's weights W lean: W + s D, where s is log β from 0 at the lowest to 1
    at the highest and D is learned. A network as small as the paper's of 2017 has few channels to
    give to one β alone. This folds too; the file holds twice the numbers, in half the precision.
    At the lowest β no gate and no lean has a say: `vae` is the network of that β.

    architecture, channels, latents, likelihood   as for VAE
    betas   the lowest and the highest β it is trained for, both above 0
    beta    between them: the one that `at()` without a number is at
    """

    def __init__(
        self,
        architecture: str = "conv",
        channels: int = 3,
        latents: int = 32,
        likelihood: str = "gaussian",
        betas: tuple[float, float] = (0.5, 300.0),
        beta: float = 4.0,
    ):
        super().__init__()
        self.betas, self.beta = check_betas(betas, beta), float(beta)
        self.settings = (architecture, channels, latents, likelihood)
        self.channels, self.latents = channels, latents
        self.vae = VAE(*self.settings)
        self.scaled = hasattr(self.vae.likelihood, "scale")
        self.gates = nn.ModuleDict(
            {_key(name): Gate(len(layer.bias)) for name, layer in self._layers()}
        )
        self.leans = nn.ParameterDict(
            {_key(name): torch.zeros_like(layer.weight) for name, layer in self._layers()}
        )
        self.heard = Gate(latents, shifted=False)
        self.register_buffer("scales", torch.ones(KNOTS))  # of the likelihood, along log β

    def _layers(self) -> list[tuple[str, nn.Module]]:
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
        return [(name, part) for name, part in self.vae.named_modules() if isinstance(part, kinds)]

    def place(self, beta: float | Tensor) -> float | Tensor:
        """log β from 0 to 1. Raises ValueError outside the range that was trained; a tensor () is
        not looked at, as it may lie on a GPU."""
        low, high = self.betas
        if isinstance(beta, Tensor):
            return ((beta / low).log() / math.log(high / low)).clamp(0, 1)
        if not low * (1 - 1e-6) <= beta <= high * (1 + 1e-6):  # false for NaN too
            raise ValueError(f"β is {beta:g}; this model was trained for {low:g} to {high:g}.")
        return min(max(math.log(beta / low) / math.log(high / low), 0.0), 1.0)

    def weights_at(self, beta: float | Tensor) -> dict[str, Tensor]:
        """The state_dict of `at(beta)`, with gradients for the shared weights and the gates."""
        s, found = self.place(beta), {}
        for name, layer in self._layers():
            gate = self.gates[_key(name)]
            strength = gate.strength(s)
            outputs = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
            shape = [-1 if k == outputs else 1 for k in range(layer.weight.dim())]
            weight = layer.weight + s * self.leans[_key(name)]
            found[f"{name}.weight"] = weight * strength.view(shape)
            found[f"{name}.bias"] = layer.bias * strength + gate.shift * s
        first = "decoder.0.weight" if "decoder.0.weight" in found else "decoder.1.weight"
        found[first] = found[first] * self.heard.strength(s)
        if self.scaled:
            found["likelihood.scale"] = self._scale(s)
        return found

    def at(self, beta: float | None = None) -> VAE:
        """The VAE of one β, in eval mode, with weights of its own: an ordinary one."""
        vae = VAE(*self.settings).to(self.scales.device)
        vae.load_state_dict(
            {k: v.detach() for k, v in self.weights_at(self.beta if beta is None else beta).items()}
        )
        return vae.eval()

    def forward(
        self, images: Tensor, noise: Tensor | None = None, beta: float | Tensor | None = None
    ) -> tuple[Posterior, Likelihood]:
        """What the VAE of this β would give, with gradients for all of them."""
        weights = self.weights_at(self.beta if beta is None else beta)
        return torch.func.functional_call(self.vae, weights, (images, noise))

    def fit(
        self,
        likelihood: Likelihood,
        images: Tensor,
        beta: float | Tensor,
        average: Callable[[Tensor], Tensor] | None = None,
    ) -> Likelihood:
        """The likelihood at this batch's optimal scale; its running average is one of β's own."""
        fitted = self.vae.likelihood.fit(likelihood, images, average)
        if self.scaled:
            self._keep_scale(self.place(beta), fitted.scale.detach())
        return fitted

    def _knots(self, s: float | Tensor) -> tuple[Tensor, Tensor]:
        """The number of the knot below, (1,), and how far the way to the next one s is."""
        place = torch.as_tensor(s, dtype=torch.float32, device=self.scales.device) * (KNOTS - 1)
        below = place.long().clamp(max=KNOTS - 2)
        return below[None], place - below

    def _scale(self, s: float | Tensor) -> Tensor:
        below, share = self._knots(s)
        low, high = (self.scales.index_select(0, knot).squeeze() for knot in (below, below + 1))
        return low.lerp(high, share)

    def _keep_scale(self, s: float | Tensor, scale: Tensor) -> None:
        below, share = self._knots(s)
        momentum = self.vae.likelihood.momentum
        for knot, weight in ((below, 1 - share), (below + 1, share)):
            old = self.scales.index_select(0, knot)
            first = old == 1  # the start value would outlive hundreds of steps: skip it
            new = torch.where(first, scale, old.lerp(scale.expand(1), momentum * weight))
            self.scales.index_copy_(0, knot, new)


def check_betas(betas: tuple[float, float], beta: float) -> tuple[float, float]:
    """The pair as floats; raises ValueError, in one sentence, where it is no range with β in it."""
    low, high = map(float, betas)
    if not 0 < low < high < math.inf:
        raise ValueError(f"betas is {low:g} to {high:g}; it must go from above 0 to a larger one.")
    if not low <= beta <= high:
        raise ValueError(f"beta is {beta:g}; it must lie in betas, {low:g} to {high:g}.")
    return low, high


def _key(name: str) -> str:
    """A layer's name as one of a ModuleDict, which takes no dots."""
    return name.replace(".", "_")
