"""live.json: what a run looks like just now, for whoever watches it train."""

from __future__ import annotations

import base64
import io
import json
import os
import time
from dataclasses import asdict

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from betavae.metrics.codes import BATCH
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.metrics.telling import information_from_few
from betavae.training.growth import kl_weight
from betavae.training.monitor import evaluating, mean
from betavae.training.run import Run
from betavae.views.traversal import grid, traverse

NAME = "live.json"
OFTEN = 0.8  # seconds between two reports, at least
SELDOM = 2.0  # between two that measure what each latent tells
SPARE = 9.0  # times what a report took: nine tenths of the time are for training
SHOWN, MEASURED = 8, 2000  # pictures
VALUES = torch.linspace(-3, 3, 7)  # of a traversal
POINTS = 300  # of the curve; a longer one keeps every second


class Report:
    """What a run looks like just now, for live.json:

    state, step, seconds, pictures  of them seen; config
    pressure         the weight of KL, where that alone is the regulariser just now
    curve            [[seconds, step, -log p(x|z), KL], ...], training batches, in nats
    kl               per latent, nats
    information      (L, F) nats, 0 of a latent that is silent; none without known factors
    reconstructions, traversals  data URIs: a row of eight; a row a latent, from -3 to 3
    originals        what is reconstructed, where it is not 2D shapes
    """

    def __init__(self, validation):
        self.validation = validation
        self.shown, self.centre = _shown(validation)
        self.measured = validation.batch(torch.arange(min(MEASURED, len(validation))))
        self.factors = None
        self.found: dict = {}
        if hasattr(validation, "factor_sizes"):
            self.factors = validation.factors(validation.indices[: len(self.measured)]).numpy()
        if self.factors is None:  # pictures that the page does not have
            self.found["originals"] = _uri(grid(self.shown[None].float() / 255))
        self.curve: list[list[float]] = []
        self._next_look = self._next_measurement = 0.0
        self._last_step = -1

    def write_if_due(self, run: Run, seconds: float) -> None:
        """At most one a second, and never for more than a tenth of the time."""
        now = time.monotonic()
        if now < self._next_look:
            return
        measures = now >= self._next_measurement
        self.write(run, "running", seconds, whole=measures)
        took = time.monotonic() - now
        self._next_look = now + max(OFTEN, SPARE / 2 * took)
        if measures:
            self._next_measurement = now + max(SELDOM, SPARE * took)

    def write(self, run: Run, state: str, seconds: float, whole: bool) -> None:
        """live.json as of now; `whole` measures what each latent tells, too."""
        run.read()
        vae = run.shown
        with evaluating(vae), torch.no_grad(), run.setting.autocast(run.processes.device):
            self.found |= self._pictures(vae, run)
            if whole or "kl" not in self.found:
                self.found |= self._measure(vae, run)
        if run.step > self._last_step and run.recent:
            recent = mean(run.recent[-20:])
            self.curve.append([round(seconds, 2), run.step, recent["reconstruction"], recent["kl"]])
            self._last_step = run.step
        if len(self.curve) > POINTS:
            self.curve = self.curve[::2]
        told = {
            "state": state,
            "step": run.step,
            "seconds": round(seconds, 2),
            "pictures": run.step * run.config.batch_size,
            "pressure": kl_weight(run.config, run.step),
            "config": asdict(run.config),
            "curve": self.curve,
            **self.found,
        }
        part = run.folder / f"{NAME}.part"
        part.write_text(json.dumps(told), encoding="utf-8")
        os.replace(part, run.folder / NAME)

    def _pictures(self, vae, run: Run) -> dict[str, str]:
        shown = self.shown.to(run.processes.device).float() / 255
        posterior, likelihood = vae(torch.cat([shown, self.centre.to(shown) / 255]))
        code = posterior.mean[-1:].float()
        moved = traverse(vae, code, range(code.shape[1]), VALUES)[0]
        return {
            "reconstructions": _uri(grid(likelihood.mean[None, :-1].float().cpu())),
            "traversals": _uri(grid(moved.float().cpu())),
        }

    def _measure(self, vae, run: Run) -> dict:
        means, kl = [], []
        for images in self.measured.split(BATCH):
            posterior = vae.encode(images.to(run.processes.device).float() / 255)
            means.append(posterior.mean.float().cpu())
            kl.append(posterior.kl().float().cpu())
        found = {"kl": torch.cat(kl).mean(0).tolist(), "measured_step": run.step}
        if self.factors is not None:
            codes = torch.cat(means).double().numpy()
            codes = codes if np.isfinite(codes).all() else np.zeros_like(codes)
            # A silent latent's mean still moves by a hundredth, and would tell what nobody hears.
            heard = np.array(found["kl"]) >= ACTIVE_NATS
            information = information_from_few(codes, self.factors) * heard[:, None]
            found["information"] = np.round(information, 4).tolist()
        return found


def _shown(validation) -> tuple[Tensor, Tensor]:
    """uint8 (8, C, 64, 64) to be reconstructed, and (1, C, 64, 64) to start traversals from.

    Of 2D shapes: large ones, in every place; and a heart in the middle, which shows every factor.
    """
    if not hasattr(validation, "factor_sizes"):
        images = validation.batch(torch.arange(min(SHOWN, len(validation))))
        return images, images[:1]
    sizes = torch.tensor(validation.factor_sizes)
    shares = torch.tensor(
        [
            (0.0, 0.9, 0.10, 0.15, 0.20),
            (0.5, 0.9, 0.35, 0.50, 0.15),
            (0.9, 0.9, 0.60, 0.85, 0.25),
            (0.0, 0.6, 0.85, 0.20, 0.80),
            (0.5, 0.3, 0.10, 0.75, 0.80),
            (0.9, 0.4, 0.20, 0.45, 0.75),
            (0.0, 0.2, 0.50, 0.60, 0.45),
            (0.9, 0.9, 0.00, 0.30, 0.50),
            (0.9, 0.6, 0.00, 0.50, 0.50),
        ]
    )
    images = validation.images((shares * sizes).long()) * 255
    return images[:SHOWN], images[SHOWN:]


def shown_pictures(validation) -> str:
    """The pictures that a report reconstructs, a row of eight, as a data URI."""
    return _uri(grid(_shown(validation)[0][None].float() / 255))


def _uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=75, method=0)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
