"""Weights in safetensors beside a config.json: a bundle's folder, or "user/repo" on the Hub."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Self

from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.constants import SAFETENSORS_SINGLE_FILE
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from safetensors.torch import load_model

from betavae.errors import reason


class WeightsError(RuntimeError):
    """Weights cannot be loaded; the message is one sentence, on one line, saying what is wrong."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class Pretrained(PyTorchModelHubMixin, library_name="beta-vae", tags=["beta-vae"]):
    """`from_pretrained` of a model, with its failures in one sentence."""

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, **options) -> Self:
        """A bundle's folder or "user/repo" on the Hub -> the model in eval mode, on the CPU.

        Raises WeightsError, in one sentence, for missing, truncated or altered weights.
        """
        if os.path.isdir(name_or_path):
            check_weights(Path(name_or_path))
        elif str(name_or_path).count("/") != 1 or str(name_or_path).startswith((".", "/")):
            raise WeightsError(f"{name_or_path} is neither a folder nor a name like 'user/repo'.")
        try:
            model = super().from_pretrained(str(name_or_path), **options)
        except WeightsError:
            raise
        except SafetensorError as error:
            raise WeightsError(f"{name_or_path}: the weight file is damaged ({error}).") from error
        except (EntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
            raise WeightsError(
                f"{name_or_path} is not a folder here, and the Hub did not give such a model: "
                f"{reason(error)}"
            ) from error
        except (RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{name_or_path}: the weights do not fit config.json: {reason(error)}"
            ) from error
        except Exception as error:  # those of the HTTP client, which changes with the Hub's library
            raise WeightsError(
                f"{name_or_path} could not be fetched from the Hub: {reason(error)}"
            ) from error
        return model

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **arguments,
    ) -> Self:
        """What the mixin calls with config.json's `arguments`. Safetensors only, all tensors:
        the mixin's own would fall back on a pickle, and let a missing tensor stay random."""
        if os.path.isdir(model_id):
            path = Path(model_id) / SAFETENSORS_SINGLE_FILE
        else:
            path = hf_hub_download(
                repo_id=model_id,
                filename=SAFETENSORS_SINGLE_FILE,
                revision=revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
            )
        model = cls(**arguments)
        load_model(model, path)
        return model.eval()


def digest(path: Path) -> str:
    """sha256 of a file, as hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_weights(folder: Path) -> None:
    """Compare model.safetensors with the digest that config.json recorded when it was written."""
    config_path, weights_path = folder / "config.json", folder / "model.safetensors"
    for path in (config_path, weights_path):
        if not path.is_file():
            raise WeightsError(f"{folder}: {path.name} is missing.")
    try:
        config = json.loads(config_path.read_text())
    except ValueError as error:
        raise WeightsError(f"{folder}: config.json is not JSON ({error}).") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{folder}: config.json must hold names and values, not {config!r:.40}.")
    expected = config.get("weights_sha256")
    if expected and digest(weights_path) != expected:
        raise WeightsError(
            f"{folder}: model.safetensors is truncated or altered (its sha256 differs from the one "
            "in config.json); restore it from the repository."
        )
