"""The variational autoencoder: x -> q(z|x) -> z -> p(x|z)."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.constants import SAFETENSORS_SINGLE_FILE
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import Tensor, nn

from betavae.errors import reason
from betavae.machine.network import UNREACHABLE, hub_is_reachable
from betavae.model.decoders import conv_decoder, mlp_decoder
from betavae.model.encoders import Posterior, conv_encoder, mlp_encoder
from betavae.model.likelihoods import LIKELIHOODS, Likelihood

# name -> (encoder, decoder) for (channels, latents); `conv` and `mlp` are the paper's Table 1.
ARCHITECTURES = {
    "conv": lambda c, n: (
        conv_encoder(c, n, (32, 32, 64, 64), 256),
        conv_decoder(c, n, (32, 32, 64, 64), 256),
    ),
    "conv-wide": lambda c, n: (
        conv_encoder(c, n, (64, 128, 256, 256), 512),
        conv_decoder(c, n, (64, 128, 256, 256), 512),
    ),
    "mlp": lambda c, n: (mlp_encoder(c, n), mlp_decoder(c, n)),
}


class WeightsError(RuntimeError):
    """Weights cannot be loaded; the message is one sentence, on one line, saying what is wrong."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class VAE(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="beta-vae",
    tags=["beta-vae", "disentanglement"],
):
    """Encoder, decoder and likelihood of one architecture.

    architecture  "conv", "conv-wide" or "mlp"
    channels      1 or 3 picture channels; pictures are 64x64
    latents       L, the size of the code
    likelihood    "gaussian" (faces) or "bernoulli" (2D shapes)
    """

    def __init__(
        self,
        architecture: str = "conv",
        channels: int = 3,
        latents: int = 32,
        likelihood: str = "gaussian",
    ):
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture is {architecture!r}; it must be one of {', '.join(ARCHITECTURES)}."
            )
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"likelihood is {likelihood!r}; it must be one of {', '.join(LIKELIHOODS)}."
            )
        self.channels, self.latents = channels, latents
        self.encoder, self.decoder = ARCHITECTURES[architecture](channels, latents)
        self.likelihood = LIKELIHOODS[likelihood]()

    def encode(self, images: Tensor) -> Posterior:
        """images (N, C, 64, 64) float in [0, 1] -> q(z|x) with mean and log_variance (N, L).

        Raises ValueError for another shape, and for whole numbers.
        """
        images = fitting(images, (self.channels, 64, 64), "encode takes pictures", self)
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return Posterior(mean, log_variance)

    def decode(self, latents: Tensor) -> Likelihood:
        """latents (N, L) -> p(x|z) over pictures (N, C, 64, 64). Raises ValueError as `encode`."""
        latents = fitting(latents, (self.latents,), "decode takes codes", self)
        return self.likelihood(self.decoder(latents).float())

    def forward(self, images: Tensor) -> tuple[Posterior, Likelihood]:
        """Encode, then decode the posterior mean."""
        posterior = self.encode(images)
        return posterior, self.decode(posterior.mean)

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path, **options) -> VAE:
        """A bundle's folder or "user/repo" on the Hub -> a VAE in eval mode, on the CPU or on
        `map_location`.

        Raises WeightsError, in one sentence, for missing, truncated or altered weights.
        """
        reachable = True
        if os.path.isdir(name_or_path):
            check_weights(Path(name_or_path))
        elif str(name_or_path).count("/") != 1 or str(name_or_path).startswith((".", "/")):
            raise WeightsError(f"{name_or_path} is neither a folder nor a name like 'user/repo'.")
        elif not options.get("local_files_only"):
            reachable = hub_is_reachable()
            options["local_files_only"] = not reachable  # what was fetched before
        try:
            vae = super().from_pretrained(str(name_or_path), **options)
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
        return vae

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
    ) -> VAE:
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
        vae = cls(**arguments)
        load_model(vae, path, strict=strict)
        return vae.to(map_location).eval()

    def save_pretrained(self, save_directory: str | Path, **options):
        """The mixin's, into a folder of its own: a bundle's files say more than it would write.

        Raises WeightsError for the folder of a bundle.
        """
        if (Path(save_directory) / "latents.json").exists():
            raise WeightsError(f"{save_directory} is a bundle; save the model in another folder.")
        return super().save_pretrained(save_directory, **options)


def fitting(x: Tensor, shape: tuple[int, ...], takes: str, vae: nn.Module) -> Tensor:
    """x (N, *shape), in the weights' precision if it has more; ValueError for what does not fit."""
    if tuple(x.shape[1:]) != shape or not x.is_floating_point():
        wanted = ", ".join(map(str, ("N", *shape)))
        kind = str(x.dtype).removeprefix("torch.")
        raise ValueError(
            f"{takes} ({wanted}) of floating-point numbers; these are {tuple(x.shape)} of {kind}."
        )
    own = next(vae.parameters()).dtype
    return x.to(own) if x.dtype == torch.float64 != own else x


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
