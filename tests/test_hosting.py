"""The app and its bundles on the Hugging Face Hub: a stub of it on the loopback, real HTTP."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from hub_stub import LARGEST_BINARY, TOKEN, hub, point_to

from betavae import bundles
from betavae.cli import main
from betavae.serving.studio import Studio

PROJECT = Path(__file__).parents[1]
SPACE, FEW = "ada/see", ("shapes2d-vae", "shapes2d-beta-vae")


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """The Hub that this process asks; large files go the way of Git LFS, not of Xet."""
    with hub() as served:
        point_to(monkeypatch, served.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield served
        assert not served.unknown


def refusal(capsys, *arguments) -> str:
    """The one sentence that a command ends with."""
    assert main(list(arguments)) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("betavae: ") and line.endswith(".") and "Traceback" not in line
    return line


class TestHost:
    def test_a_space_gets_what_the_app_needs_and_nothing_else(self, stub, capsys):
        assert main(["host", SPACE, "--weights", *FEW]) == 0
        printed = capsys.readouterr().out
        assert f"{SPACE} is at {stub.url}/spaces/{SPACE}" in printed
        files = stub.files["space", SPACE]
        assert {"app.py", "requirements.txt", "README.md", "betavae/ui/live/board/start.js"} <= set(
            files
        )
        for path, content in files.items():
            assert path == ".gitattributes" or content == (PROJECT / path).read_bytes()
        folders = {path.split("/")[1] for path in files if path.startswith("weights/")}
        assert folders == {*FEW, "shapes2d-study", "celeba-study"}
        assert ".readme/drag.webp" in files  # README shows it
        assert not [p for p in files if "__pycache__" in p or p.startswith(("tests/", ".ci/"))]
        assert stub.variables[SPACE] == {"BETAVAE_EXPECTED": " ".join(FEW)}
        assert stub.created[SPACE]["sdk"] == "gradio"
        assert "visibility" not in stub.created[SPACE]

    def test_large_files_go_to_the_large_file_storage(self, stub):
        assert main(["host", SPACE, "--weights", *FEW]) == 0
        large = stub.in_large_storage[SPACE]
        assert {f"weights/{name}/model.safetensors" for name in FEW} <= large
        for path, content in stub.files["space", SPACE].items():
            assert len(content) <= LARGEST_BINARY or b"\0" not in content or path in large

    def test_the_front_matter_says_how_to_run_it(self, stub):
        assert main(["host", SPACE, "--weights", *FEW]) == 0
        files = stub.files["space", SPACE]
        _, front, _ = files["README.md"].decode().split("---\n", 2)
        lines = [line for line in front.splitlines() if re.match(r"\w+:", line)]
        matter = dict(re.match(r"(\w+):\s*(.*)", line).groups() for line in lines)
        assert matter["sdk"] == "gradio" and matter["app_file"] in files
        assert re.fullmatch(r'"3\.1\d"', matter["python_version"])  # quoted: 3.10 is not 3.1
        assert len(matter["short_description"]) <= 60
        required = re.search(r"gradio>=([\d.]+),<(\d+)", files["requirements.txt"].decode())
        version = [int(part) for part in matter["sdk_version"].split(".")]
        assert [int(part) for part in required[1].split(".")] <= version < [int(required[2])]

    def test_a_second_time_updates_it(self, stub, capsys):
        assert main(["host", SPACE, "--weights", *FEW, "--private"]) == 0
        assert stub.created[SPACE]["visibility"] == "private"
        stub.files["space", SPACE] |= {"betavae/gone.py": b"", "notes.txt": b"by hand"}
        sent = dict(stub.large)
        assert main(["host", SPACE, "--weights", FEW[0], "--hardware", "t4-small"]) == 0
        files = stub.files["space", SPACE]
        assert "betavae/gone.py" not in files and files["notes.txt"] == b"by hand"
        assert f"weights/{FEW[1]}/model.safetensors" not in files
        assert stub.variables[SPACE] == {"BETAVAE_EXPECTED": FEW[0]}
        assert stub.hardware == [(SPACE, "t4-small")]
        assert len(stub.commits) == 2 and stub.large == sent

    def test_another_app_of_that_name_is_not_overwritten(self, stub, capsys):
        stub.files["space", SPACE] = {"README.md": b"", "app.py": b"mine", "thesis.csv": b""}
        assert "not this app" in refusal(capsys, "host", SPACE, "--weights", *FEW)
        assert stub.files["space", SPACE]["app.py"] == b"mine"

    def test_refusals(self, stub, capsys, monkeypatch):
        host = ("--weights", *FEW)
        assert "somebody else's" in refusal(capsys, "host", "bob/see", *host)
        assert "a name like USER/SPACE" in refusal(capsys, "host", "see", *host)
        assert "no bundle nothing" in refusal(capsys, "host", SPACE, "--weights", "nothing")
        paid = refusal(capsys, "host", SPACE, *host, "--hardware", "t4-small")
        assert "a paid plan" in paid and "Payment is required" in paid
        assert ("space", SPACE) not in stub.files
        stub.full = True
        assert "storage on the Hub is full" in refusal(capsys, "host", SPACE, *host)
        monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
        assert "does not accept your token" in refusal(capsys, "host", "ada/new", *host)

    def test_no_token(self, stub, capsys, monkeypatch, tmp_path):
        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        assert "hf auth login" in refusal(capsys, "host", SPACE, "--weights", *FEW)

    def test_no_network(self, capsys, monkeypatch):
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # nobody listens
            point_to(monkeypatch, f"http://127.0.0.1:{unheard.getsockname()[1]}")
            monkeypatch.setenv("HF_TOKEN", TOKEN)
            assert "check the network" in refusal(capsys, "host", SPACE, "--weights", *FEW)


class TestPublish:
    def test_a_bundle_goes_there_and_comes_back_into_the_app(self, stub, capsys, monkeypatch):
        source = bundles.root() / "shapes2d-vae"
        assert main(["publish", str(source), "--hub", "ada/my-shapes"]) == 0
        assert f"{stub.url}/ada/my-shapes" in capsys.readouterr().out
        files = stub.files["model", "ada/my-shapes"]
        assert files["model.safetensors"] == (source / "model.safetensors").read_bytes()
        assert "model.safetensors" in stub.in_large_storage["ada/my-shapes"]
        studio = Studio(["ada/my-shapes"])
        assert not studio.problems
        assert "my-shapes" in studio.families["shapes2d"]
        assert studio.title("my-shapes") == "VAE (β = 1), my-shapes"
        codes = studio.bundles["my-shapes"].codes[:1]
        assert (studio.decode("my-shapes", codes) == studio.decode("shapes2d-vae", codes)).all()

    def test_one_that_is_not_there_is_named_and_the_others_are_served(self, stub):
        studio = Studio(["ada/nothing", "/no/folder"])
        assert set(studio.problems) == {"ada/nothing", "/no/folder"}
        assert "knows no such repository" in studio.problems["ada/nothing"]
        assert "celeba-vae" in studio.names

    def test_refusals(self, stub, capsys):
        source = str(bundles.root() / "shapes2d-vae")
        assert "somebody else's" in refusal(capsys, "publish", source, "--hub", "bob/x")
        assert "USER/REPO" in refusal(capsys, "publish", source, "--hub", "x")


class TestPlaces:
    """BETAVAE_WEIGHTS=folder[:folder], each a folder of bundles or a bundle."""

    @pytest.fixture
    def two(self, tmp_path):
        for place, name, source in (
            ("one", "shapes2d-vae", "shapes2d-vae"),
            ("other", "own", "shapes2d-beta-vae"),
        ):
            (tmp_path / place).mkdir()
            (tmp_path / place / name).symlink_to(bundles.root() / source)
        return tmp_path

    def test_several_folders(self, two, monkeypatch):
        monkeypatch.setenv("BETAVAE_WEIGHTS", f"{two / 'one'}{os.pathsep}{two / 'other'}")
        assert bundles.names() == ["own", "shapes2d-vae"]
        assert bundles.load("own").folder == two / "other" / "own"
        good, bad = bundles.survey()
        assert list(good) == ["shapes2d-vae", "own"] and not bad

    def test_a_bundle_itself(self, two, monkeypatch):
        monkeypatch.setenv("BETAVAE_WEIGHTS", str(two / "other" / "own"))
        assert bundles.names() == ["own"] and bundles.load("own").name == "own"

    def test_the_second_of_a_name_is_left_out_and_named(self, two, monkeypatch):
        (two / "other" / "shapes2d-vae").symlink_to(bundles.root() / "shapes2d-beta-vae")
        monkeypatch.setenv("BETAVAE_WEIGHTS", f"{two / 'one'}{os.pathsep}{two / 'other'}")
        good, bad = bundles.survey(added=[str(two / "other" / "own")])
        assert good["shapes2d-vae"].folder == two / "one" / "shapes2d-vae"
        second = str(two / "other" / "shapes2d-vae")
        assert set(bad) == {second, str(two / "other" / "own")}
        assert "rename it" in bad[second]

    def test_what_a_space_with_few_bundles_expects(self, two, monkeypatch):
        monkeypatch.setenv("BETAVAE_WEIGHTS", str(two / "one"))
        monkeypatch.setenv("BETAVAE_EXPECTED", "shapes2d-vae lost")
        assert set(Studio().problems) == {"lost"}


def test_the_command_line_itself_asks_the_hub_that_is_named(tmp_path):
    """As a user starts it, with HF_ENDPOINT; the bundle that is sent is the app's own."""
    with hub() as served:
        environment = os.environ | {
            "HF_ENDPOINT": served.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path),
            "HF_HUB_DISABLE_XET": "1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "betavae", "host", SPACE, "--weights", FEW[0]],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            timeout=300,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
        assert "app.py" in served.files["space", SPACE] and not served.unknown
