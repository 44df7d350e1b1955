"""A bundle whose code lies along better axes: the same model, the same pictures, other sliders."""

from __future__ import annotations

import copy
import itertools
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from betavae.bundles.bundle import DETAILS, Bundle, encode_all
from betavae.bundles.files import write_json, written_whole
from betavae.bundles.models import save_weights
from betavae.bundles.packaging import describe, measure
from betavae.bundles.renderer_packaging import HISTORY
from betavae.machine.version import code_version
from betavae.metrics.attributes import attribute_latents, picture_statistics, what_is_told
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.model import VAE
from betavae.model.pretrained import digest
from betavae.model.rotation import loadings, rotate, rotations
from betavae.renderer import Renderer, loading

ROTATIONS = 48  # that are compared
TOLD, LEADS = (-0.02, -0.01, 0.0, 0.01, 0.02), (-0.01, 0.0, 0.01)  # added to the thresholds
PICTURES = 10_000  # whose codes are looked at for long tails
CODES = 256  # at which the decoder is asked what a latent changes
NOISES = 4096  # posteriors that the width of the rotated noise is fitted to


def rotate_bundle(source: Bundle, folder: Path, training, validation) -> None:
    """Write the bundle `folder`: the model of `source` with its active latents along axes that are
    found without labels; where the data set has attributes, those of the training pictures choose
    between several.

    Raises ValueError for a code that has no straight axes of one β, or no two active latents.
    """
    if source.dial is not None or source.vae.polar:
        raise ValueError(
            f"{source.name} cannot be rotated: only the code of one β, without an angle, can."
        )
    vae = copy.deepcopy(source.vae)
    means, kl = encode_all(vae, training)
    active = kl.mean(0) >= ACTIVE_NATS
    if active.sum() < 2:
        raise ValueError(f"{source.name} has fewer than two active latents: nothing to rotate.")
    rotation, said = _chosen(vae, means, active, training)
    rotate(vae, rotation, _log_variances(vae, training))
    with written_whole(folder) as part:
        save_weights(vae, part / "model.safetensors")
        shutil.copyfile(source.folder / "history.csv", part / "history.csv")
        config = {
            **source.config,
            "title": f"Rotated {source.title}",
            "weights_sha256": digest(part / "model.safetensors"),
            "rotated": {"of": source.name, **said, "code_version": code_version()},
        }
        if source.has_renderer:
            _copy_renderer(source, vae, part)
            found = {"sha256": digest(part / loading.NAME)}
            config["renderer"] = source.config["renderer"] | found
        write_json(part / "config.json", config)
        measure(part, describe(part, validation), training, validation)


def _chosen(vae: VAE, means: Tensor, active: Tensor, training) -> tuple[Tensor, dict[str, Any]]:
    """The rotation (L, L) of all latents, and what config.json says of its choice."""
    told = active.nonzero().flatten()
    of = loadings(vae, means[_spread(len(means), CODES)])
    some = means[_spread(len(means), PICTURES)]
    found = rotations(of[:, :, told], some[:, told], ROTATIONS)
    counts = None  # of latents that track one attribute
    if getattr(training, "attributes", None) is not None:
        measured = picture_statistics(training.images)
        codes = (means[:, told] @ rotation.T for rotation in found)
        counts = [_tracking(what_is_told(each, training, measured)) for each in codes]
    best = counts.index(max(counts)) if counts else 0  # of equals the highest climb
    rotation = torch.eye(vae.latents)
    rotation[told[:, None], told] = found[best]
    return rotation, {"rotations": len(found), "chosen": best, "attribute_latents": counts}


def _spread(count: int, most: int) -> Tensor:
    """At most `most` of `count` places, evenly."""
    return torch.arange(0, count, max(1, count // most))[:most]


def _tracking(told: dict[str, dict]) -> float:
    """How many latents track one attribute or statistic, as a mean over thresholds a little lower
    and higher: a latent just above one of them need not be so in other pictures."""
    strict = itertools.product(TOLD, LEADS)
    counts = [len(attribute_latents(*told.values(), stricter=by)) for by in strict]
    return round(sum(counts) / len(counts), 2)


@torch.no_grad()
def _log_variances(vae: VAE, data) -> Tensor:
    places = _spread(len(data), NOISES).split(256)
    return torch.cat([vae.encode(data.batch(some).float() / 255).log_variance for some in places])


def _copy_renderer(source: Bundle, vae: VAE, folder: Path) -> None:
    """It knows a code by its picture alone, and that is the same: only whose it is has changed."""
    renderer = Renderer(vae, source.renderer.painter.channels)
    renderer.load_own_state(source.renderer.own_state())
    loading.write(renderer, folder / loading.NAME)
    for name in (DETAILS, HISTORY):
        if (source.folder / name).is_file():
            shutil.copyfile(source.folder / name, folder / name)
