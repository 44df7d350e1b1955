"""A bundle: what weights/NAME holds, read and checked. `from betavae import bundles` is this."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from betavae.bundles import hub, places
from betavae.bundles.latent import Latent, by_kl, read_latents
from betavae.bundles.models import read_model
from betavae.errors import reason
from betavae.metrics.attributes import attribute_latents, correlations
from betavae.metrics.codes import BATCH
from betavae.model import VAE, MultiRateVAE, WeightsError
from betavae.renderer import Renderer, loading

ALIKE = 1.5  # times the weakest active latent's KL, up to which the strongest is no stronger
FILES = (
    "config.json",
    "model.safetensors",
    "latents.json",
    "codes.safetensors",
    "metrics.json",
    "history.csv",
    "traversal.png",
    "README.md",
)

DETAILS = "details.safetensors"  # beside renderer.safetensors, in bundles that have one


class BundleError(RuntimeError):
    """A bundle is missing or damaged; the message is one sentence."""


@dataclass(frozen=True)
class Bundle:
    """A trained model with all that is known about it."""

    folder: Path
    vae: VAE  # of one β; where there is a dial, of the β that its latents were measured at
    config: dict[str, Any]
    latents: list[Latent]
    codes: Tensor  # (faces, L): posterior means of the same validation pictures in all of a family
    metrics: dict[str, Any]
    dial: MultiRateVAE | None = None  # one network for every β

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        """For people: "β-VAE (β = 250)"."""
        return self.config["title"]

    @property
    def by_kl(self) -> list[Latent]:
        """The latents, strongest first."""
        return by_kl(self.latents)

    @property
    def active(self) -> list[Latent]:
        return [latent for latent in self.by_kl if latent.active]

    @property
    def as_sliders(self) -> list[Latent]:
        """The latents in the order of their sliders: the strongest first. Where all active ones
        carry about as much, those that track one attribute or statistic are before them."""
        order, active = self.by_kl, self.active
        if not active or active[0].kl > ALIKE * active[-1].kl:
            return order
        told = [self.metrics.get(of, {}) for of in ("attributes", "statistics")]
        alone = attribute_latents(*told)
        return sorted(order, key=lambda latent: latent.index not in alone)

    @property
    def has_renderer(self) -> bool:
        """Whether there is a second decoder, one that draws sharp; not whether it is whole."""
        return (self.folder / loading.NAME).is_file()

    @cached_property
    def renderer(self) -> Renderer:
        """It, read when it is first asked for; raises WeightsError where there is none."""
        return Renderer.from_pretrained(self.folder)

    @cached_property
    def details(self) -> Tensor:
        """(faces, S): the details of the faces whose `codes` are stored, for the renderer.

        Raises BundleError where they are missing or damaged.
        """
        try:
            found = load_file(self.folder / DETAILS)["details"].float()
        except (KeyError, SafetensorError, OSError) as error:
            raise BundleError(f"{self.folder / DETAILS} is damaged: {reason(error)}.") from error
        if found.shape != (len(self.codes), self.renderer.detail_size):
            raise BundleError(f"{self.folder / DETAILS} does not fit the stored faces.")
        return found

    @cached_property
    def history(self) -> list[dict[str, float]]:
        with open(self.folder / "history.csv", newline="", encoding="utf-8") as stream:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def names() -> list[str]:
    """The bundles under the roots, sorted; a folder with a config.json is one."""
    return sorted({folder.name for folder in places.found()})


def load_shapes(name_or_folder: str | Path) -> Bundle:
    """`load`, for what needs known factors; raises ValueError for a bundle of other data."""
    loaded = load(name_or_folder)
    if loaded.config["data"]["name"] != "shapes2d":
        raise ValueError(f"{loaded.name} is not a model of 2D shapes. Known factors are needed.")
    return loaded


def load(name_or_folder: str | Path) -> Bundle:
    """A bundle by its name under the roots or by its folder. Raises BundleError in one sentence."""
    folder = Path(name_or_folder)
    if len(folder.name) > 255:
        raise BundleError(f"{folder.name[:40]}... is too long for the name of a bundle.")
    if not folder.is_dir():
        if folder.name != str(name_or_folder) or folder.name.startswith("."):
            raise BundleError(f"{name_or_folder} is not a bundle's folder.")
        folder = places.folder_of(folder.name)
    if not folder.is_dir():
        where = ", ".join(map(str, places.roots()))
        raise BundleError(f"There is no bundle {folder.name} in {where}.")
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise BundleError(f"The bundle {folder.name} is incomplete: {', '.join(missing)} missing.")
    try:
        vae, dial = read_model(folder)
        config, latents, metrics = (
            json.loads((folder / f"{part}.json").read_bytes())
            for part in ("config", "latents", "metrics")
        )
        codes = load_file(folder / "codes.safetensors")["means"]
        bundle = Bundle(folder, vae, config, read_latents(latents), codes, metrics, dial)
    except WeightsError as error:
        raise BundleError(str(error)) from error
    except (ValueError, TypeError, KeyError, SafetensorError, OSError) as error:
        raise BundleError(f"The bundle {folder.name} is damaged: {reason(error)}.") from error
    if not isinstance(config.get("title"), str) or not _names_its_data(config):
        raise BundleError(f"The bundle {folder.name} is damaged: config.json has no title or data.")
    if not isinstance(metrics, dict) or not isinstance(metrics.get("scores"), dict):
        raise BundleError(f"The bundle {folder.name} is damaged: metrics.json has no scores.")
    numbered = [latent.index for latent in bundle.latents] == list(range(vae.latents))
    if not numbered or codes.shape[1:] != (vae.latents,):
        raise BundleError(
            f"The bundle {folder.name} is damaged: its files have different numbers of latents."
        )
    return bundle


def _names_its_data(config: dict[str, Any]) -> bool:
    data = config.get("data")
    return isinstance(data, dict) and isinstance(data.get("name"), str)


def survey(
    expected: Sequence[str] = (), added: Sequence[str] = ()
) -> tuple[dict[str, Bundle], dict[str, str]]:
    """The bundles under the roots, the `expected` and the `added` ones: those that work; why others
    do not.

    added  folders, or "user/repo" on the Hub
    """
    good: dict[str, Bundle] = {}
    bad: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for folder in places.found():
        if folders.setdefault(folder.name, folder) is not folder:
            bad[str(folder)] = _second(folder)
    for name in sorted({*folders, *expected}, key=served_order):
        try:
            good[name] = load(folders.get(name, name))
        except BundleError as error:
            bad[name] = str(error)
    for place in added:
        try:
            one = load(place if Path(place).is_dir() or not hub.is_name(place) else _fetched(place))
        except BundleError as error:
            bad[place] = str(error)
            continue
        if good.setdefault(one.name, one) is not one:
            bad[place] = _second(one.folder)
    return good, bad


def _fetched(repository: str) -> Path:
    try:
        return hub.fetch(repository)
    except hub.HubError as error:
        raise BundleError(str(error)) from error


def _second(folder: Path) -> str:
    return f"{folder} is left out, because another bundle is called {folder.name}; rename it."


def served_order(name: str) -> tuple[int, str]:
    """The paper's pair first, the VAE before the β-VAE: what the others are compared with."""
    objective = name.partition("-")[2]  # of "celeba-beta-vae"
    return {"vae": 0, "beta-vae": 1, "beta-vae-grown": 1}.get(objective, 2), name


def pair_latents(one: Tensor, other: Tensor) -> list[tuple[int, float]]:
    """For each latent of `one` the latent of `other` that varies with it over the same faces.

    Posterior means (N, L) and (N, M) of the same N pictures -> L pairs (index, correlation).
    """
    matrix = correlations(one, other)
    best = matrix.abs().argmax(1)
    return [(int(k), float(matrix[i, k])) for i, k in enumerate(best)]


@torch.no_grad()
def encode_all(vae: VAE, data) -> tuple[Tensor, Tensor]:
    """All pictures of a data set -> posterior means and KL per latent, both (N, L)."""
    means, divergences = [], []
    for indices in torch.arange(len(data)).split(BATCH):
        posterior = vae.encode(data.batch(indices).float() / 255)
        means.append(posterior.mean)
        divergences.append(posterior.kl())
    return torch.cat(means), torch.cat(divergences)
