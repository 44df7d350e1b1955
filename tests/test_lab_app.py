"""The Train tab in Chromium: a run is started, paused, stepped, ended, opened, measured, taken."""

from __future__ import annotations

import os
import signal
import zipfile
from urllib.parse import parse_qs, urlsplit

import forked
import pytest
from browser import open_page, served, until
from small_runs import FEW, measuring_few

from betavae.model import VAE
from betavae.serving.lab import process
from betavae.serving.lab.lab import Lab
from betavae.ui import layout
from betavae.ui.parts.telling import in_words, own_latents

SETTING = {"precision": "fp32", "memory_format": "contiguous", "steps": 100_000}
PLAY = "#lab-play"


@pytest.fixture(scope="module")
def lab():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", forked.forking(measuring_few))
        lab = Lab(slots=1, setting=SETTING)
        yield lab
        lab.close()


@pytest.fixture(scope="module")
def address(lab, cache, studio):
    with served(layout.build(studio, lab), **layout.LAUNCH) as url:
        yield url


def shows_the_lab(page):
    page.wait_for_selector(".board canvas", state="attached")
    page.wait_for_selector(PLAY)


@pytest.fixture
def visitor(browser, lab, address):
    """visitor(query): a new page on the Train tab; no script may have failed at the end, and no
    visit is left to the next test."""
    visits = []

    def come(query=""):
        link, size = f"{address}?tab=train{query}", {"width": 1280, "height": 720}
        visits.append(open_page(browser, link, 60_000, shows_the_lab, viewport=size))
        return next(visits[-1])

    yield come
    try:
        for visit in visits:
            assert not list(visit)
    finally:
        for token in list(lab._visits):
            lab.leave(token)


ONE = "&run=beta-vae_beta-4&latents=3&seconds=300&seed=5"


def state(page) -> str:
    return page.evaluate("document.querySelector('.lab').dataset.state ?? ''")


def becomes(page, wanted, seconds=180):
    until(page, lambda: state(page) == wanted, seconds)


def pictures_seen(page) -> int:
    text = page.locator(".run .stage").first.inner_text()
    return int(text.split(" ")[0].replace(",", "")) if "seen" in text else 0


def test_a_run_from_start_to_the_zip(visitor, lab, tmp_path):
    page = visitor(ONE)
    page.locator(PLAY).click()
    becomes(page, "running")
    until(page, lambda: pictures_seen(page) > 0, 180)
    page.locator(PLAY).click()
    becomes(page, "paused")
    (visit,) = lab._visits.values()
    until(page, lambda: visit.seats[0].live()["state"] == "paused", 180)
    before = visit.seats[0].live()["step"]
    page.get_by_role("button", name="Step").click()
    until(page, lambda: visit.seats[0].live()["step"] == before + 1, 180)
    until(page, lambda: pictures_seen(page) == 16 * (before + 1), 180)
    # What is on the page is what the run reported.
    report = visit.seats[0].live()
    page.wait_for_function("words => document.querySelector('.words').textContent === words",
                           arg=in_words(report))  # fmt: skip
    assert page.locator(".latents .name").count() == 3
    page.locator(PLAY).click()
    becomes(page, "running")
    page.get_by_role("button", name="Stop").click()
    becomes(page, "")
    assert "Done" in page.locator(".run .stage").inner_text()

    page.get_by_role("button", name="Open in Traverse").click()
    page.wait_for_selector(".board canvas[data-model^=lab-]")
    assert "yours" in page.locator("#board #model").evaluate("s => s.selectedOptions[0].text")
    before = page.evaluate("+document.querySelector('.board').dataset.frames")
    # After so few steps its latents may all be silent, and folded away.
    page.evaluate("document.querySelectorAll('.panels details').forEach(d => { d.open = true; })")
    page.locator(".panels .latent input[type=range]").first.press("PageUp")
    page.wait_for_function("n => +document.querySelector('.board').dataset.frames > n", arg=before)
    assert page.locator(".board .status.wrong").count() == 0

    page.get_by_role("tab", name="Train", exact=True).click()
    page.get_by_label("Compare β-VAE (β = 4) with").select_option(label="VAE (β = 1)")
    page.wait_for_selector(".compare canvas[data-model^=lab-]")
    page.wait_for_function("+document.querySelector('.compare').dataset.frames > 0")

    page.get_by_role("tab", name="Train", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        archive.extractall(tmp_path)
    assert VAE.from_pretrained(tmp_path / "mine").latents == 3
    command = page.locator(".after pre").text_content()
    assert "python -m betavae train shapes2d" in command and "--seed 5 " in command
    assert (tmp_path / "mine/commands.txt").read_text(encoding="utf-8").strip() == command

    page.get_by_role("button", name="Measure", exact=True).click()
    page.wait_for_selector(".scores li", timeout=180_000)
    page.wait_for_function("document.querySelectorAll('.scores li').length === 10", timeout=180_000)
    becomes(page, "")
    shown = page.locator(".scores").inner_text()
    found = visit.seats[0].measured()
    assert found["done"] == 1 and f"{found['pictures']:,}" in shown
    assert f"{found['scores']['mig']:.3f}" in shown and found["pictures"] == sum(FEW.values())


def test_two_visitors_one_place_and_a_page_that_is_closed(visitor, lab):
    first, second = visitor(ONE), visitor(ONE)
    first.locator(PLAY).click()
    until(first, lambda: state(first) in ("starting", "running"))
    second.locator(PLAY).click()
    becomes(second, "waiting")
    assert "You are next" in second.locator(".lab .status").inner_text()
    second.get_by_role("button", name="Leave").click()
    becomes(second, "")
    second.locator(PLAY).click()
    becomes(second, "waiting")
    pids = [s.process.pid for v in lab._visits.values() for s in v.seats if s.process]
    first.close()  # half-way
    until(second, lambda: state(second) in ("starting", "running"))
    assert len(pids) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    second.reload()
    until(second, lambda: not lab._visits and not lab._queue)


def test_a_worker_that_is_killed_is_one_sentence_on_the_page(visitor, lab):
    page = visitor(ONE)
    page.locator(PLAY).click()
    until(page, lambda: any(s.process for v in lab._visits.values() for s in v.seats))
    (seat,) = (s for v in lab._visits.values() for s in v.seats)
    os.kill(seat.process.pid, signal.SIGKILL)
    page.wait_for_selector(".run .stage.wrong")
    assert "The system ended this training" in page.locator(".run .stage").inner_text()
    becomes(page, "")
    assert page.locator(PLAY).is_enabled() and not lab._queue


def test_a_link_fills_the_form_and_waits(visitor, lab):
    query = "&run=vae&beside=dip-vae-ii_lambda_od-20_falls&latents=8&rate=0.0005&seconds=120&seed=3"
    page = visitor(query)
    assert state(page) == "" and not lab._visits
    assert page.get_by_label("Objective of the left run").input_value() == "vae"
    assert page.get_by_label("Objective of the right run").input_value() == "dip-vae-ii"
    assert page.locator(".run-1 output").inner_text() == "20"
    assert page.locator(".run-1 .tick input").is_checked()
    page.locator(".more summary").click()
    assert page.get_by_label("Seed").input_value() == "3"
    page.get_by_label("Seed").fill("4")
    page.get_by_label("Seed").blur()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["seed"] == ["4"] and asked["beside"] == ["dip-vae-ii_lambda_od-20_falls"]
    assert asked["tab"] == ["train"] and asked["latents"] == ["8"]


@pytest.mark.parametrize("query", ["&run=beta-vae_beta-9999", "&seconds=99999"])
def test_a_damaged_link_is_said_and_the_usual_set_up_is_there(visitor, query):
    page = visitor(query)
    assert "This link is damaged" in page.locator(".lab .status").inner_text()
    assert page.get_by_label("Objective of the right run").input_value() == "beta-vae"


def test_the_tab_fits_each_screen_with_the_usual_two_runs(visitor):
    page = visitor("&seconds=120")  # a link that names no run
    assert page.get_by_label("Objective of the right run").is_visible()
    for width, height in ((1280, 720), (768, 1024), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        told = page.locator(".lab .empty dl").bounding_box()
        assert told["x"] > 0 and told["x"] + told["width"] < width
        box = page.locator(PLAY).bounding_box()
        assert box["y"] + box["height"] < height and box["width"] >= 44


REPORT = {
    "kl": [1.5, 0.01, 1.2, 0.9],
    "information": [
        [0.0, 0.1, 0.0, 2.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.1, 1.0],
        [0.0, 0.9, 0.0, 0.0, 0.8],
    ],
}


def test_words_say_who_tells_what():
    said = in_words(REPORT)
    assert "z3 tells size (0.90 nats); z0 tells x (2.00 nats); z2 and z3 share y" in said
    assert "nothing tells shape and turn yet" in said
    assert "The code carries 3.6 nats; 1 of 4 latents is silent." in said
    assert own_latents(REPORT) == {0: ["x"], 3: ["size"]}


def test_a_silent_code_is_said_to_be_silent():
    assert in_words(REPORT | {"kl": [0.0] * 4}).startswith("The code is silent")
