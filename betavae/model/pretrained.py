"""Weights in safetensors beside a config.json: a bundle's folder, or "user/repo" on the Hub."""

from __future__ import annotations

import codecs
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
from torch import channels_last

from betavae.errors import reason
from betavae.machine.network import UNREACHABLE, hub_is_reachable


class WeightsError(RuntimeError):
    """Weights cannot be loaded; the message is one sentence, on one line, saying what is wrong."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class Pretrained(PyTorchModelHubMixin, library_name="beta-vae", tags=["beta-vae"]):
    """`from_pretrained` of a model, with its failures in one sentence."""

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, **options) -> Self:
        """A bundle's folder or "user/repo" on the Hub -> the model in eval mode, on the CPU or on
        `map_location`.

        Raises WeightsError, in one sentence, for missing, truncated or altered weights.
        """
        reachable = True
        if os.path.isdir(name_or_path):
            check_weights(Path(name_or_path))
        elif str(name_or_path).count("/") != 1 or str(name_or_path).startswith((".", "/")):
            raise WeightsError(f"{name_or_path} is neither a folder nor a name like 'user/repo'.")
        elif not options.get("local_files_only") and not (reachable := hub_is_reachable()):
            options["local_files_only"] = True  # what was fetched before
        try:
            model = super().from_pretrained(str(name_or_path), **options)
        except WeightsError:
            raise
        except SafetensorError as error:
            raise WeightsError(f"{name_or_path}: the weight file is damaged ({error}).") from error
        except (EntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
            told = f"the Hub did not give such a model: {reason(error)}"
            told = told if reachable else f"{UNREACHABLE}."
            raise WeightsError(f"{name_or_path} is not a folder here, and {told}") from error
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
        map_location: str = "cpu",
        strict: bool = True,
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
        load_model(model, path, strict=strict)
        # Channels last: a CPU's convolutions are 1.3 to 2 times as fast.
        return model.eval().to(map_location, memory_format=channels_last)

    def save_pretrained(self, save_directory: str | Path, **options):
        """The mixin's, into a folder of its own: a bundle's files say more than it would write.

        Raises WeightsError for the folder of a bundle.
        """
        if (Path(save_directory) / "latents.json").exists():
            raise WeightsError(f"{save_directory} is a bundle; save the model in another folder.")
        return super().save_pretrained(save_directory, **options)


def digest(path: Path) -> str:
    """sha256 of a file, as hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_weights(folder: Path) -> None:
    """Compare model.safetensors with the digest that config.json recorded when it was written."""
    config_path, weights_path = folder / "config.json", folder / "model.safetensors"
    for path in (config_path, weights_path):
        if not path.is_file():
            raise WeightsError(f"{folder}: {path.name} is missing.")
    text = config_path.read_bytes()
    if text.startswith(codecs.BOM_UTF8):  # the Hub's library does not read it
        raise WeightsError(
            f"{folder}: config.json begins with a byte order mark; save it as UTF-8 without one."
        )
    try:
        config = json.loads(text)
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
