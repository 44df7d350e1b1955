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
FACES = str(PROJECT / "weights" / "celeba-beta-vae")


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


# Several commands, each ended by "then", and a script, in one process: a start takes two seconds.
SEVERAL = """
import runpy, sys

words = sys.argv[1:]
while "then" in words:
    end = words.index("then")
    sys.argv, words = ["betavae", *words[:end]], words[end + 1 :]
    try:
        runpy.run_module("betavae", run_name="__main__")
    except SystemExit as stop:
        assert not stop.code, sys.argv
*sys.argv, script = ["", *words]
exec(script)
"""
READ = "import betavae, sys; print(ascii(betavae.bundles.load(sys.argv[1]).title))"
APP = r"""
import json
from betavae.serving.studio import Studio
from betavae.ui import layout

text = json.dumps(layout.build(Studio()).get_config_file(), default=str, ensure_ascii=False)
print("\u03b2-VAE" in text, "\u00ce\u00b2" in text)
"""


@pytest.fixture(scope="module")
def windows(locales, picture_folder, tmp_path_factory):
    """Under Windows' settings, from a folder with a name in Chinese: a bundle that was trained and
    published, and what the app says of its models' names."""
    root = tmp_path_factory.mktemp("windows")
    shutil.copytree(picture_folder, root / "照片")
    made = root / "mine-β"
    train = command(root / "照片", root / "run-β", "--steps", "8", "--beta", "4")
    publish = ["publish", root / "run-β", "--data", root / "照片", "--to", made]
    words = [*train, "then", *map(str, publish), "then", APP]
    few = locales["cp1252"] | {"BETAVAE_WEIGHTS": os.pathsep.join((FACES, SHAPES))}
    return made, run(few, "-c", SEVERAL, *words)


@pytest.fixture(scope="module")
def ascii_only(locales, windows):
    """What is printed where there is only ASCII: of two bundles, and of the one of `windows`."""
    words = ["compare", SHAPES, SHAPES, "then", str(windows[0]), READ]
    return run(locales["C"], "-c", SEVERAL, *words)


def test_compare_prints_what_can_be_printed(locales, ascii_only):
    assert b"beta-VAE" in ascii_only
    gbk = run(locales["gbk"], "-m", "betavae", "compare", SHAPES, SHAPES)
    assert "β-VAE".encode("gbk") in gbk


def test_a_bundle_that_is_made_in_any_locale_is_read_in_any(windows, ascii_only):
    made, _ = windows
    assert bundles.load(made).title.startswith("β-VAE (β = 4)")
    assert "β-VAE" in (made / "README.md").read_text(encoding="utf-8")
    assert rb"\u03b2-VAE (\u03b2 = 4)" in ascii_only


def test_the_app_names_its_models_in_any_locale(windows):
    assert windows[1].split()[-2:] == [b"True", b"False"]
