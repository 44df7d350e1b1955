"""Chromium for the tests and benchmarks that need a real browser."""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import shutil
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image

from betavae import bundles
from betavae.data.images import to_picture
from betavae.serving.details import resolve

SLIDER = ".latent input[type=range]"
WIDE, DESK = {"width": 1280, "height": 720}, {"width": 1280, "height": 900}
# All that a visitor has set on the page: what each control holds, what is open, what is called how.
LOOKS = """() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const is = node => ['pressed', 'selected', 'disabled', 'expanded'].filter(
    word => node.getAttribute(`aria-${word}`) === 'true');
  return JSON.stringify([
    document.querySelector('#board .board').codes().start,
    all('.board :is(label, canvas)').map(node => [node.textContent, node.dataset.model]),
    all('input, select, textarea, button:not(#redo), details, [hidden]')
      .filter(node => !node.closest('dialog:not([open])'))
      .map(node => [node.id, node.value, node.checked, node.open, node.hidden, is(node)]),
  ]);
}"""
UNDO_ALL = """() => {
  document.querySelectorAll('dialog[open]').forEach(dialog => dialog.close());
  document.querySelectorAll(':popover-open').forEach(menu => menu.hidePopover());
  document.querySelectorAll('.panels details').forEach(inactive => { inactive.open = false; });
  document.querySelector('#animate[aria-expanded=true]')?.click();
  document.activeElement.blur();
  const undo = document.querySelector('#undo');
  for (let k = 0; k < 200 && undo.getAttribute('aria-disabled') !== 'true'; k++) undo.click();
  scrollTo(0, 0);
}"""
BETA = "celeba-beta-vae"

# The first has no window to draw: a test of the app takes a fifth less processor time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    # Chromium keeps two hidden pages ready for each window's address bar, which nobody sees here:
    # they took a third of a page's processor time. Of a switch that is given twice the last counts,
    # so that what Playwright itself turns off is named again.
    "--disable-features="
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,"
    "MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,OptimizationHints,"
    "NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch",
)


_contexts = weakref.WeakKeyDictionary()  # browser -> {options: contexts that nobody uses now}


@contextmanager
def chromium():
    """A headless Chromium; without one the tests are skipped here, and fail in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = "Chromium is not installed; on Debian: apt-get install chromium-headless-shell"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(demo, **options):
    """The app on a free port of the loopback, and its address."""
    _, url, _ = demo.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **options
    )
    try:
        yield url
    finally:
        demo.close()


def shows_previews(page):
    page.wait_for_selector(".board canvas")
    page.wait_for_function("+document.querySelector('.board').dataset.strips >= 1")


def open_page(browser, url, patience=30_000, ready=shows_previews, viewport=WIDE, **options):
    """The app's page once `ready(page)` returns. Pages of the same options come one after the other
    in one context, which has the app's scripts already; nothing else is left to the next.

    Motion is reduced unless a test asks for it: the first slider beckons for three seconds, and
    painting that is an eighth of what a page costs."""
    options = {"reduced_motion": "reduce", **options}
    kept = _contexts.setdefault(browser, {}).setdefault(json.dumps(options, sort_keys=True), [])
    context = kept.pop() if kept else browser.new_context(**options)  # popped: none has it twice
    page = context.new_page()
    page.set_viewport_size(viewport)
    page.set_default_timeout(patience)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    origin = "/".join(url.split("/")[:3])
    everything = {"origin": origin, "storageTypes": "all"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", everything)
    page.goto(url)
    ready(page)
    yield page
    for each in context.pages:
        each.close()
    context.unroute_all()
    context.clear_cookies()
    context.clear_permissions()
    kept.append(context)
    assert not errors, errors


class SharedPage:
    """A page that tests use one after the other. What can be undone is undone after each; where
    anything else has changed, the next gets a new page. Not seen here: what a test has routed,
    emulated, stored or listened to, the address, and where the hand was last."""

    def __init__(self, browser, url):
        self._open = lambda: open_page(browser, url, viewport=DESK)
        self._pages = self._page = None

    @classmethod
    def kept(cls, browser, url):
        """One for a fixture that lasts."""
        shared = cls(browser, url)
        yield shared
        shared.close()

    @contextmanager
    def lent(self):
        if self._page is None:
            self._pages, self._errors = self._open(), []
            self._page = next(self._pages)
            self._page.on("pageerror", lambda error: self._errors.append(error))
            self._looks = self._page.evaluate(LOOKS)
        yield self._page
        self._page.set_viewport_size(DESK)
        self._page.emulate_media(reduced_motion="reduce")
        if self._errors or not self._put_back():
            self.close()

    def _put_back(self) -> bool:
        self._page.mouse.move(0, 0)
        self._page.evaluate(UNDO_ALL)
        settle(self._page)
        return self._page.evaluate(LOOKS) == self._looks

    def close(self):
        """No script may have failed."""
        pages, self._pages, self._page = self._pages, None, None
        assert not list(pages or ())


def settle(page):
    """Wait until no new picture has come for a quarter of a second."""
    frames = "document.querySelector('.board').dataset.frames"
    last, quiet = None, 0
    while quiet < 3:
        page.wait_for_timeout(90)
        now = page.evaluate(frames)
        last, quiet = now, quiet + 1 if now == last else 0


@contextmanager
def all_answered(page):
    """At the end, wait until every event of Gradio has its answer, and those that follow from it:
    when a server takes one with it, Gradio loads the page anew."""
    asked = set()
    page.on("request", lambda one: asked.add(one) if "/queue/" in one.url else None)
    page.on("requestfinished", lambda one: asked.discard(one))
    page.on("requestfailed", lambda one: asked.discard(one))
    yield
    quiet = 0
    while quiet < 10:
        page.wait_for_timeout(100)
        quiet = 0 if asked else quiet + 1


def pixels(page, model=BETA, where=".board") -> np.ndarray:
    """What the model's canvas shows, RGB (256, 256, 3)."""
    canvas = f"{where} canvas[role=img][data-model={model}]"
    uri = page.evaluate(f"document.querySelector('{canvas}').toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return np.asarray(picture.convert("RGB")).astype(float)


def code_on_page(page, model=BETA) -> torch.Tensor:
    """The values beside all sliders of a model, (L,): a slider itself ends at 3, and of the faces
    that a prior of 32 latents draws every eleventh has a number beyond it."""
    values = page.evaluate(
        """model => Object.fromEntries([...document.querySelectorAll('.latent input[type=range]')]
            .filter(range => range.dataset.model === model)
            .map(range => [range.dataset.latent,
              +range.closest('.latent').querySelector('input[type=number]').value]))""",
        model,
    )
    return torch.tensor([float(values[str(k)]) for k in range(len(values))])


def until(page, condition, seconds=30):
    """Wait until condition() is true; on a busy machine an answer may take its time."""
    for _ in range(int(seconds / 0.1)):
        if condition():
            return
        page.wait_for_timeout(100)
    assert condition()


@functools.cache
def bundle_of(name):
    """Read once, and not in inference mode: its weights would be of no use outside of that."""
    with torch.inference_mode(False):
        return bundles.load(name)


@torch.inference_mode()
def decoded(page, code: torch.Tensor, model=BETA) -> Image.Image:
    """What the board is to show of a code (L,), 64x64: the mean, or sharp with the page's details.
    Computed here by the library, not by the app's engine."""
    bundle = bundle_of(model)
    word = page.evaluate("document.querySelector('#board .board').codes().details").get(model)
    if word is None:
        return to_picture(bundle.vae.decode(code[None]).mean[0])
    return to_picture(bundle.renderer(code[None], resolve(bundle, word)[None])[0])


def assert_shows(page, code: torch.Tensor, model=BETA, where=".board"):
    """The canvas shows, at once or soon, the decoded code, up to JPEG and the enlargement by 4."""
    if where == ".board":
        picture = decoded(page, code, model)
    else:
        picture = to_picture(bundle_of(model).vae.decode(code[None]).mean[0].detach())
    expected = picture.resize((256, 256), Image.Resampling.BILINEAR)
    until(page, lambda: np.abs(pixels(page, model, where) - np.asarray(expected)).mean() < 2.5)


def slider(page, model=BETA, position=0):
    return page.locator(f"section[aria-label*='β = 250'] {SLIDER}").nth(position)


def drag(page, handle, shares=(0.5, 0.7, 0.9)):
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + shares[0] * box["width"], y)
    page.mouse.down()
    for share in shares:
        page.mouse.move(box["x"] + share * box["width"], y, steps=3)
    page.mouse.up()


def reset(page):
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('zero')")
    settle(page)


def random_face(page):
    """Draw one and wait for it: the status line names the model that it was drawn from."""
    page.evaluate("document.querySelector('.status').textContent = ''")
    page.get_by_role("button", name="Random face").click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('prior')")
    settle(page)
