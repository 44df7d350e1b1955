"""The models on a device, answering many people: decode, encode, frames, strips.

Requests for the same model that wait at the same moment are one batch (batching.py). A device that
fails is left for the CPU, and the request is answered all the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from betavae.errors import reason
from betavae.machine.cores import cores
from betavae.model import VAE, Bernoulli, Likelihood, MultiRateVAE, Posterior
from betavae.renderer import Renderer
from betavae.serving.batching import Batcher
from betavae.serving.devices import CPU, device_failed, serving_device
from betavae.serving.dials import Dials, place_of
from betavae.serving.pictures import QUALITY, jpeg_uri, to_bytes
from betavae.serving.placed import Placed
from betavae.views.traversal import moved_codes

MOST_ON_CPU, MOST = 32, 4096  # pictures in a batch; more would only wait for each other


@dataclass(frozen=True)
class _Wish:
    """One person's codes, and what of p(x|z) is to be shown."""

    codes: Tensor  # (N, L)
    output: str  # "mean", "sample" or "sharp"
    seed: int  # of the sample's noise
    quality: int = QUALITY  # of its JPEG
    details: Tensor | None = None  # (S,) of the sharp picture

    def of(self, likelihood: Likelihood) -> Tensor:
        if self.output == "sample":
            return likelihood.sample(torch.Generator().manual_seed(self.seed))
        return likelihood.mean


_Key = tuple[str, str, int | None]  # what is asked, of which model, at which step of its β


@dataclass(frozen=True)
class _Places:
    """All models on one device."""

    models: dict[str, Placed]
    dials: Dials

    def at(self, key: _Key) -> Placed:
        _, name, place = key
        return self.models[name] if place is None else self.dials.at(name, place)


class Engine:
    """Models by name, on `device` or else on the fastest that is there.

    codes  (N, L) by name: some that people start from, to judge a reduced precision by
    dials  the models of every β among them: these answer at any `beta`, rounded to a step of it
    renderers  by name, of those that have one
    """

    def __init__(
        self,
        models: Mapping[str, VAE],
        codes: Mapping[str, Tensor],
        device: torch.device | None = None,
        dials: Mapping[str, MultiRateVAE] | None = None,
        renderers: Mapping[str, Renderer] | None = None,
    ):
        self.device = device or serving_device()
        self.trouble = ""  # one sentence, once the device has failed
        self._models, self._codes, self._every = dict(models), dict(codes), dials or {}
        self._renderers = renderers or {}
        self._placed = self._place()
        on_cpu = self.device.type == "cpu"
        # One decode is a millisecond of one core: more at once than there are cores only adds
        # switching. Another device takes one batch after the other.
        self._batcher = Batcher(
            self._answer, cores() if on_cpu else 1, MOST_ON_CPU if on_cpu else MOST
        )

    def admit(self, name: str, vae: VAE, codes: Tensor) -> None:
        """One more model, which may go again."""
        placed = Placed(vae, self.device, codes)
        self._models[name], self._codes[name] = vae, codes
        self._placed.models[name] = placed

    def dismiss(self, name: str) -> None:
        """It answers no longer."""
        for kept in (self._placed.models, self._models, self._codes):
            kept.pop(name, None)

    def decode(
        self,
        name: str,
        codes: Tensor,
        output: str = "mean",
        seed: int = 0,
        beta: float | None = None,
        details: Tensor | None = None,
    ) -> Tensor:
        """codes (N, L) -> pictures (N, C, 64, 64) in [0, 1].

        output   "sharp" is the mean for a model without a renderer
        details  (S,) of the sharp pictures
        """
        key, wish = self._key("decode", name, beta), _Wish(codes, output, seed, details=details)
        return self._batcher.ask(key, self._possible(name, wish), len(codes))

    def _possible(self, name: str, wish: _Wish) -> _Wish:
        """Raises ValueError where a sharp picture is to have no details."""
        if wish.output == "sharp" and name not in self._renderers:
            return replace(wish, output="mean")
        if wish.output == "sharp" and wish.details is None:
            raise ValueError("A sharp picture needs details.")
        return wish

    async def frames(
        self,
        name: str,
        codes: Tensor,
        output: str = "mean",
        seed: int = 0,
        quality: int = QUALITY,
        beta: float | None = None,
        details: Tensor | None = None,
    ) -> list[str]:
        """codes (N, L) -> a JPEG data URI each; for coroutines. The rest as for `decode`."""
        key = self._key("frames", name, beta)
        wish = self._possible(name, _Wish(codes, output, seed, quality, details))
        return await self._batcher.ask_soon(key, wish, len(codes))

    def encode(self, name: str, images: Tensor, beta: float | None = None) -> Posterior:
        """images (N, C, 64, 64) in [0, 1] -> q(z|x)."""
        return self._batcher.ask(self._key("encode", name, beta), images, len(images))

    def _key(self, what: str, name: str, beta: float | None) -> _Key:
        """Requests of one key are one batch. Raises ValueError for a β that the model has not."""
        if beta is None:
            return what, name, None
        if name not in self._every:
            raise ValueError(f"{name} is of one β.")
        return what, name, place_of(self._every[name], beta)

    def strips(
        self,
        name: str,
        codes: Tensor,
        latents: Sequence[int],
        values: Tensor,
        output: str = "mean",
        seed: int = 0,
        beta: float | None = None,
        details: Tensor | None = None,
    ) -> Tensor:
        """codes (N, L) with each of `latents` set to each of `values`, in one batch.

        Returns (N, len(latents), len(values), C, 64, 64) in [0, 1]. The rest as for `decode`.
        """
        moved = moved_codes(codes, latents, values)
        pictures = self.decode(name, moved.flatten(0, 2), output, seed, beta, details)
        return pictures.unflatten(0, moved.shape[:3])

    def _place(self) -> _Places:
        """Every model on the device, or all on the CPU if that fails."""
        try:
            return self._placed_on(self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            if self.device.type == "cpu":
                raise
            return self._leave_device(error)

    def _placed_on(self, device: torch.device) -> _Places:
        models = {
            name: Placed(vae, device, self._codes[name], self._renderers.get(name))
            for name, vae in self._models.items()
        }
        return _Places(models, Dials(self._every, device))

    def _leave_device(self, error: Exception) -> _Places:
        self.trouble = f"The CPU goes on, because {self.device} failed: {reason(error)}"
        warnings.warn(self.trouble, stacklevel=2)
        self.device = CPU
        return self._placed_on(CPU)

    @torch.inference_mode()
    def _answer(self, key: _Key, items: list) -> list:
        """One batch, on the device; on the CPU, now and later, if the device fails."""
        placed = self._placed
        try:
            return _answers(key[0], placed.at(key), items)
        except Exception as error:
            if placed.models[key[1]].device.type == "cpu" or not device_failed(error):
                raise
            if self._placed is placed:  # nobody has left it meanwhile
                self._placed = self._leave_device(error)
        return _answers(key[0], self._placed.at(key), items)


def _answers(what: str, model: Placed, items: list) -> list:
    if what == "encode":
        posterior = model.encode(torch.cat(items))
        sizes = [len(images) for images in items]
        both = zip(posterior.mean.split(sizes), posterior.log_variance.split(sizes), strict=True)
        return [Posterior(*part, posterior.angle) for part in both]
    likelihood = model.decode(torch.cat([wish.codes for wish in items]))
    sizes = [len(wish.codes) for wish in items]
    pictures = [wish.of(own) for wish, own in zip(items, _split(likelihood, sizes), strict=True)]
    _sharpen(model, items, pictures)
    if what == "decode":
        return [own.cpu() for own in pictures]
    images = iter(to_bytes(torch.cat(pictures)))
    return [[jpeg_uri(next(images), wish.quality) for _ in wish.codes] for wish in items]


def _sharpen(model: Placed, items: list[_Wish], pictures: list[Tensor]) -> None:
    """Put details into the pictures of those who wish them sharp, in one batch."""
    wishing = [place for place, wish in enumerate(items) if wish.output == "sharp"]
    if not wishing:
        return
    details = [items[place].details.expand(len(pictures[place]), -1) for place in wishing]
    sharp = model.paint(torch.cat([pictures[place] for place in wishing]), torch.cat(details))
    for place, own in zip(wishing, sharp.split([len(d) for d in details]), strict=True):
        pictures[place] = own


def _split(likelihood: Likelihood, sizes: list[int]) -> list[Likelihood]:
    """p(x|z) of a batch -> of each of its parts."""
    if isinstance(likelihood, Bernoulli):
        return [Bernoulli(logits) for logits in likelihood.logits.split(sizes)]
    return [replace(likelihood, mean=mean) for mean in likelihood.mean.split(sizes)]
