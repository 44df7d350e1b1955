"""How live the sliders are: `python tests/benchmarks/live_sliders.py`.

A real mouse drags a slider in headless Chromium at 60 events a second: of the served face models,
side by side, with sharp pictures, the same while a visitor of the same app trains two models in
the lab, and with the decoder's mean; and of a true factor of the 2D shapes, answered by two models'
bars and pictures. The reference, measured in the same run, is the
two face models behind Gradio's sliders with their default events and two gr.Image. Latency is from
a key press to the picture's paint.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import gradio as gr
import torch
from browser import FLAGS, served
from playwright.async_api import async_playwright

from betavae.data.images import to_picture
from betavae.serving.pictures import jpeg_uris
from betavae.serving.studio import Studio
from betavae.ui import layout

SLIDERS = 32
SLIDER = ".latent input[type=range]"
EVENTS = 60  # of the mouse, a second
# How often the slider says that it moved: the browser joins mouse events that come too fast for it.
COUNT = """slider => { const count = {inputs: 0};
  document.querySelector(slider).addEventListener('input', () => count.inputs++); return count; }"""
# Counts pictures and times them from the last input event, after the frame was painted.
WATCH = """root => {
  window.frames_drawn = 0; window.painted = []; window.pressed = 0;
  addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
  const done = asked => requestAnimationFrame(() => setTimeout(() => {
    window.frames_drawn++; window.painted.push(performance.now() - asked); }, 0));
  const board = root && document.querySelector(root);
  if (board) board.addEventListener('drawn', event => done(event.detail.asked));
  else new MutationObserver(changes => {
    for (const {target} of changes) if (target.tagName === 'IMG')
      target.decode().then(() => done(window.pressed), () => {});
  }).observe(document.body, {subtree: true, attributes: true, attributeFilter: ['src']});
}"""


def reference(studio: Studio) -> gr.Blocks:
    """The same models with Gradio's sliders, default events and gr.Image."""

    def decode(*values):
        code = torch.tensor([values], dtype=torch.float)  # Gradio's values may all be whole
        return [to_picture(studio.decode(name, code)[0]) for name in studio.first_pair]

    with gr.Blocks(analytics_enabled=False) as demo:
        with gr.Row():
            images = [gr.Image(label=name, height=256) for name in studio.first_pair]
        sliders = [gr.Slider(-3, 3, 0, step=0.01, label=f"z{k}") for k in range(SLIDERS)]
        gr.on([slider.change for slider in sliders], decode, sliders, images)
    return demo


async def show_mean(page) -> None:
    await page.locator(".board input[value=mean]").dispatch_event("click")


async def train_beside(page) -> None:
    """In another page of the same browser, which ends with this one."""
    other = await page.context.browser.new_page()
    page.once("close", lambda _: asyncio.ensure_future(other.close()))
    await other.goto(f"{page.url}?tab=train&seconds=300")
    await other.locator("#lab-play").click(timeout=60_000)
    running = "document.querySelector('.lab')?.dataset.state === 'running'"
    await other.wait_for_function(running, timeout=180_000)


async def open_factors(page) -> None:
    await page.get_by_role("tab", name="Compare").click()
    await page.locator("#compare-data").get_by_label("2D shapes").click()


async def drag(page, box: dict[str, float], sweep: float, seconds: float) -> None:
    """Move the pressed mouse along `box` 60 times a second, as a mouse does: without waiting for
    the page, which Playwright's own mouse does before each move."""
    session = await page.context.new_cdp_session(page)
    middle = box["y"] + box["height"] / 2
    began, sent = time.perf_counter(), []
    while (now := time.perf_counter() - began) < seconds:
        share = abs((now / sweep) % 2 - 1)
        move = {"type": "mouseMoved", "button": "left", "buttons": 1, "y": middle}
        move["x"] = box["x"] + 12 + share * (box["width"] - 24)
        sent.append(asyncio.ensure_future(session.send("Input.dispatchMouseEvent", move)))
        await asyncio.sleep(max(0.0, len(sent) / EVENTS - (time.perf_counter() - began)))
    await asyncio.gather(*sent)


async def measure(
    page, root: str | None, slider: str, sweep: float, seconds: float, presses: int
) -> dict[str, float]:
    """Drag `slider` with the mouse, end to end in `sweep` seconds, then press keys one by one.

    root  the component that says when it has drawn; None: any picture that changes counts
    """
    await page.wait_for_selector(slider)
    await page.wait_for_timeout(3000)
    await page.evaluate(WATCH, root)
    handle = page.locator(slider).first
    await handle.scroll_into_view_if_needed()
    box = await handle.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(*middle)
    await page.mouse.down()
    inputs = await page.evaluate_handle(COUNT, slider)
    await drag(page, box, sweep, seconds)
    frames, drawn = await page.evaluate("[window.frames_drawn, window.painted]")
    inputs = await inputs.evaluate("count => count.inputs")
    await page.mouse.move(*middle)  # at an end a key may move nothing
    await page.mouse.up()
    await page.wait_for_timeout(1500)
    await handle.focus()
    latencies = []
    for press in range(presses):
        before = await page.evaluate("window.frames_drawn")
        await page.keyboard.press("ArrowLeft" if press % 2 else "ArrowRight")
        await page.wait_for_function(f"window.frames_drawn > {before}")
        latencies.append(await page.evaluate("window.painted.at(-1)"))
        await page.wait_for_timeout(60)
    latencies.sort()
    return {
        "inputs/s": inputs / seconds,
        "frames/s": frames / seconds,
        "drag p50 ms": statistics.median(drawn) if drawn else float("nan"),
        "key p50 ms": statistics.median(latencies),
        "key p95 ms": latencies[int(0.95 * (len(latencies) - 1))],
    }


def decode_milliseconds(studio: Studio, name: str, repeats: int = 300) -> tuple[float, float]:
    """Medians of one decode, and of one frame (decode, JPEG, data URI), on one core."""
    torch.set_num_threads(1)
    code, decodes, frames = studio.bundles[name].codes[:1], [], []
    for _ in range(repeats):
        start = time.perf_counter()
        picture = studio.decode(name, code)
        decodes.append(time.perf_counter() - start)
        jpeg_uris(picture)
        frames.append(time.perf_counter() - start)
    return statistics.median(decodes) * 1000, statistics.median(frames) * 1000


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6, help="of dragging, each (6)")
    parser.add_argument("--presses", type=int, default=40, help="single key presses, each (40)")
    options = parser.parse_args()
    studio = Studio()
    for name in studio.names:
        decode, frame = decode_milliseconds(studio, name)
        print(f"{name}: one decode {decode:.2f} ms, one frame {frame:.2f} ms, one core, median")
    results = {}
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        app = (layout.build(studio), layout.LAUNCH)
        for kind, (demo, launch), opening, root, slider, sweep in (
            ("live board, sharp", app, None, ".board", SLIDER, 1.5),
            ("the same, training beside", app, train_beside, ".board", SLIDER, 1.5),
            ("live board, mean", app, show_mean, ".board", SLIDER, 1.5),
            # A factor moves in whole steps, 40 of them: swept sooner, to ask for 60 a second.
            ("factors view", app, open_factors, ".factors", "[data-factor=orientation]", 0.6),
            ("gr.Image, default events", (reference(studio), {}), None, None, "[type=range]", 1.5),
        ):
            with served(demo, **launch) as url:
                page = await browser.new_page(viewport={"width": 1280, "height": 900})
                await page.goto(url)
                await page.wait_for_selector("[type=range] >> visible=true")
                if opening:
                    await opening(page)
                found = measure(page, root, slider, sweep, options.seconds, options.presses)
                results[kind] = await found
                await page.close()
        await browser.close()
    columns = list(next(iter(results.values())))
    print(f"{'two models side by side':26s}" + "".join(f"{c:>13s}" for c in columns))
    for kind, row in results.items():
        print(f"{kind:26s}" + "".join(f"{row[c]:13.1f}" for c in columns))
    live, plain = results["live board, mean"], list(results.values())[-1]
    print(
        f"live / gr.Image: {live['frames/s'] / max(plain['frames/s'], 0.1):.1f} times the frames, "
        f"{plain['key p50 ms'] / live['key p50 ms']:.1f} times sooner after a key press"
    )


if __name__ == "__main__":
    asyncio.run(main())
