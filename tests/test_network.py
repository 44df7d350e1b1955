"""A slow network: little is sent, what is late is waited for, and nothing is asked for twice."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from browser import BETA, assert_shows, code_on_page, drag, open_page, served, slider, until

from betavae.ui import layout
from betavae.ui.live import component

STATUS = "document.querySelector('.board .status').textContent"
SIGHT = '<div class="first-sight"'
QUESTIONS = "**/component_server/**"


def parts(url: str) -> dict[str, dict]:
    """The page's components by their elem_id."""
    found = httpx.get(f"{url}config").json()["components"]
    return {part["props"]["elem_id"]: part for part in found if part["props"].get("elem_id")}


def asked(url: str, function: str, data) -> httpx.Response:
    board = parts(url)["board"]["id"]
    body = {"component_id": board, "fn_name": function, "session_hash": "wire", "data": data}
    return httpx.post(f"{url}gradio_api/component_server/", json=body)


class TestTheWire:
    def test_the_page_is_compressed_and_begins_with_the_boards_pictures(self, url):
        answer = httpx.get(url)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 200_000  # of 350 kB for all at load
        sight = re.search(f"{SIGHT}.*?</div>", answer.text)[0]
        opening = parts(url)["board"]["props"]["props"]["opening"]
        assert re.findall(r'src="(data:[^"]+)"', sight) == list(opening["pictures"].values())

    def test_a_link_to_another_picture_begins_without_them(self, url):
        for query in ("model=celeba-vae", "code=1_2", "tab=compare"):
            assert SIGHT not in httpx.get(f"{url}?{query}").text
        assert SIGHT in httpx.get(f"{url}?__theme=dark").text

    def test_what_hidden_tabs_show_does_not_travel_with_the_page(self, url):
        large = {
            name: len(json.dumps(part["props"].get("value"))) for name, part in parts(url).items()
        }
        assert large["headline"] and max(large.values()) < 1500, large

    def test_pictures_of_a_drag_are_not_compressed_again_and_previews_are(self, url):
        code = {"codes": {BETA: [0.0] * 32}}
        frame = asked(url, "frame", code)
        assert "Content-Encoding" not in frame.headers and frame.json()["light"] is False
        light = asked(url, "frame", code | {"light": True})
        assert light.json()["light"] is True and len(light.content) < 0.7 * len(frame.content)
        strips = asked(url, "strips", code | {"latents": {BETA: list(range(9))}})
        assert strips.headers["Content-Encoding"] == "gzip"
        assert strips.json()["sheets"][BETA].startswith("data:image/webp;base64,")


class TestTheFirstSight:
    def test_it_is_there_before_gradio_is_and_gone_with_the_board(self, browser, url):
        page = browser.new_page()
        scripts, free = [], []
        page.route(
            "**/assets/**", lambda route: route.continue_() if free else scripts.append(route)
        )
        page.goto(url, wait_until="commit")
        image = page.locator(".first-sight img").first
        image.wait_for()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
        free.append(True)
        for route in scripts:
            route.continue_()
        page.wait_for_selector(".board canvas")
        page.wait_for_function("document.querySelector('.board').dataset.frames >= 1")
        assert page.locator(".first-sight").count() == 0
        assert_shows(page, code_on_page(page))
        page.close()


@pytest.fixture(scope="module")
def impatient(cache, studio):
    """The app, whose page takes an answer for late after 0.3 seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(component, "PATIENCE", 300)
        with served(layout.build(studio), **layout.LAUNCH) as address:
            yield address


@pytest.fixture
def slow_page(browser, impatient):
    """Its page, after the first previews. `held(page, function)` keeps such questions."""
    yield from open_page(browser, impatient, viewport={"width": 1280, "height": 900})


def held(page, function: str) -> list:
    """The questions for a function that are asked from now on; each waits to be continued."""
    waiting = []
    page.route(
        QUESTIONS,
        lambda route: (
            waiting.append(route)
            if json.loads(route.request.post_data)["fn_name"] == function
            else route.continue_()
        ),
    )
    return waiting


def of_rows(route) -> bool:
    """Whether a question for strips is that of all rows, not of the lens on one latent."""
    latents = json.loads(route.request.post_data)["data"]["latents"]
    return max(len(rows) for rows in latents.values()) > 1


class TestLateAnswers:
    def test_previews_are_asked_for_once_and_used_when_they_come(self, slow_page):
        page = slow_page
        strip = f"document.querySelector('[data-sheet=\"{BETA}\"] :is(.thumb, .strip)')"
        sheet = f"getComputedStyle({strip}).backgroundImage"
        before, waiting = page.evaluate(sheet), held(page, "strips")
        drag(page, slider(page))
        page.wait_for_function(f"{STATUS}.includes('network is slow')")
        assert "does not answer" not in page.evaluate(STATUS)
        drag(page, slider(page, position=1))  # the hand rests a second time meanwhile
        page.wait_for_timeout(1200)  # four times as long as the page is patient
        assert len(waiting) == 1
        strips = "+document.querySelector('.board').dataset.strips"
        count = page.evaluate(strips)
        while page.evaluate(strips) == count:
            kinds = [of_rows(route) for route in waiting]
            assert len(kinds) == len(set(kinds))  # the lens's and the rows', never two of one kind
            if waiting:
                waiting.pop(0).continue_()
            page.wait_for_timeout(100)
        assert page.evaluate(sheet) != before and "data:image/webp" in page.evaluate(sheet)
        assert "slow" not in page.evaluate(STATUS)

    def test_pictures_of_a_drag_get_light_and_the_last_one_is_fine(self, slow_page):
        page, sent = slow_page, []

        def note(request):
            if "component_server" in request.url and '"frame"' in request.post_data:
                sent.append(json.loads(request.post_data)["data"]["light"])

        page.on("request", note)
        line = {
            "offline": False,
            "latency": 400,
            "downloadThroughput": 1e6,
            "uploadThroughput": 1e6,
        }
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
        for position in range(3):
            drag(page, slider(page, position=position))
        until(page, lambda: True in sent and sent[-1] is False)
        assert_shows(page, code_on_page(page))


def test_a_tab_is_filled_when_it_is_first_opened_and_keeps_what_is_chosen(page):
    page.get_by_role("tab", name="Results").click()
    page.wait_for_selector("#headline table")
    page.wait_for_selector("#history canvas, #history svg")
    choices = page.locator("#curve-choice input")
    choices.nth(1).check()
    page.get_by_role("tab", name="Traverse").click()
    page.get_by_role("tab", name="Results").click()
    page.wait_for_timeout(700)
    assert choices.nth(1).is_checked()
    assert page.locator("#headline table").count() == 1
