"""Models of every β, turned: each β's own VAE, folded once and kept while it is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

import torch

from betavae.model import MultiRateVAE
from betavae.serving.placed import Placed

PLACES = 128  # steps from the lowest β to the highest: one changes a picture by a grey level or two
MOST = 32  # models that are kept, of 3 MB each


def place_of(dial: MultiRateVAE, beta: float) -> int:
    """The step from 0 to PLACES that is nearest to β; people on one of them share batches."""
    return round(dial.place(beta) * PLACES)


def beta_at(dial: MultiRateVAE, place: int) -> float:
    """The β of a step."""
    low, high = dial.betas
    return min(max(low * (high / low) ** (place / PLACES), low), high)


class Dials:
    """The VAEs of models of every β, on a device; for several threads."""

    def __init__(self, dials: Mapping[str, MultiRateVAE], device: torch.device):
        self._dials, self._device = dials, device
        self._lock = threading.Lock()
        self._placed: OrderedDict[tuple[str, int], Placed] = OrderedDict()  # last used last

    def __contains__(self, name: str) -> bool:
        return name in self._dials

    def at(self, name: str, place: int) -> Placed:
        """A model's VAE at a step. A few milliseconds the first time."""
        key = name, place
        with self._lock:
            if key in self._placed:
                self._placed.move_to_end(key)
                return self._placed[key]
        dial = self._dials[name]
        placed = Placed(dial.at(beta_at(dial, place)), self._device)
        with self._lock:
            self._placed[key] = placed
            while len(self._placed) > MOST:
                self._placed.popitem(last=False)
        return placed
