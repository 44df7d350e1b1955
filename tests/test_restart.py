"""The server is killed and started again while a page is open: what is lost is said, and the way
back works."""

from __future__ import annotations

import os
import runpy
import socket
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import all_answered, open_page
from forked import Forked
from PIL import Image
from skimage.data import astronaut

from betavae import bundles

PROJECT = Path(__file__).parents[1]
SERVED = ("celeba-vae", "celeba-beta-vae")
LOST = "The server was restarted and lost your photo. Upload it again to go on."
EMPTY = "Your face and what a model makes of it will appear here."


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(port: int) -> bool:
    """Whether the whole page comes. That the port listens is too early: the app looks whether its
    own page can be reached before it stays."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
            return b"gradio" in page.read()
    except OSError:
        return False


def run_app(words: list[str]) -> None:
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


@contextmanager
def app(port: int, uploads: Path):
    """`python app.py` on that port until it is killed at the end, as by a crash."""
    environment = os.environ | {
        "BETAVAE_WEIGHTS": os.pathsep.join(str(bundles.root() / name) for name in SERVED),
        "BETAVAE_EXPECTED": " ".join(SERVED),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(uploads),
        "OMP_NUM_THREADS": "1",
    }
    process = Forked(["app.py"], function=run_app, cwd=PROJECT, env=environment)
    try:
        while not answers(port):
            assert process.poll() is None, "the app did not start"
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_page_that_outlives_its_server_says_what_is_lost(browser, port, tmp_path):
    portrait = tmp_path / "portrait.png"
    Image.fromarray(astronaut()).save(portrait)
    with app(port, tmp_path):
        pages = open_page(browser, f"http://127.0.0.1:{port}", patience=90_000)
        page = next(pages)
        with all_answered(page):
            page.get_by_role("tab", name="Reconstruct").click()
            page.set_input_files("#photo input[type=file]", portrait)
            page.wait_for_selector("#reconstruction .cards")
    with app(port, tmp_path):
        page.get_by_role("button", name="Edit in Traverse").click()
        page.get_by_text(LOST).wait_for()
        assert page.get_by_role("tab", name="Reconstruct").get_attribute("aria-selected") == "true"
        page.get_by_text("Another photo").click()
        page.get_by_text(EMPTY).wait_for()  # else the old photo's end may take the new one along
        page.set_input_files("#photo input[type=file]", portrait)
        page.wait_for_selector("#reconstruction .cards")
        page.get_by_role("button", name="Edit in Traverse").click()
        page.wait_for_function("document.querySelector('.status').textContent === 'Your face.'")
        assert not list(pages)  # no script failed
