"""Weights on disk: the round trip, and one sentence for every way they can be damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from betavae.model import ARCHITECTURES, VAE, WeightsError
from betavae.model.vae import digest


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A bundle's folder with weights, config and their digest, as it is packaged."""
    folder = tmp_path_factory.mktemp("saved")
    torch.manual_seed(0)
    vae = VAE("conv", 1, 3)
    vae.likelihood.scale.fill_(0.0625)
    vae.save_pretrained(folder)
    change_config(folder, weights_sha256=digest(folder / "model.safetensors"))
    return folder


@pytest.fixture
def bundle(saved, tmp_path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


def change_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


class TestPretrained:
    @pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
    def test_round_trip_is_bit_exact(self, architecture, tmp_path):
        vae = VAE(architecture, 3, 4, "bernoulli")
        vae.save_pretrained(tmp_path)
        assert (tmp_path / "model.safetensors").is_file()
        assert_same_weights(VAE.from_pretrained(tmp_path), vae)

    def test_training_state_comes_back_ready_to_use(self, tmp_path):
        """From training mode and channels_last, as the loop leaves it; the scale included."""
        vae = VAE("conv", 3, 4).to(memory_format=torch.channels_last).train()
        vae.likelihood.scale.fill_(0.081)
        vae.save_pretrained(tmp_path)
        loaded = VAE.from_pretrained(str(tmp_path))
        assert_same_weights(loaded, vae)
        assert loaded.likelihood.scale == vae.likelihood.scale
        assert not any(module.training for module in loaded.modules())
        assert {p.device.type for p in loaded.parameters()} == {"cpu"}
        assert (loaded.channels, loaded.latents) == (3, 4)

    def test_pretrained_decodes_the_same_pictures(self, saved):
        z = torch.linspace(-2, 2, 6).reshape(2, 3)
        first, second = (VAE.from_pretrained(saved).decode(z) for _ in range(2))
        assert torch.equal(first.mean, second.mean)
        assert first.scale == 0.0625


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1  # far behind the header: only the digest can tell
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def drop_a_tensor(path: Path) -> None:
    weights = load_file(path)
    del weights["encoder.0.weight"]
    save_file(weights, path)


def refusal(name_or_path, **options) -> str:
    """The message of the WeightsError that loading must end in; always one line."""
    with pytest.raises(WeightsError) as error:
        VAE.from_pretrained(name_or_path, **options)
    message = str(error.value)
    assert message
    assert "\n" not in message
    return message


class TestWeightsErrors:
    @pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
    def test_missing_file(self, bundle, file):
        (bundle / file).unlink()
        assert refusal(bundle) == f"{bundle}: {file} is missing."

    @pytest.mark.parametrize("damage", [flip_a_byte, truncate, drop_a_tensor])
    def test_digest_tells_truncated_and_altered_weights(self, bundle, damage):
        damage(bundle / "model.safetensors")
        message = refusal(bundle)
        assert str(bundle) in message
        assert "truncated or altered" in message

    @pytest.mark.parametrize(
        ("damage", "told"),
        [(truncate, "damaged"), (drop_a_tensor, "encoder.0.weight")],
        ids=["truncated", "tensor missing"],
    )
    def test_without_a_digest_the_file_itself_tells(self, bundle, damage, told):
        change_config(bundle, weights_sha256=None)
        damage(bundle / "model.safetensors")
        assert told in refusal(bundle)

    @pytest.mark.parametrize("size", [0, 4, 100])
    def test_next_to_nothing_left_of_the_weights(self, bundle, size):
        change_config(bundle, weights_sha256=None)
        path = bundle / "model.safetensors"
        path.write_bytes(path.read_bytes()[:size])
        assert "damaged" in refusal(bundle)

    @pytest.mark.parametrize("text", ["", "{", "not json", "\x00\x01"])
    def test_config_that_is_not_json(self, bundle, text):
        (bundle / "config.json").write_text(text)
        assert "config.json is not JSON" in refusal(bundle)

    @pytest.mark.parametrize("text", ["[]", "null", "7", '"conv"'])
    def test_config_without_names(self, bundle, text):
        (bundle / "config.json").write_text(text)
        assert "config.json must hold names and values" in refusal(bundle)

    @pytest.mark.parametrize(
        "change",
        [
            {"latents": 4},
            {"latents": "three"},
            {"latents": None},
            {"latents": -1},
            {"channels": 3},
            {"architecture": "mlp"},
            {"architecture": "vgg"},
            {"architecture": ["conv"]},
            {"likelihood": "bernoulli"},
        ],
        ids=str,
    )
    def test_config_of_other_weights(self, bundle, change):
        change_config(bundle, **change)
        assert "the weights do not fit config.json" in refusal(bundle)

    @pytest.mark.parametrize(
        "name", ["nonsense", "a/b/c", "/no/such/folder", "./none", "none/../x"]
    )
    def test_nonsense_name(self, name):
        assert refusal(name) == f"{name} is neither a folder nor a name like 'user/repo'."

    @pytest.mark.parametrize(
        "name", ["user/no-such-model", "user/", "a b/c", "ü/é", "x" * 300 + "/y", "two\nlines/y"]
    )
    def test_name_that_the_hub_does_not_know(self, name, tmp_path):
        """Without network: only the (empty) cache of downloaded models is asked."""
        message = refusal(name, local_files_only=True, cache_dir=tmp_path)
        assert "the Hub did not give such a model" in message
