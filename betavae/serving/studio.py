"""The served models and all that the tabs ask of them. Knows pictures and codes, not Gradio."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from betavae.bundles import matches
from betavae.bundles.bundle import Bundle
from betavae.bundles.naming import Name, factor_directions, name_latents
from betavae.bundles.stored import stored_shapes
from betavae.data import Shapes2D
from betavae.data.images import to_picture, to_tensor
from betavae.metrics.reconstruction import psnr, ssim
from betavae.model import Posterior
from betavae.serving import details as words
from betavae.serving.answers import Reconstruction, Turned
from betavae.serving.engine import Engine
from betavae.serving.pictures import QUALITY
from betavae.serving.shelf import FAMILIES, Shelf
from betavae.views.tuning import Tuning, tuning

STRIP_VALUES = torch.linspace(-3, 3, 7)


class Studio(Shelf):
    """The models of the shelf, on a device, and what they make of pictures and codes."""

    def __init__(self, added: Sequence[str] = ()):
        """added: more bundles, each a folder or "user/repo" on the Hub."""
        super().__init__(added)
        self._tunings: dict[str, Tuning] = {}
        self._names: dict[str, dict[int, Name]] = {}
        self._matches = {data: matches.read(data) for data in FAMILIES}
        renderers, wrong = words.renderers(self.bundles)
        self.sharp = set(renderers)
        self.problems |= wrong
        self.engine = Engine(
            {name: bundle.vae for name, bundle in self.bundles.items()},
            {name: bundle.codes for name, bundle in self.bundles.items()},
            dials={name: one.dial for name, one in self.bundles.items() if one.dial is not None},
            renderers=renderers,
        )
        if self.engine.trouble:
            self.problems["device"] = self.engine.trouble

    def details(self, name: str, word: Any) -> Tensor | None:
        """The details (S,) that a word is for; None for a model that draws nothing sharp."""
        return words.resolve(self.bundles[name], word) if name in self.sharp else None

    @torch.inference_mode()
    def read_details(self, name: str, images: Tensor, codes: Tensor) -> str:
        """The word for the details of one picture (1, C, 64, 64) with its code (1, L)."""
        found = self.bundles[name].renderer.own_details(images, codes)
        return words.packed(found[0].cpu())

    def admit(self, bundle: Bundle) -> None:
        """Serve a visitor's own model to whoever knows its name, until it is dismissed."""
        if bundle.name in self.bundles:
            return
        self.engine.admit(bundle.name, bundle.vae, bundle.codes)
        self._guests.add(bundle.name)
        self.bundles[bundle.name] = bundle

    def dismiss(self, name: str) -> None:
        """Serve it no longer."""
        if name not in self._guests:
            return
        del self.bundles[name]
        self._guests.discard(name)
        self._names.pop(name, None)
        self._tunings.pop(name, None)
        self.engine.dismiss(name)

    def decode(
        self,
        name: str,
        codes: Tensor,
        output: str = "mean",
        seed: int = 0,
        details: Tensor | None = None,
    ) -> Tensor:
        """codes (N, L) -> pictures (N, C, 64, 64) in [0, 1]; see the engine's."""
        return self.engine.decode(name, codes, output, seed, details=details)

    async def frames(
        self,
        codes: dict[str, Tensor],
        output: str = "mean",
        seed: int = 0,
        quality: int = QUALITY,
        betas: dict[str, float] | None = None,
        details: dict[str, Tensor | None] | None = None,
    ) -> dict[str, str]:
        """A code (1, L) a model -> a JPEG data URI each, all models at once; for coroutines.

        betas    of models of every β: at which one
        details  of sharp pictures
        """
        betas, details = betas or {}, details or {}
        asked = (
            self.engine.frames(
                name, code, output, seed, quality, betas.get(name), details.get(name)
            )
            for name, code in codes.items()
        )
        return {name: one for name, (one,) in zip(codes, await gather(*asked), strict=True)}

    def encode(self, name: str, images: Tensor) -> Posterior:
        """images (N, C, 64, 64) in [0, 1] -> q(z|x)."""
        return self.engine.encode(name, images)

    def strips(
        self,
        name: str,
        code: Tensor,
        latents: list[int],
        output: str = "mean",
        values: Tensor = STRIP_VALUES,
        beta: float | None = None,
        details: Tensor | None = None,
    ) -> Tensor:
        """What each latent does from here: (len(latents), len(values), C, 64, 64)."""
        asked = {"beta": beta, "details": details}
        return self.engine.strips(name, code[None], latents, values, output, **asked)[0]

    @torch.inference_mode()
    def turn(
        self, name: str, code: Tensor, before: float, beta: float, draw: int | None = None
    ) -> Turned:
        """The picture that a code (L,) is at one β of a model of every β, coded at another.

        draw  seed of a posterior sample; None for the posterior mean
        """
        picture = self.engine.decode(name, code[None], beta=before)
        posterior = self.engine.encode(name, picture, beta)
        generator = None if draw is None else torch.Generator().manual_seed(draw)
        coded = posterior.mean if draw is None else posterior.sample(generator)
        again = self.engine.decode(name, coded, beta=beta)
        return Turned(coded[0], posterior.kl()[0], again[0], psnr(picture, again).item())

    def latent_names(self, name: str) -> dict[int, Name]:
        """What each latent of a model is called, by its index; a tenth of a second the first time
        for a model of 2D shapes."""
        if name not in self._names:
            bundle = self.bundles[name]
            directions = None
            if self.data(name) == "shapes2d" and bundle.vae.channels == 1:
                codes = bundle.codes[:64]
                directions = factor_directions(codes, self.decode(name, codes))
            self._names[name] = name_latents(bundle.latents, directions)
        return self._names[name]

    def matches(self, one: str, other: str) -> tuple[list[matches.Match], int]:
        """For each latent of a model the one of another that shows the same, with its correlation,
        and over how many pictures that was found."""
        kept = self._matches.get(self.data(one), {})
        return matches.matches(self.bundles[one], self.bundles[other], kept)

    def originals(self, name: str, first: int, count: int) -> Tensor | None:
        """Stored pictures themselves, (count, 1, 64, 64); None for CelebA's, which are not here."""
        bundle = self.bundles[name]
        if self.data(name) != "shapes2d" or bundle.vae.channels != 1:
            return None
        return stored_shapes(bundle)[first : first + count]

    def reconstruct(self, name: str, picture: Image.Image) -> Reconstruction:
        """Encode a 64x64 picture and decode its posterior mean."""
        images = to_tensor(picture)[None].float() / 255
        posterior = self.engine.encode(name, images)
        mean = self.engine.decode(name, posterior.mean)
        word = sharp = None
        if name in self.sharp:
            word = self.read_details(name, images, posterior.mean)
            own = self.details(name, word)
            sharp = to_picture(self.decode(name, posterior.mean, "sharp", details=own)[0])
        return Reconstruction(
            picture=to_picture(mean[0]),
            sharp=sharp,
            details=word,
            code=posterior.mean[0].clone(),
            difference=((mean - images)[0] / 2 + 0.5).clone(),
            psnr=psnr(images, mean).item(),
            ssim=ssim(images, mean).item(),
            kl=posterior.kl()[0].clone(),
        )

    def tuning(self, name: str) -> Tuning:
        """What each latent of a model of 2D shapes answers to; half a second the first time."""
        if name not in self._tunings:
            encoded = lambda images: self.encode(name, images).mean  # noqa: E731
            self._tunings[name] = tuning(encoded, Shapes2D(split="all"))
        return self._tunings[name]

    def stored_face(self, index: int) -> dict[str, Tensor]:
        """The codes that the models of a family give to the same validation picture."""
        return {name: bundle.codes[index] for name, bundle in self.bundles.items()}

    @torch.inference_mode()
    def random_face(
        self,
        names: list[str],
        generator: torch.Generator,
        locked: dict[str, dict[int, float]] | None = None,
    ) -> dict[str, Tensor]:
        """A face drawn from the prior of the first model, and the others' codes of that face.

        Latents of two models have nothing in common, so the same numbers would be two faces.

        locked  {model: {latent: the value that it keeps}}
        """
        first = names[0]
        vae = self.bundles[first].vae
        (code,) = vae.prior(torch.randn(1, vae.latents, generator=generator))
        return self.same_face(first, keeping(code, locked, first), names, locked)

    @torch.inference_mode()
    def same_face(
        self,
        name: str,
        code: Tensor,
        names: list[str],
        locked: dict[str, dict[int, float]] | None = None,
        beta: float | None = None,
    ) -> dict[str, Tensor]:
        """The picture that one model makes of its code (L,), as each of `names` codes it."""
        face = self.engine.decode(name, code[None], beta=beta)
        return {name: code} | {
            other: keeping(self.encode(other, face).mean[0].clone(), locked, other)
            for other in names
            if other != name
        }


def keeping(code: Tensor, locked: dict[str, dict[int, float]] | None, name: str) -> Tensor:
    """The same code (L,), with the locked latents of the model at their values."""
    for latent, value in (locked or {}).get(name, {}).items():
        code[latent] = value
    return code
