"""What a first visitor is told: to drag, then that there is a link; what each slider carries."""

from __future__ import annotations

import pytest
from browser import BETA, SLIDER, drag, open_page, settle, slider, until

from betavae import bundles

VAE = "celeba-vae"
STATUS = "document.querySelector('.status').textContent"


def test_first_it_says_drag_and_then_link_once(page):
    assert page.evaluate(STATUS).startswith("Drag a slider. Face ")
    drag(page, slider(page))
    until(page, lambda: page.evaluate(STATUS).startswith("Link copies"))
    assert "beckons" in page.locator("#link").get_attribute("class")
    page.get_by_role("button", name="Undo").click()
    assert page.evaluate(STATUS) == "Undone."
    drag(page, slider(page, position=2))
    settle(page)
    page.wait_for_timeout(400)
    assert page.evaluate(STATUS) == "Undone.", "said once, and never over something newer"


def test_a_key_is_a_drag_too_and_a_link_says_nothing_of_it(page, browser, url):
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    until(page, lambda: page.evaluate(STATUS).startswith("Link copies"))
    until(page, lambda: "code=" in page.url)
    for other in open_page(browser, page.url):
        assert not other.evaluate(STATUS).startswith("Drag")


def test_the_bars_beside_a_picture_are_the_kl_of_each_latent_on_one_scale(board):
    shares = {
        name: board.evaluate(
            """name => [...[...document.querySelectorAll('figure')]
              .find(f => f.querySelector(`canvas[data-model="${name}"]`))
              .querySelectorAll('.spectrum i')].map(bar => parseFloat(bar.style.height))""",
            name,
        )
        for name in (VAE, BETA)
    }
    kls = {name: [one.kl for one in bundles.load(name).as_sliders] for name in shares}
    top = max(kl for each in kls.values() for kl in each)
    for name, found in shares.items():
        assert found == pytest.approx([100 * kl / top for kl in kls[name]], abs=0.5)


def test_a_click_on_a_bar_goes_to_its_slider(board):
    bars = board.locator("figure", has=board.locator(f"canvas[data-model={BETA}]")).locator(
        "i.active"
    )
    third = bundles.load(BETA).by_kl[2].index
    bars.nth(2).click(position={"x": 2, "y": 1})
    focused = board.evaluate("Object.assign({}, document.activeElement.dataset)")
    assert focused == {"model": BETA, "latent": str(third)}
    assert "held" in bars.nth(2).get_attribute("class")


def test_on_a_phone_no_name_is_cut_in_the_middle_of_its_ends(phone):
    """The ends of a latent are read whole or not at all."""
    cut = phone.evaluate(
        """() => [...document.querySelectorAll('.latent label')].filter(l => l.offsetParent)
          .filter(label => {
            const [, ends] = label.children, box = label.getBoundingClientRect();
            const own = ends.getBoundingClientRect(), shown = own.top < box.bottom - 4;
            return ends.textContent && shown && ends.scrollWidth > ends.clientWidth;
          }).map(label => label.textContent)"""
    )
    assert cut == []


def test_near_the_server_two_pictures_are_asked_for_at_once_and_no_more(page):
    under_way, free = [], []

    def hold(route):
        if free or '"frame"' not in (route.request.post_data or ""):
            return route.continue_()
        under_way.append(route)
        return None

    page.route("**/component_server/**", hold)
    handle = page.locator(SLIDER).first
    drag(page, handle)
    until(page, lambda: len(under_way) == 2)
    drag(page, handle)
    page.wait_for_timeout(300)
    assert len(under_way) == 2
    free.append(True)
    for route in under_way:
        route.continue_()
    settle(page)
