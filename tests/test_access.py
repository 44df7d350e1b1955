"""Every tab for everyone: axe-core, what assistive technology is told, forced colours."""

from __future__ import annotations

import functools
import io
from importlib.resources import files

import numpy as np
import pytest
from browser import BETA, SLIDER, open_page, random_face, slider
from PIL import Image

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Gradio's own footer is left out: its picture's alternative text repeats the button's.
RUN = """rules => axe.run({exclude: ['footer[aria-label]']},
        {resultTypes: ['violations'], ...rules})
    .then(found => found.violations)"""
# As when the system turns to it in the evening; colours that fade into each other are at their end.
IN_THEME = """theme => {
  document.getAnimations().forEach(one => one instanceof CSSTransition && one.finish());
  return document.body.classList.contains('dark') === (theme === 'dark');
}"""


def violations(page, theme) -> list[str]:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(IN_THEME, arg=theme)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    rules = {}
    if theme == "dark":  # the light page in other colours
        rules = {"runOnly": ["color-contrast", "link-in-text-block"]}
    elif page.viewport_size["width"] < 1280:  # the wide page's colours, which take most of the time
        rules = {"rules": {"color-contrast": {"enabled": False}}}
    return [
        f"{found['id']}: {node['target']} {node['html'][:100]}"
        for found in page.evaluate(RUN, rules)
        for node in found["nodes"]
    ]


def traverse(page, _):
    """With all of it open, as every visit here; after each step it yields what is shown."""
    random_face(page)
    for key in ("k", "k", "a", "a"):  # snapshots, the player
        page.keyboard.press(key)
    slider(page).focus()
    page.keyboard.press("l")
    assert page.get_by_role("group", name="Snapshots").is_visible()
    yield "the tab"
    if page.viewport_size["width"] < 1280:
        return  # the same menu and dialog
    page.get_by_role("button", name="Save", exact=True).click()
    yield "a menu"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="How to play").click()
    yield "the dialog"


def other_tabs(page, photo):
    page.get_by_role("tab", name="Reconstruct").click()
    page.wait_for_selector("#examples img")
    yield "Reconstruct before there is a photo"
    page.set_input_files("#photo input[type=file]", photo)
    page.wait_for_selector("#reconstruction .cards")
    page.get_by_role("button", name="All models").click()
    for section in ("Paste back into the photo", "Blend with another face"):
        page.get_by_text(section).click()
    yield "Reconstruct"

    page.get_by_role("tab", name="Compare").click()
    page.wait_for_function("+document.querySelector('.compare')?.dataset.strips >= 1")
    open_all = "document.querySelectorAll('.compare details').forEach(d => { d.open = true; })"
    made = "![...document.querySelectorAll('.sections .content')].some(c => !c.children.length)"
    for family in ("Faces", "2D shapes"):
        page.locator("#compare-data").get_by_label(family).check()
        page.wait_for_function(
            "shapes => document.querySelector('#factors').hidden !== shapes",
            arg=family == "2D shapes",
        )
        page.wait_for_function(
            "name => document.querySelector('#matched canvas').dataset.model.startsWith(name)",
            arg="celeba" if family == "Faces" else "shapes2d",
        )
        page.evaluate(open_all)
        page.wait_for_function(made, timeout=120_000)  # what latents respond to takes longest
        yield f"Compare, {family}"

    page.get_by_role("tab", name="Train", exact=True).click()
    page.locator(".lab .more summary").click()
    yield "Train"

    page.get_by_role("tab", name="Results").click()
    page.wait_for_selector("#headline table")
    page.locator("#attributes summary").click()
    yield "Results"


@pytest.fixture(scope="module")
def found(browser, url, two_faces):
    """found(visit, width, themes): what axe finds on one visit, by theme and step."""

    @functools.cache
    def on_a_visit(visit, width, themes=("light", "dark")):
        seen = {theme: {} for theme in themes}
        for page in open_page(browser, url, viewport={"width": width, "height": 844}):
            for step in visit(page, two_faces):
                for theme in themes:
                    if wrong := violations(page, theme):
                        seen[theme][step] = wrong
        return seen

    return on_a_visit


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_on_traverse_with_all_of_it_open(found, theme, width):
    assert found(traverse, width)[theme] == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_other_tabs_with_all_of_them_open(found, theme):
    assert found(other_tabs, 1280)[theme] == {}


def test_axe_finds_nothing_on_the_other_tabs_of_a_phone(found):
    assert found(other_tabs, 390, ("light",))["light"] == {}


def test_what_a_slider_is_called_and_says(board):
    tree = board.locator("section[aria-label*='β = 250']").aria_snapshot()
    assert 'slider "background: dark to bright"' in tree
    assert board.get_by_role("group", name="Data").get_by_role("radio").count() == 2
    assert board.locator("h1").count() == 1
    levels = board.evaluate("[...document.querySelectorAll('h1,h2')].map(h => h.tagName)")
    assert levels[0] == "H1" and levels.count("H2") >= 2


def test_forced_colours_show_tracks_bars_and_selection(page):
    """In a high-contrast theme the filled part of a track differs from the rest of it."""
    page.emulate_media(forced_colors="active")
    handle = slider(page)
    handle.focus()
    page.keyboard.press("End")
    page.mouse.move(5, 400)
    page.wait_for_timeout(300)
    box = handle.bounding_box()
    shot = page.screenshot(clip=box)
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float)
    middle = picture[picture.shape[0] // 2]
    wide = len(middle)
    empty, filled = middle[wide // 5], middle[4 * wide // 5]
    assert np.abs(empty - filled).max() > 60
    chosen = page.locator("#data label").first.evaluate("l => getComputedStyle(l).backgroundColor")
    other = page.locator("#data label").last.evaluate("l => getComputedStyle(l).backgroundColor")
    assert chosen != other


def stands_out(page, target, at: float) -> bool:
    """Whether a control differs from what is around it, `at` a share of its width."""
    box = target.bounding_box()
    shot = page.screenshot(clip=box)
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float)
    column = picture[:, int(at * (picture.shape[1] - 1))]
    return np.abs(column - column[0]).max() > 60


def test_forced_colours_show_the_dial_the_bars_of_compare_and_the_tab(browser, url):
    numbers = "_".join(["0"] * 32)
    address = f"{url.rstrip('/')}/?model=celeba-any-beta&code={numbers}&beta=60"
    options = {"viewport": {"width": 1280, "height": 900}, "forced_colors": "active"}
    for page in open_page(browser, address, **options):
        dial = page.locator(".dial input[type=range]")
        assert stands_out(page, dial, 0.1) and stands_out(page, dial, 0.95), "filled, and empty"
        tabs = page.get_by_role("tab")
        lines = [t.evaluate("t => getComputedStyle(t).borderBottomWidth") for t in tabs.all()[:2]]
        assert lines[0] == "3px" != lines[1]
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_function("+document.querySelector('.compare')?.dataset.strips >= 1")
        page.get_by_text("KL of every latent, and what it tells").click()
        page.wait_for_selector(".columns i")
        bar = page.locator(".columns i").first
        bar.scroll_into_view_if_needed()
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert bar.evaluate("i => getComputedStyle(i).backgroundColor") != paper


def test_on_a_phone_the_two_buttons_of_the_sliders_name_their_models(phone):
    buttons = phone.get_by_role("group", name="Whose sliders").get_by_role("button")
    assert buttons.all_inner_texts() == ["VAE (β = 1)", "β-VAE (β = 250)"]
    for name in ("VAE (β = 1)", "β-VAE (β = 250)"):
        chosen = phone.get_by_role("button", name=f"Sliders of {name}", exact=True)
        chosen.click()
        assert chosen.get_attribute("aria-pressed") == "true"
        assert phone.get_by_role("slider", name="background").first.is_visible()


def test_the_focus_is_seen_and_every_control_has_a_name_on_the_other_tabs(page, two_faces):
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_function("+document.querySelector('.compare')?.dataset.strips >= 1")
    assert page.get_by_role("group", name="What is compared").get_by_role("combobox").count() == 3
    tree = page.locator("#matched").aria_snapshot()
    assert 'slider "background: dark to bright, by β-VAE (β = 250); with brightness of VAE' in tree
    for target in ("#one", "#matched input[type=range]", ".compare summary"):
        assert is_seen(page, page.locator(f"{target}:visible").first), target
    page.get_by_role("tab", name="Reconstruct").click()
    page.set_input_files("#photo input[type=file]", two_faces)
    page.wait_for_selector("#reconstruction .cards")
    assert page.get_by_role("button", name="Face 1 of 2").get_attribute("aria-pressed") == "true"
    for target in (".square", ".box >> nth=1", "#edit"):
        assert is_seen(page, page.locator(target)), target


def is_seen(page, target) -> bool:
    """Whether a control that the keyboard reaches has an outline."""
    target.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert target.evaluate("t => t === document.activeElement")
    return target.evaluate("t => getComputedStyle(t).outlineStyle") != "none"


def test_the_focus_is_seen(board):
    for target in (board.locator("#undo"), board.locator(SLIDER).first, board.locator("#model")):
        assert is_seen(board, target)
    assert board.locator(f".board canvas[data-model={BETA}]").get_attribute("role") == "img"
