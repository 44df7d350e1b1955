"""renderer.safetensors: found, checked, read and written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import hf_hub_download
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from betavae.errors import reason
from betavae.model import WeightsError
from betavae.model.vae import digest

NAME = "renderer.safetensors"
MOST_CHANNELS = 64  # a file that says more is damaged


def find(name_or_path: str | Path) -> Path:
    """The file of a bundle here, or of "user/repo" on the Hub; WeightsError where there is none."""
    if os.path.isdir(name_or_path):
        path = Path(name_or_path) / NAME
        if not path.is_file():
            raise WeightsError(
                f"{name_or_path} has no renderer ({NAME}): train one with `python -m betavae "
                "sharpen`, or use the decoder's mean."
            )
        _check(path)
        return path
    try:
        return Path(hf_hub_download(repo_id=str(name_or_path), filename=NAME))
    except Exception as error:  # those of the HTTP client, which changes with the Hub's library
        raise WeightsError(
            f"{name_or_path} is neither a folder here nor a model on the Hub with a renderer: "
            f"{reason(error)}"
        ) from error


def read(path: Path, vae: nn.Module) -> tuple[dict[str, Tensor], int]:
    """The networks' weights as float32, and the channels of their details.

    Raises WeightsError where the file is damaged or was trained on another VAE's code.
    """
    try:
        with safe_open(path, "pt") as file:
            said = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({reason(error)}).") from error
    channels = said.get("channels", "")
    if not channels.isdigit() or not 0 < int(channels) <= MOST_CHANNELS:
        raise WeightsError(f"{path} does not say how many channels its details have.")
    if said.get("vae_sha256") != vae_digest(vae):
        raise WeightsError(
            f"{path} was trained for other weights of the VAE than those beside it; restore both "
            "from the repository."
        )
    return state, int(channels)


def write(renderer, path: Path) -> None:
    """The renderer's own weights in half precision, atomically."""
    state = {name: value.half().contiguous() for name, value in renderer.own_state().items()}
    said = {
        "format": "pt",
        "channels": str(renderer.painter.channels),
        "vae_sha256": vae_digest(renderer.vae),
    }
    part = path.with_suffix(".part")
    save_file(state, part, metadata=said)
    os.replace(part, path)


def vae_digest(vae: nn.Module) -> str:
    """sha256 of all weights of a VAE, whatever file they came in, as hexadecimal."""
    found = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return found.hexdigest()


@contextlib.contextmanager
def fitting(path: Path) -> Iterator[None]:
    """While weights are put into a renderer: what does not fit is a WeightsError."""
    try:
        yield
    except RuntimeError as error:
        raise WeightsError(f"{path}: weights and networks disagree: {reason(error)}") from error


def _check(path: Path) -> None:
    """Compare with the digest that config.json recorded, where it recorded one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # VAE.from_pretrained says so
        recorded = json.loads((path.parent / "config.json").read_text()).get("renderer", {})
        expected = recorded.get("sha256")
        if expected and digest(path) != expected:
            raise WeightsError(
                f"{path} is truncated or altered (its sha256 differs from the one in config.json); "
                "restore it from the repository."
            )
