"""Odd things that people send or do: each is handled, or refused in a sentence that is true."""

from __future__ import annotations

import codecs
import shutil

import pytest
import torch
from small_runs import PROJECT

from betavae import VAE, bundles, cli


@pytest.fixture(scope="module")
def vae():
    return VAE("conv", 3, 8).eval()


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), r"these are \(1, 3, 64, 64\) of uint8"),
        (torch.zeros(3, 64, 64), r"encode takes pictures \(N, 3, 64, 64\)"),
        (torch.zeros(1, 3, 218, 178), r"these are \(1, 3, 218, 178\) of float32"),
        (torch.zeros(1, 64, 64, 3), r"these are \(1, 64, 64, 3\)"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_in_a_sentence(vae, pictures, said):
    with pytest.raises(ValueError, match=said):
        vae.encode(pictures)


@torch.no_grad()
def test_codes_of_numpys_precision_are_taken_and_too_short_ones_refused(vae):
    code = torch.linspace(-1, 1, 16).reshape(2, 8)
    assert torch.equal(vae.decode(code.double()).mean, vae.decode(code).mean)
    with pytest.raises(ValueError, match=r"decode takes codes \(N, 8\) .* these are \(2, 5\)"):
        vae.decode(code[:, :5])


def test_a_config_that_notepad_saved_is_named(tmp_path):
    copy = shutil.copytree(PROJECT / "weights" / "celeba-vae", tmp_path / "celeba-vae")
    path = copy / "config.json"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    with pytest.raises(bundles.BundleError, match="begins with a byte order mark; save it as UTF"):
        bundles.load(copy)


def test_a_run_is_not_written_onto_a_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["train", "shapes2d", "--to", str(tmp_path / "file")]) == 1
    assert (
        capsys.readouterr().err == f"betavae: {tmp_path / 'file'} is a file; name a folder with "
        "--to.\n"
    )


def test_a_file_that_cannot_be_written_is_named_without_an_error_number(tmp_path, capsys):
    target = tmp_path / "not" / "there.png"
    assert cli.main(["traverse", str(PROJECT / "weights" / "celeba-vae"), "--to", str(target)]) == 1
    assert capsys.readouterr().err == f"betavae: {target}: No such file or directory.\n"
