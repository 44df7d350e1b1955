"""The renderer: a frozen VAE's code c and details s -> a sharp picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from betavae.model import VAE, Posterior
from betavae.renderer import loading
from betavae.renderer.networks import GRID, DetailEncoder, Painter

KNOWN = 256  # training faces whose details are kept, so that new ones can be drawn
# Of the posterior's standard deviation, of draws of details: of a picture's own, and of those that
# are kept for other codes, which they fit less well: as wide, they have too much texture there.
OWN_WIDTH, KNOWN_WIDTH = 0.75, 0.4
SMALL_NOISE = -3.0  # added to log-variances: at the start details are told, not drowned


def drawn_near(
    posterior: Posterior, width: float, generator: torch.Generator | None = None
) -> Tensor:
    """A draw of details (N, S), `width` times as far from the mean as usual; without a generator
    the same one each time."""
    generator = generator or torch.Generator().manual_seed(0)
    return posterior.mean.lerp(posterior.sample(generator), width)


class Renderer(nn.Module):
    """R(c, s) = b + what the painter adds, where b = the mean of p(x|c), the VAE's own picture.

    Lee et al. (ECCV 2020), "High-Fidelity Synthesis with Disentangled Representation": the code c
    stays as it is, and a second network draws from it and from details s of its own. Here as a
    residual on b, so it knows c by b alone, and one VAE's renderer is a good start for another's.

    vae       frozen: it is never trained and not among the renderer's own weights
    channels  of details at each place of an 8x8 grid: S = channels * 64
    """

    def __init__(self, vae: VAE, channels: int = 4):
        super().__init__()
        self.vae = vae.eval().requires_grad_(False)
        self.encoder, self.painter = DetailEncoder(channels), Painter(channels)
        self.register_buffer("known", torch.zeros(KNOWN, self.detail_size))

    @property
    def latents(self) -> int:
        """L, the size of the VAE's code."""
        return self.vae.latents

    @property
    def detail_size(self) -> int:
        """S, the size of the details."""
        return self.painter.channels * GRID * GRID

    def forward(
        self,
        codes: Tensor,
        details: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """codes (N, L), details (N, S) -> pictures (N, 3, 64, 64) in [0, 1].

        Without details each picture gets those of some training face, drawn by the generator, which
        lives on the CPU. A normal distribution is no such draw: with as few nats as these, details
        depend on each other in ways that even its full covariance does not know, and are noise.
        """
        if details is None:
            drawn = torch.randint(len(self.known), (len(codes),), generator=generator)
            details = self.known[drawn.to(self.known.device)]
        return self.paint(self.plain(codes), details).clamp(0, 1)

    def details(self, images: Tensor, codes: Tensor) -> Posterior:
        """images (N, 3, 64, 64) in [0, 1] and their codes (N, L) -> q(s|x, c), both (N, S)."""
        return self.read(images, self.plain(codes))

    def own_details(
        self, images: Tensor, codes: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """images (N, 3, 64, 64) in [0, 1] and their codes (N, L) -> details (N, S) to draw these
        very pictures with: a draw of q(s|x, c) that keeps a little nearer to its mean.

        The mean itself is no detail that a picture has. The painter learned from draws, and what it
        makes of the mean is further from real faces.
        Without a generator (on the CPU) a picture gets the same draw each time.
        """
        return drawn_near(self.details(images, codes), OWN_WIDTH, generator)

    def plain(self, codes: Tensor) -> Tensor:
        """The VAE's own picture, (N, 3, 64, 64) in [0, 1]."""
        return self.vae.decode(codes).mean

    def read(self, images: Tensor, plain: Tensor) -> Posterior:
        """`details`, where the VAE's own picture is at hand."""
        mean, log_variance = self.encoder(images, plain).float().chunk(2, dim=1)
        return Posterior(mean, (log_variance + SMALL_NOISE).clamp(-8, 2))

    def paint(self, plain: Tensor, details: Tensor) -> Tensor:
        """The VAE's own picture with details added, not yet clamped to [0, 1]."""
        return plain + self.painter(plain, details).float()

    @torch.no_grad()
    def remember(self, images: Tensor) -> None:
        """Draw details from those of these pictures (N, 3, 64, 64), N <= KNOWN, from now on."""
        generator, found = torch.Generator().manual_seed(0), []
        for some in images.split(64):
            posterior = self.details(some, self.vae.encode(some).mean)
            found.append(drawn_near(posterior, KNOWN_WIDTH, generator))
        self.known.copy_(torch.cat(found)[torch.arange(KNOWN) % len(images)])

    def own_parameters(self) -> list[nn.Parameter]:
        """What is trained: all but the VAE."""
        return [*self.encoder.parameters(), *self.painter.parameters()]

    def own_state(self) -> dict[str, Tensor]:
        """The state_dict without the VAE's part."""
        state = self.state_dict()
        return {name: value for name, value in state.items() if not name.startswith("vae.")}

    def load_own_state(self, state: dict[str, Tensor]) -> None:
        """The opposite of `own_state`; raises RuntimeError where names or shapes differ."""
        frozen = {f"vae.{name}": value for name, value in self.vae.state_dict().items()}
        self.load_state_dict({**state, **frozen})

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path) -> Renderer:
        """A bundle's folder or "user/repo" on the Hub -> its renderer in eval mode, on the CPU.

        Raises WeightsError, in one sentence, where the bundle has none, or its file is damaged or
        belongs to other weights of the VAE.
        """
        path = loading.find(name_or_path)
        vae = VAE.from_pretrained(name_or_path)
        state, channels = loading.read(path, vae)
        renderer = cls(vae, channels)
        with loading.fitting(path):
            renderer.load_own_state(state)
        return renderer.eval()
