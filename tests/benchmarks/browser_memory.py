"""What five minutes of dragging leave in the browser: `python tests/benchmarks/browser_memory.py`.

A real mouse drags slider after slider of the two face models in headless Chromium, 60 events a
second, and rests after each, so that the previews come, too. Before, every half minute and at the
end the garbage is collected and counted: JavaScript's heap, the page's nodes and listeners, and the
memory of Chromium's processes (proportional set size, which counts shared pages once).

With --dial it is β that is dragged, of the model of every β; with --compare the matched latents.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from browser import FLAGS, served
from live_sliders import drag
from playwright.async_api import async_playwright

from betavae.serving.studio import Studio
from betavae.ui import layout

DIAL = "celeba-any-beta"
WARM = 20  # seconds of dragging before the first count: caches fill once
EVERY = 30  # seconds between two counts
GROWTH = 20  # megabytes that five minutes may leave
SLIDERS = ".latent input[type=range]:visible"
PAIRS = "#matched .hand input[type=range]:visible"


async def count(page, session, browser_session) -> dict[str, float]:
    """What is left after the garbage is collected."""
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
        await page.wait_for_timeout(200)
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    found = {metric["name"]: metric["value"] for metric in metrics}
    processes = (await browser_session.send("SystemInfo.getProcessInfo"))["processInfo"]
    sizes = [(p["type"], _megabytes(p["id"])) for p in processes]
    return {
        "heap MB": found["JSHeapUsedSize"] / 1e6,
        "nodes": found["Nodes"],
        "listeners": found["JSEventListeners"],
        "page MB": sum(size for kind, size in sizes if kind == "renderer"),
        "Chromium MB": sum(size for _, size in sizes),
    }


def _megabytes(process: int) -> float:
    """Of one process, its shared pages divided among those that share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines()
    except OSError:  # it has ended meanwhile, or this is no Linux
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


async def play(page, sliders: str, seconds: float, turn: int) -> int:
    """Drag the sliders in view one after the other, three seconds each, and rest after each."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        handles = await page.locator(sliders).all()
        handle = handles[turn % min(len(handles), 8)]
        turn += 1
        box = await handle.bounding_box()
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await drag(page, box, 1.0, min(3.0, seconds))
        await page.mouse.up()
        await page.wait_for_timeout(700)
    return turn


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="of dragging (5)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dial", action="store_true", help="drag β instead")
    what.add_argument("--compare", action="store_true", help="drag matched latents instead")
    options = parser.parse_args()
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        with served(layout.build(Studio()), **layout.LAUNCH) as url:
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            zeros = "_".join(["0"] * 32)
            await page.goto(f"{url}?model={DIAL}&code={zeros}&beta=4" if options.dial else url)
            await page.wait_for_function("+document.querySelector('.board')?.dataset.strips >= 1")
            sliders, root = SLIDERS, ".board"
            if options.dial:
                sliders = ".dial input[type=range]"
            if options.compare:
                await page.get_by_role("tab", name="Compare").click()
                await page.wait_for_selector(PAIRS)
                sliders, root = PAIRS, ".compare"
            session = await page.context.new_cdp_session(page)
            browser_session = await browser.new_browser_cdp_session()
            await session.send("Performance.enable")
            await session.send("HeapProfiler.enable")
            turn = await play(page, sliders, WARM, 0)
            first = await count(page, session, browser_session)
            print("minutes  " + "".join(f"{name:>13s}" for name in first))
            print(f"{0:7.1f}  " + "".join(f"{value:13.1f}" for value in first.values()))
            began, seen = time.perf_counter(), [first]
            while (spent := time.perf_counter() - began) < options.minutes * 60:
                turn = await play(page, sliders, min(EVERY, options.minutes * 60 - spent), turn)
                seen.append(await count(page, session, browser_session))
                minutes = (time.perf_counter() - began) / 60
                values = "".join(f"{value:13.1f}" for value in seen[-1].values())
                print(f"{minutes:7.1f}  {values}", flush=True)
            count_drawn = "({frames, turns}) => (+frames || 0) + (+turns || 0)"
            drawn = await page.evaluate(
                f"({count_drawn})(document.querySelector('{root}').dataset)"
            )
        await browser.close()
    growth = {name: seen[-1][name] - first[name] for name in first}
    grown = ", ".join(f"{name} {value:+.1f}" for name, value in growth.items())
    print(f"{drawn} pictures drawn; grown by {grown} (may: {GROWTH} MB)")


if __name__ == "__main__":
    asyncio.run(main())
