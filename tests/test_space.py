"""What `host` sends, run as a Space runs it: the app starts, a drag and an upload work."""

from __future__ import annotations

import os

import huggingface_hub
import pytest
from hub_stub import TOKEN, hub, point_to
from PIL import Image
from skimage.data import astronaut
from space import as_nobody, framed, running

from betavae.cli import main

SPACE = "ada/see"
SERVED = ["celeba-vae", "celeba-beta-vae"]


@pytest.fixture
def hosted(monkeypatch, tmp_path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files that `host` has put into the Space, and the variables that it has set there."""
    with hub() as served:
        point_to(monkeypatch, served.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path / "hub"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        assert main(["host", SPACE, "--weights", *SERVED]) == 0
        return served.files["space", SPACE], served.variables[SPACE]


@pytest.mark.slow
def test_the_files_of_a_space_run_there(browser, hosted, tmp_path):
    """Another user, who may write neither at home nor in the project; behind a proxy under a path;
    in a frame of another origin."""
    before = as_nobody()
    if before is None:
        reason = "root cannot become another user here"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    portrait = tmp_path / "portrait.png"
    Image.fromarray(astronaut()).save(portrait)
    with running(*hosted, before) as (port, project, log), framed(port) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page, errors = context.new_page(), []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        space = page.frame_locator("iframe")
        canvas = space.locator(f"canvas[data-model={SERVED[1]}]").first
        canvas.wait_for()
        shows = lambda: canvas.evaluate("canvas => canvas.toDataURL()")  # noqa: E731
        space.locator(".board[data-strips]").first.wait_for()
        first = shows()

        handle = space.locator(".latent input[type=range]").first
        handle.focus()
        for _ in range(40):
            handle.press("ArrowRight")
        board = space.locator(".board").first.element_handle()
        board.evaluate("board => new Promise(done => setTimeout(done, 500))")
        _until(page, lambda: any(picture != first for picture in _pictures(space)))

        space.get_by_role("tab", name="Reconstruct").click()
        space.locator("#photo input[type=file]").set_input_files(portrait)
        space.locator("#reconstruction .cards").wait_for()
        said = space.locator("#reconstruction").inner_text()
        assert "One face found" in said and "PSNR" in said
        assert not errors
        context.close()
        assert not [p for p in project.rglob("*") if p.name in (".gradio", "__pycache__")]
        log.seek(0)
        said = log.read()
        # A Space has that package, with which its owner edits the running app.
        lacking = said.count("`spaces` package is required")
        assert said.count("Traceback") == lacking


def _pictures(space) -> list[str]:
    return space.locator(".board canvas[data-model]").evaluate_all(
        "all => all.map(canvas => canvas.toDataURL())"
    )


def _until(page, condition) -> None:
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    assert condition()
