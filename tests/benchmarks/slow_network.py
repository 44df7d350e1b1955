"""The app over a slow network: `python tests/benchmarks/slow_network.py`.

Chromium loads the page with an empty cache over an emulated line (400 kbit/s, answers begin after
150 ms), and a real mouse drags a slider at 60 events a second. Printed beside its bar: when the
first picture was there, when the previews were, how often the same previews were asked for while
they were on their way, frames a second of the drag, whether the last frame is the right one, and
the bytes on the wire, ours and those of Gradio's own scripts.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import numpy as np
import torch
from browser import FLAGS, served
from live_sliders import drag
from PIL import Image
from playwright.async_api import async_playwright

from betavae.data.images import to_picture
from betavae.serving.studio import Studio
from betavae.ui import layout

GRADIO = "of Gradio"
SECONDS = 90  # in which the page must have come
# When each thing was first on the page, in milliseconds since it was asked for.
MARKS = """window.marks = {};
  const since = name => { window.marks[name] ??= performance.now(); };
  new MutationObserver(() => {
    if (document.querySelector('.first-sight img')?.complete) since('sight');
    const board = document.querySelector('.board');
    if (board) since('board');
    if (board?.dataset.frames) since('picture');
    if (board?.dataset.strips) since('strips');
  }).observe(document, {subtree: true, childList: true, attributes: true,
    attributeFilter: ['data-frames', 'data-strips']});"""
COUNT = """() => { window.drawn = 0; document.querySelector('.board').addEventListener('drawn',
  () => window.drawn++);
  window.inputs = 0; addEventListener('input', () => window.inputs++, true); }"""
CODE = """name => [...document.querySelectorAll('.latent input[type=range]')]
  .filter(range => range.dataset.model === name)
  .sort((a, b) => a.dataset.latent - b.dataset.latent).map(range => +range.value)"""


class Wire:
    """What goes over the page's line: bytes by kind, and the questions under way."""

    def __init__(self, session):
        self.kinds, self.paths, self.bytes = {}, {}, {"ours": 0, GRADIO: 0}
        self.asked: dict[str, float] = {}
        self.under_way, self.most_at_once = {}, 0
        self.frames: list[tuple[float, float, int]] = []  # sent, came (seconds), bytes
        self.largest: list[tuple[int, str]] = []
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._came)
        session.on("Network.loadingFailed", self._came)

    def _sent(self, event) -> None:
        request, number = event["request"], event["requestId"]
        if not request["url"].startswith("http"):  # a picture that came inside an answer
            return
        path = request["url"].split("/", 3)[3].split("?")[0]
        self.kinds[number] = GRADIO if path.startswith(("assets/", "static/")) else "ours"
        self.paths[number] = path or "the page"
        if path.startswith("gradio_api/component_server"):
            body = json.loads(request.get("postData") or "{}")
            self.paths[number] = body.get("fn_name", "?")
            self.asked[number] = event["timestamp"]
            if body.get("fn_name") == "strips":
                self.under_way[number] = json.dumps(body["data"], sort_keys=True)
                same = list(self.under_way.values()).count(self.under_way[number])
                self.most_at_once = max(self.most_at_once, same)

    def _came(self, event) -> None:
        number = event["requestId"]
        if number not in self.kinds:
            return
        size = event.get("encodedDataLength", 0)
        self.bytes[self.kinds[number]] += size
        self.largest.append((size, self.paths[number]))
        self.under_way.pop(number, None)
        if self.paths[number] == "frame":
            self.frames.append((self.asked[number], event["timestamp"], size))


async def shown(page, name: str) -> np.ndarray:
    uri = await page.evaluate(f"document.querySelector('canvas[data-model={name}]').toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return np.asarray(picture.convert("RGB")).astype(float)


async def off_by(page, studio: Studio, name: str) -> float:
    """Grey levels between what the canvas shows and what the sliders say."""
    code = torch.tensor([await page.evaluate(CODE, name)], dtype=torch.float32)
    picture = to_picture(studio.decode(name, code)[0]).resize((256, 256), Image.Resampling.BILINEAR)
    return float(np.abs(await shown(page, name) - np.asarray(picture)).mean())


async def measure(browser, url: str, studio: Studio, kbit: float, latency: float, seconds: float):
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    wire = Wire(session)
    await session.send("Network.enable")
    line = {"offline": False, "latency": latency}
    line |= {f"{way}Throughput": kbit * 1000 / 8 for way in ("download", "upload")}
    await session.send("Network.emulateNetworkConditions", line)
    await page.add_init_script(MARKS)
    # The scripts of a page that loads for long: the wait is for what is seen, below.
    await page.goto(url, wait_until="commit", timeout=SECONDS * 1000)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        await page.wait_for_timeout(250)
        marks = await page.evaluate("window.marks ?? {}")
        if "strips" in marks:
            break
    await page.wait_for_timeout(3000)
    found = {"marks": marks, "load": dict(wire.bytes), "largest": sorted(wire.largest)[:-13:-1]}
    said = await page.locator(".board .status").first.inner_text()
    if "picture" not in marks:
        return found | {"fps": 0.0, "off": float("nan"), "at once": wire.most_at_once, "said": said}
    name = studio.first_pair[-1]
    handle = page.locator(f".latent input[type=range][data-model={name}]").first
    await handle.scroll_into_view_if_needed()
    box = await handle.bounding_box()
    await page.evaluate(COUNT)
    wire.frames.clear()
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await drag(page, box, 1.5, seconds)
    frames, inputs = await page.evaluate("[window.drawn, window.inputs]")
    await page.mouse.up()
    released, off = time.monotonic(), float("inf")
    while off > 2.5 and time.monotonic() < released + 20:
        await page.wait_for_timeout(50)
        off = await off_by(page, studio, name)
    right_after = time.monotonic() - released
    await page.wait_for_timeout(6000)
    found |= {
        "fps": frames / seconds,
        "right after": right_after,
        "inputs": inputs / seconds,
        "answer ms": statistics.median(came - sent for sent, came, _ in wire.frames) * 1000,
        "frame bytes": statistics.median(size for *_, size in wire.frames),
        "off": await off_by(page, studio, name),
        "at once": wire.most_at_once,
        "said": said,
    }
    await context.close()
    return found


def report(found: dict, kbit: float, latency: float) -> None:
    marks, load = found["marks"], found["load"]
    at = lambda name: f"{marks[name] / 1000:.1f} s" if name in marks else "never"  # noqa: E731
    rows = [
        ("first picture", at("sight") if "sight" in marks else at("picture"), "<= 8 s"),
        ("  on the board, under the sliders", at("picture"), ""),
        ("previews", at("strips"), "<= 15 s"),
        ("same previews asked for at once", f"{found['at once']}", "1"),
        ("frames/s of a drag", f"{found['fps']:.1f}", ">= 12"),
        ("  the slider says it moved", f"{found.get('inputs', 0):.1f} /s", ""),
        ("  an answer takes, median", f"{found.get('answer ms', 0):.0f} ms", ""),
        ("  and has, median", f"{found.get('frame bytes', 0):.0f} bytes", ""),
        ("last frame is off by", f"{found['off']:.2f} grey levels", "< 2.5"),
        ("  right after the release", f"{found.get('right after', float('nan')):.1f} s", ""),
        ("our own, on the wire at load", f"{load['ours'] / 1000:.0f} kB", "<= 350 kB"),
        ("  Gradio's own scripts", f"{load[GRADIO] / 1000:.0f} kB", ""),
        ("said at the end of loading", repr(found["said"]), ""),
    ]
    print(f"{kbit:g} kbit/s, {latency:g} ms, empty cache")
    for what, figure, bar in rows:
        print(f"  {what:36s}{figure:>24s}   {bar}")
    print(
        "  largest:", ", ".join(f"{path} {size / 1000:.0f} kB" for size, path in found["largest"])
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kbit", type=float, default=400, help="kilobits a second (400)")
    parser.add_argument("--latency", type=float, default=150, help="until an answer begins (150)")
    parser.add_argument("--seconds", type=float, default=6, help="of dragging (6)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    studio = Studio()
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        with served(layout.build(studio), **layout.LAUNCH) as url:
            found = await measure(
                browser, url, studio, options.kbit, options.latency, options.seconds
            )
        await browser.close()
    report(found, options.kbit, options.latency)


if __name__ == "__main__":
    asyncio.run(main())
