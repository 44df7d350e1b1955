"""A bundle: what weights/NAME holds, read and checked. `from betavae import bundles` is this."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from betavae.bundles import hub, places
from betavae.errors import reason
from betavae.metrics.attributes import correlations
from betavae.metrics.codes import BATCH
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.model import VAE, WeightsError
from betavae.renderer import Renderer, loading

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
class Latent:
    """One latent of a trained model, measured over the validation split."""

    index: int
    kl: float  # mean, nats
    mean: float  # of the posterior means
    deviation: float  # their standard deviation
    low: float  # their 1 % and 99 % quantiles
    high: float
    # Best first: {"name", "correlation"} of an attribute, or of a factor {"name", "share"}, the
    # share of its entropy that this latent tells.
    tracks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.kl >= ACTIVE_NATS

    @property
    def tracked(self) -> str:
        """All that it tracks, such as "bangs -0.27, warm colours +0.14"."""
        return ", ".join(_track_text(track) for track in self.tracks)

    @property
    def named(self) -> list[dict[str, Any]]:
        """Those of `tracks` that it can be named by: not a weak correlation or a small share."""
        return [
            track
            for track in self.tracks
            if abs(track.get("correlation", 0)) >= 0.2 or track.get("share", 0) >= 0.1
        ]

    @property
    def label(self) -> str:
        """What a slider shows, such as "z12 · smiling +0.61" or "z3 · x 71 %, y 12 %"."""
        shown = self.named[:2] if self.named and "share" in self.named[0] else self.named[:1]
        text = ", ".join(_track_text(track) for track in shown)
        return f"z{self.index} · {text}" if text else f"z{self.index}"


def _track_text(track: dict[str, Any]) -> str:
    if "share" in track:
        return f"{track['name']} {track['share']:.0%}".replace("%", " %")
    return f"{track['name']} {track['correlation']:+.2f}"


def by_kl(latents: list[Latent]) -> list[Latent]:
    """The latents, strongest first."""
    return sorted(latents, key=lambda latent: -latent.kl)


@dataclass(frozen=True)
class Bundle:
    """A trained model with all that is known about it."""

    folder: Path
    vae: VAE
    config: dict[str, Any]
    latents: list[Latent]
    codes: Tensor  # (faces, L): posterior means of the same validation pictures in all of a family
    metrics: dict[str, Any]

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
            found = load_file(self.folder / DETAILS)["means"].float()
        except (KeyError, SafetensorError, OSError) as error:
            raise BundleError(f"{self.folder / DETAILS} is damaged: {reason(error)}.") from error
        if found.shape != (len(self.codes), self.renderer.detail_size):
            raise BundleError(f"{self.folder / DETAILS} does not fit the stored faces.")
        return found

    @cached_property
    def history(self) -> list[dict[str, float]]:
        with open(self.folder / "history.csv", newline="") as stream:
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
        vae = VAE.from_pretrained(folder)
        config, latents, metrics = (
            json.loads((folder / f"{part}.json").read_text())
            for part in ("config", "latents", "metrics")
        )
        codes = load_file(folder / "codes.safetensors")["means"]
        bundle = Bundle(folder, vae, config, _latents(latents), codes, metrics)
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


def _latents(rows: list[dict[str, Any]]) -> list[Latent]:
    """What latents.json holds; raises ValueError or TypeError where `latent_row` wrote no such."""
    latents = [Latent(**row) for row in rows]
    for number, latent in enumerate(latents):
        if not _is_measured(latent):
            raise ValueError(f"row {number} of latents.json lacks a value or has a wrong one")
    return latents


def _is_measured(latent: Latent) -> bool:
    values = (latent.kl, latent.mean, latent.deviation, latent.low, latent.high)
    tracks = latent.tracks
    return (
        all(isinstance(value, int | float) for value in values)
        and isinstance(tracks, list)
        and all(_is_track(track) for track in tracks)
    )


def _is_track(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("correlation", value.get("share")), int | float)
    )


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
    return {"vae": 0, "beta-vae": 1}.get(objective, 2), name


def pair_latents(one: Tensor, other: Tensor) -> list[tuple[int, float]]:
    """For each latent of `one` the latent of `other` that varies with it over the same faces.

    Posterior means (N, L) and (N, M) of the same N pictures -> L pairs (index, correlation).
    """
    matrix = correlations(one, other)
    best = matrix.abs().argmax(1)
    return [(int(k), float(matrix[i, k])) for i, k in enumerate(best)]


def latent_row(latent: Latent) -> dict[str, Any]:
    """For latents.json, rounded to what is meant."""
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(latent).items()}


@torch.no_grad()
def encode_all(vae: VAE, data) -> tuple[Tensor, Tensor]:
    """All pictures of a data set -> posterior means and KL per latent, both (N, L)."""
    means, divergences = [], []
    for indices in torch.arange(len(data)).split(BATCH):
        posterior = vae.encode(data.batch(indices).float() / 255)
        means.append(posterior.mean)
        divergences.append(posterior.kl())
    return torch.cat(means), torch.cat(divergences)
