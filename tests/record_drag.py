"""Record README's animation: a slider of each model is dragged in the running app, in Chromium.

    python tests/record_drag.py                          # writes .readme/drag.webp
    python tests/record_drag.py --drag 250:2 --face 41   # other sliders, another face

`--drag MODEL:PLACE` names a slider: a part of the model's title ("250", "β = 1"), and which of its
sliders, strongest first, from 0. They are dragged one after the other, end to end and back. The
script knows the page only by roles and names: a part of it is labelled with the model's title and
holds that model's sliders; the picture is an image whose name ends with the title.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT), str(Path(__file__).parent)]

import torch
from browser import chromium, served
from PIL import Image

from betavae.serving.studio import Studio
from betavae.ui import layout

FRAMES = 36  # of a drag: there and back
PAUSE = 5  # frames between two drags
MILLISECONDS = 70  # a frame is shown
WAIT = 150  # ms, for the answer to a move to be painted
MARGIN = 14  # pixels around what is shown
MOST_BYTES = 2_000_000
# A hand that is seen: screenshots have no pointer. Its tip is at the mouse.
POINTER = """() => {
  const hand = document.createElement('div');
  hand.innerHTML = '<svg width="22" height="26" viewBox="0 0 22 26"><path d="M1 1v19l5-4 3 8 4-2' +
    '-3-7h7z" fill="#111" stroke="#fff" stroke-width="1.5"/></svg>';
  hand.style.cssText = 'position:fixed;z-index:99999;pointer-events:none;left:-99px;top:0';
  document.body.append(hand);
  addEventListener('mousemove', event => {
    hand.style.left = `${event.clientX}px`; hand.style.top = `${event.clientY}px`; }, true);
}"""


class OneFace(Studio):
    """A studio whose "face from the data" is always the same one."""

    face = 32

    def stored_face(self, index):
        return super().stored_face(self.face)


def record(page, drags: list[tuple[str, int]], height: int) -> list[Image.Image]:
    """Drag each slider, end to end and back to where it was; a frame a move."""
    page.get_by_role("slider").nth(1).wait_for()
    page.wait_for_timeout(4000)  # the first pictures and previews
    previews = page.get_by_role("checkbox", name="Strips")
    if previews.count() and previews.is_checked():
        previews.uncheck()
    page.evaluate(POINTER)
    sliders = [_sliders(page, model).nth(place) for model, place in drags]
    area = _area(page, sliders, height)
    frames = [_frame(page, area)] * PAUSE
    for slider in sliders:
        for x, y in _path(slider):
            page.mouse.move(x, y)
            page.mouse.down()  # once: it stays down
            page.wait_for_timeout(WAIT)
            frames.append(_frame(page, area))
        page.mouse.up()
        page.wait_for_timeout(5 * WAIT)
        frames += [_frame(page, area)] * PAUSE
    return frames


def _sliders(page, model: str):
    return page.locator(f"[aria-label*='{model}']").get_by_role("slider")


def _path(slider) -> list[tuple[float, float]]:
    """Where the hand goes: from the slider's value to both ends and back, slower at the ends."""
    box = slider.bounding_box()
    low, high, value = slider.evaluate(
        """e => [['min', e.min], ['max', e.max], ['now', e.value]].map(
        ([name, own]) => +(own ?? e.getAttribute('aria-value' + name)))"""
    )
    start = 2 * (value - low) / (high - low) - 1  # from -1 to 1
    points = []
    for step in range(FRAMES + 1):
        angle = math.asin(max(-1.0, min(1.0, start))) + 2 * math.pi * step / FRAMES
        share = 0.5 + 0.47 * math.sin(angle)
        points.append((box["x"] + share * box["width"], box["y"] + box["height"] / 2))
    return points


def _area(page, sliders, height: int) -> dict[str, float]:
    """What is filmed, after scrolling: all pictures of models and all sliders that are dragged."""
    pictures = page.get_by_role("img", name="β").all()
    shown = [item for item in (*pictures, *sliders) if item.is_visible()]
    top = min(item.bounding_box()["y"] for item in shown)
    page.evaluate("y => scrollTo(0, scrollY + y)", top - 60)
    page.wait_for_timeout(500)
    boxes = [item.bounding_box() for item in shown]
    left = min(box["x"] for box in boxes) - MARGIN
    top = max(0, min(box["y"] for box in boxes) - 28)  # with what stands above
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + 32  # with captions below
    return {"x": left, "y": top, "width": right - left, "height": min(bottom - top, height - top)}


def _frame(page, area: dict[str, float]) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(clip=area))).convert("RGB")


def save(frames: list[Image.Image], path: Path, width: int) -> None:
    """An endless WebP of that width, as sharp as fits."""
    size = (width, round(width * frames[0].height / frames[0].width))
    first, *rest = (frame.resize(size, Image.Resampling.LANCZOS) for frame in frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (80, 70, 60, 45, 30):
        first.save(
            path, save_all=True, append_images=rest, duration=MILLISECONDS, loop=0,
            quality=quality, method=6,
        )  # fmt: skip
        if path.stat().st_size < MOST_BYTES:
            break
    else:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes; record fewer or smaller ones.")
    print(f"{path}: {len(frames)} frames of {size}, quality {quality}, {path.stat().st_size:,} B")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=PROJECT / ".readme" / "drag.webp")
    parser.add_argument("--face", type=int, default=32, help="the face from the data (32)")
    parser.add_argument(
        "--drag",
        nargs="+",
        default=["β = 1):1", "β = 250:0", "β = 250:2"],
        metavar="MODEL:PLACE",
        help="the sliders: each model's background, and the β-VAE's light",
    )
    parser.add_argument("--window", type=int, nargs=2, default=(1280, 800), help="(1280 800)")
    parser.add_argument("--width", type=int, default=960, help="of the animation (960)")
    options = parser.parse_args()
    drags = [(m, int(place)) for m, _, place in (word.rpartition(":") for word in options.drag)]
    torch.set_num_threads(1)
    OneFace.face = options.face
    width, height = options.window
    with served(layout.build(OneFace()), **layout.LAUNCH) as url, chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        frames = record(page, drags, height)
    save(frames, options.to, options.width)


if __name__ == "__main__":
    main()
