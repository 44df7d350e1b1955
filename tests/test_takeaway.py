"""What a visitor takes along: the link, the files, the lines of Python; and each opened again."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
import torch
from browser import (
    BETA,
    assert_shows,
    code_on_page,
    drag,
    open_page,
    pixels,
    random_face,
    reset,
    settle,
    slider,
    until,
)
from browser import decoded as shown
from PIL import Image

from betavae import bundles
from betavae.data.images import to_picture

VAE = "celeba-vae"
STATUS = "document.querySelector('.status')?.textContent"


def open_link(page, url):
    page.goto(url)
    page.wait_for_function("+document.querySelector('.board')?.dataset.strips >= 1")
    settle(page)


def copied_link(page) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("document.querySelector('.status').textContent = ''")
    page.keyboard.press("s")
    page.wait_for_function(f"{STATUS}?.includes('The link is copied')")
    return page.evaluate("navigator.clipboard.readText()")


class TestLink:
    def test_the_very_same_picture_locks_names_and_output(self, page):
        random_face(page)
        drag(page, slider(page))
        page.locator("section[aria-label*='β = 250'] .lock").nth(1).click()
        page.locator(f"figure:has([data-model={BETA}])").get_by_role(
            "button", name="Rename"
        ).click()
        page.keyboard.type("Nacht & Tag")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="View").click()
        page.get_by_role("radio", name="one random draw").check()
        page.keyboard.press("Escape")
        settle(page)
        link = copied_link(page)
        sent = {model: pixels(page, model) for model in (VAE, BETA)}
        code = code_on_page(page)
        other = page.context.new_page()
        open_link(other, link)
        for model, picture in sent.items():
            assert np.abs(pixels(other, model) - picture).max() <= 1
        assert torch.equal(code_on_page(other), code)
        panel = other.locator("section[aria-label*='β = 250']")
        assert panel.locator(".lock[aria-pressed=true]").count() == 1
        assert "Nacht & Tag" in panel.locator("label").first.inner_text()
        # A model that is put beside it later shows the same picture, not another face.
        other.get_by_label("Model", exact=True).select_option("FactorVAE (γ = 100)")
        settle(other)
        seen = bundles.load(VAE).vae.decode(code_on_page(page, VAE)[None]).mean
        expected = bundles.load("celeba-factor-vae").vae.encode(seen).mean[0]
        shown = code_on_page(other, "celeba-factor-vae")
        assert (shown - expected).abs().max() < 0.02

    def test_sharp_pictures_with_their_details(self, page):
        """The face's own, then somebody else's, then none: each link shows the very picture."""
        page.get_by_role("button", name="A face from the data").click()
        settle(page)
        seen = []
        for kind in ("its own", "somebody else’s", "none"):
            page.get_by_role("button", name="View").click()
            page.get_by_role("radio", name=kind).check()
            page.keyboard.press("Escape")
            settle(page)
            assert_shows(page, code_on_page(page))
            link, sent = copied_link(page), {model: pixels(page, model) for model in (VAE, BETA)}
            seen.append(sent[BETA])
            other = page.context.new_page()
            open_link(other, link)
            for model, picture in sent.items():
                assert np.abs(pixels(other, model) - picture).max() <= 1
            other.close()
        assert min(np.abs(seen[a] - seen[b]).mean() for a, b in ((0, 1), (0, 2), (1, 2))) > 2

    def test_the_address_follows_when_the_hand_rests_and_a_reload_brings_it_back(self, page):
        reset(page)
        drag(page, slider(page))
        until(page, lambda: "code2=" in page.url)
        settle(page)
        code = code_on_page(page)
        held = parse_qs(urlsplit(page.url).query)
        assert held["model2"] == [BETA]
        values = torch.tensor([int(v) / 100 for v in held["code2"][0].split("_")])
        assert torch.equal(values, code)
        page.keyboard.press("u")
        until(page, lambda: "code2=" + "_".join(["0"] * 32) in page.url)
        page.keyboard.press("Shift+Control+z")
        until(page, lambda: parse_qs(urlsplit(page.url).query) == held)
        open_link(page, page.url)
        assert torch.equal(code_on_page(page), code)

    def test_another_tab_and_one_model_alone(self, page, url):
        page.get_by_label("Compare with").select_option("none")
        page.get_by_role("tab", name="Compare").click()
        until(page, lambda: "tab=compare" in page.url)
        link = page.url
        assert "model2" not in link
        page.goto(link)
        page.wait_for_selector("[role=tab][data-tab-id=compare][aria-selected=true]")

    def test_a_mangled_link_says_so_and_starts_afresh(self, page, url):
        zeros, short = "_".join(["0"] * 32), "_".join(["0"] * 10)
        for query, sentence in (
            (f"model=../etc&code={zeros}", "names a model, ../etc, that is not served here"),
            (f"model={VAE}&code=1_2", "takes 32 numbers"),
            (f"model={VAE}&code=x{zeros}", "takes 32 numbers"),
            (f"model={VAE}&code=9999_{zeros[2:]}", "between −20 and 20"),
            (f"model={VAE}&code={zeros}&lock=77", "locks a slider that the model does not have"),
            (f"model={VAE}&code={zeros}&name.99=x", "names a slider that the model does not have"),
            (f"model={VAE}&code={zeros}&picture=x", "a picture that there is not"),
            (f"model={VAE}&code={zeros}&details=x", "details that there are not"),
            (
                f"model={VAE}&code={zeros}&model2=shapes2d-vae&code2={short}",
                "do not belong together",
            ),
        ):
            page.goto(f"{url}?{query}")
            page.wait_for_function(f"{STATUS}?.includes('This link is damaged')")
            assert sentence in page.inner_text(".status")
        settle(page)
        assert code_on_page(page).any(), "a face to start afresh"

    def test_in_a_spaces_frame_the_parent_page_is_told(self, page, url):
        """Spaces' documented message, https://huggingface.co/docs/hub/spaces-handle-url-parameters:
        the page that holds the frame puts the query into its own address."""
        space = "https://huggingface.co/spaces/somebody/app"
        page.context.grant_permissions(["local-network-access"])  # the loopback, from a public page
        page.context.route(
            f"{space}*",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f"""<iframe src="{url}?__theme=light" allow="local-network-access"
                width=1200 height=800></iframe><script>
                addEventListener('message', event => {{ if (event.data.queryString)
                  history.replaceState(null, '', '?' + event.data.queryString); }})</script>""",
            ),
        )
        page.goto(space)
        frame = page.frames[1]
        frame.wait_for_function("+document.querySelector('.board')?.dataset.strips >= 1")
        frame.get_by_role("button", name="Reset", exact=True).click()
        until(page, lambda: "code=" in page.url)
        assert page.url.startswith(space) and "__theme" not in page.url


def saved(page, item) -> bytes:
    page.get_by_role("button", name="Save", exact=True).click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=item, exact=True).click()
    return download.value.path().read_bytes()


def decoded(page, code, model=BETA) -> np.ndarray:
    return np.asarray(shown(page, code, model), float)


class TestFiles:
    def test_pictures(self, board):
        random_face(board)
        picture = Image.open(io.BytesIO(saved(board, "β-VAE (β = 250), PNG")))
        assert picture.format == "PNG" and picture.size == (1024, 1024)
        small = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), float)
        assert np.abs(small - decoded(board, code_on_page(board))).mean() < 2
        both = Image.open(io.BytesIO(saved(board, "Both with their names, PNG"))).convert("RGB")
        assert both.width == 1024
        for place, model in enumerate((VAE, BETA)):
            left = 12 + place * 508
            part = both.crop((left, 12, left + 492, 504)).resize((64, 64), Image.Resampling.BOX)
            code = code_on_page(board, model)
            assert np.abs(np.asarray(part, float) - decoded(board, code, model)).mean() < 2
        assert np.asarray(both.convert("L"))[520:].min() < 100, "words under the pictures"

    def test_the_papers_figure_of_this_face(self, board):
        reset(board)
        slider(board).focus()
        figure = Image.open(io.BytesIO(saved(board, "Traversals as in the paper, PNG")))
        active, step = bundles.load(BETA).active, 76
        assert figure.size == (300 + 8 * step + 24, 76 + step * len(active) + 12)
        code = torch.zeros(32)
        code[active[1].index] = 3
        last = (300 + 7 * step, 76 + step, 300 + 8 * step, 76 + 2 * step)
        cell = figure.convert("RGB").crop(last).resize((64, 64), Image.Resampling.BOX)
        assert np.abs(np.asarray(cell, float) - decoded(board, code)).mean() < 4

    def test_animations_of_the_slider_in_hand(self, board, tmp_path):
        reset(board)
        slider(board).focus()
        top = torch.zeros(32)
        top[bundles.load(BETA).active[0].index] = 3
        for item, kind in (("GIF", "gif"), ("WebP", "webp"), ("MP4", "mp4")):
            path = tmp_path / f"swing.{kind}"
            path.write_bytes(saved(board, item))
            frames = self.read(path)
            assert len(frames) == 50 or (kind != "mp4" and len(frames) > 40), "equal ones joined"
            quarter = Image.fromarray(frames[12]).resize((64, 64), Image.Resampling.BOX)
            assert np.abs(np.asarray(quarter, float) - decoded(board, top)).mean() < 8
        uri = "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
        plays = """uri => new Promise(done => { const video = document.createElement('video');
          video.onloadeddata = () => done(video.duration); video.onerror = () => done(null);
          video.src = uri; })"""
        assert board.evaluate(plays, uri) == pytest.approx(2, abs=0.1)

    @staticmethod
    def read(path) -> list[np.ndarray]:
        if path.suffix == ".mp4":
            video, frames = cv2.VideoCapture(str(path)), []
            while (read := video.read())[0]:
                frames.append(read[1][..., ::-1].copy())
            return frames
        picture, frames = Image.open(path), []
        for t in range(picture.n_frames):
            picture.seek(t)
            frames.append(np.asarray(picture.convert("RGB")))
        return frames

    def test_codes_are_saved_and_opened(self, page, tmp_path):
        random_face(page)
        code, before = code_on_page(page), pixels(page)
        content = saved(page, "Save as JSON")
        held = json.loads(content)
        assert torch.equal(torch.tensor(held["models"][BETA]["code"]), code)
        (tmp_path / "face.json").write_bytes(content)
        reset(page)
        page.set_input_files("#board input[type=file]", tmp_path / "face.json")
        page.wait_for_function(f"{STATUS} === 'Opened face.json.'")
        settle(page)
        assert torch.equal(code_on_page(page), code)
        until(page, lambda: np.abs(pixels(page) - before).max() <= 1)
        held["models"][BETA]["code"][3] = 1e9
        for text, sentence in (
            ("no", "it is no JSON"),
            ("{}", "no file of codes"),
            (json.dumps(held), "takes 32 numbers"),
        ):
            (tmp_path / "bad.json").write_text(text, encoding="utf-8")
            page.set_input_files("#board input[type=file]", tmp_path / "bad.json")
            page.wait_for_function(f"{STATUS}?.includes('cannot be opened')")
            assert sentence in page.inner_text(".status")
        assert torch.equal(code_on_page(page), code)

    def test_the_lines_of_python_make_this_picture(self, board):
        random_face(board)
        board.get_by_role("button", name="Save", exact=True).click()
        board.get_by_role("button", name="As Python …").click()
        lines = board.locator("dialog pre").nth(1).inner_text()
        made: dict = {}
        exec(lines.replace('"weights/', f'"{bundles.root()}/'), made)
        board.keyboard.press("Escape")
        assert_shows(board, code_on_page(board))
        picture = np.asarray(to_picture(made["picture"].detach()), float)
        assert np.abs(picture - decoded(board, code_on_page(board))).max() <= 1


def test_a_link_that_may_not_be_copied_is_shown(browser, url):
    for page in open_page(browser, url):
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
        page.get_by_role("button", name="Link", exact=True).click()
        assert "code=" in page.get_by_role("dialog").locator("textarea").input_value()
