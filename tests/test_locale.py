"""Text is UTF-8 whatever the machine's locale: Windows' code pages, GBK, LANG=C."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from small_runs import PROJECT, command

from betavae import bundles

SHAPES = str(PROJECT / "weights" / "shapes2d-beta-vae")


@pytest.fixture(scope="module")
def locales(tmp_path_factory):
    """A name -> the environment variables of that locale; glibc compiles those of 8 bits."""
    folder = tmp_path_factory.mktemp("locales")
    found = {"C": {"LC_ALL": "C"}}
    for name, language, encoding in (("cp1252", "en_US", "CP1252"), ("gbk", "zh_CN", "GBK")):
        if shutil.which("localedef"):
            words = ["localedef", "-i", language, "-f", encoding, folder / f"{language}.{encoding}"]
            subprocess.run(words, capture_output=True, check=False)  # 1 where it warns
        if (folder / f"{language}.{encoding}").is_dir():
            found[name] = {"LC_ALL": f"{language}.{encoding}", "LOCPATH": str(folder)}
        else:  # without its sources: at least what is printed
            found[name] = {"LC_ALL": "C", "PYTHONIOENCODING": encoding}
    return found


def run(variables: dict[str, str], *words: str) -> bytes:
    """What python prints in that locale; it must not fail."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONIO"))}
    python = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env={**plain, **python, **variables},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@pytest.mark.parametrize(("name", "title"), [("C", b"beta-VAE"), ("gbk", "β-VAE".encode("gbk"))])
def test_compare_prints_what_can_be_printed(locales, name, title):
    assert title in run(locales[name], "-m", "betavae", "compare", SHAPES, SHAPES)


def test_a_bundle_that_is_made_in_any_locale_is_read_in_any(locales, picture_folder, tmp_path):
    """Trained and published under Windows' settings, from a folder with a name in Chinese: read
    here, and where there is only ASCII."""
    shutil.copytree(picture_folder, tmp_path / "照片")
    windows, made = locales["cp1252"], tmp_path / "mine-β"
    train = command(tmp_path / "照片", tmp_path / "run-β", "--steps", "8", "--beta", "4")
    run(windows, "-m", "betavae", *train)
    publish = ["publish", tmp_path / "run-β", "--data", tmp_path / "照片", "--to", made]
    run(windows, "-m", "betavae", *map(str, publish))
    assert bundles.load(made).title.startswith("β-VAE (β = 4)")
    assert "β-VAE" in (made / "README.md").read_text(encoding="utf-8")
    script = "import betavae, sys; print(ascii(betavae.bundles.load(sys.argv[1]).title))"
    read = run(locales["C"], "-c", script, str(made))
    assert rb"\u03b2-VAE (\u03b2 = 4)" in read


APP = r"""
import json
from betavae.serving.studio import Studio
from betavae.ui import layout

text = json.dumps(layout.build(Studio()).get_config_file(), default=str, ensure_ascii=False)
print("\u03b2-VAE" in text, "\u00ce\u00b2" in text)
"""


def test_the_app_names_its_models_in_any_locale(locales):
    assert run(locales["cp1252"], "-c", APP).split() == [b"True", b"False"]
