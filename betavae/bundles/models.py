"""The model of a bundle, of one β or of every one: read and written."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from safetensors.torch import save_file

from betavae.model import VAE, MultiRateVAE


def holds_dial(folder: Path) -> bool:
    """Whether a bundle's model is one network for every β; not whether it is whole."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # from_pretrained says so
        return bool(json.loads((folder / "config.json").read_bytes()).get("betas"))
    return False


def read_model(folder: Path) -> tuple[VAE, MultiRateVAE | None]:
    """The model, and the network for every β that it is of, where it is; raises WeightsError."""
    if not holds_dial(folder):
        return VAE.from_pretrained(folder), None
    dial = MultiRateVAE.from_pretrained(folder)
    return dial.at(), dial


def save_weights(model: VAE | MultiRateVAE, path: Path) -> None:
    """model.safetensors; of a MultiRateVAE, which has twice the numbers, in half precision."""
    half = isinstance(model, MultiRateVAE)
    tensors = {
        name: (tensor.half() if half else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"format": "pt"})
    os.replace(part, path)
