"""What five minutes of dragging leave in the browser: `python tests/benchmarks/browser_memory.py`.

A mouse drags slider after slider of the two face models in headless Chromium, 60 events a second,
and rests after each, so that the previews come, too. Before, after half a minute that fills what is
filled once, every half minute and at the end the garbage is collected and counted: JavaScript's
heap, the page's nodes and listeners, and the memory of Chromium's processes that is no file's: what
a program file takes depends on who else runs it. The page's process and the one that draws, "GPU",
may together grow by 20 MB.

Chromium is spoken to directly, not by Playwright: that has it keep the body of every answer, up to
100 MB of them. Chromium also keeps decoded pictures until memory is short; therefore the last count
is made twice, the second time after it was told so. With --dial it is β that is dragged, with
--compare the matched latents.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from browser import FLAGS, served

from betavae.serving.studio import Studio
from betavae.ui import layout

DIAL = "celeba-any-beta"
WARM = 30  # seconds of dragging before the first count: caches fill once
EVERY = 30  # seconds between two counts
GROWTH = 20  # megabytes that five minutes may leave
EVENTS = 60  # of the mouse, a second
PRESS = 3.0  # seconds that a slider is held
REST = 0.7  # seconds after it
OWN = ("Pss_Anon:", "Pss_Shmem:")  # lines of smaps_rollup
SLIDERS = ".latent input[type=range]"
PAIRS = "#matched .hand input[type=range]"
READY = "+document.querySelector('{}')?.dataset.strips >= 1"
# The middle line of each slider that can be seen: left, right, y.
BOXES = """[...document.querySelectorAll('{}')].filter(s => s.offsetParent)
  .map(s => s.getBoundingClientRect()).filter(b => b.top > 0 && b.bottom < innerHeight)
  .map(b => [b.left + 12, b.right - 12, (b.top + b.bottom) / 2])"""


class Chromium:
    """Chromium's own debugging protocol, over two pipes: JSON, a zero byte after each message."""

    def __init__(self, to: int, reader: asyncio.StreamReader):
        self.to, self.reader, self.numbers, self.waiting = to, reader, itertools.count(1), {}
        self.page = None  # the session of the page; the browser's own has none
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self):
        while True:
            answer = json.loads((await self.reader.readuntil(b"\0"))[:-1])
            if "id" in answer:
                self.waiting.pop(answer["id"]).set_result(answer)

    async def open(self):
        """A page, which `send` and `evaluate` speak to from here on."""
        target = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        found = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.page = found["sessionId"]

    async def ask(self, method: str, session: str | None = None, **params):
        number = next(self.numbers)
        future = self.waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        answer = await future
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def send(self, method: str, **params):
        return await self.ask(method, self.page, **params)

    async def evaluate(self, expression: str):
        found = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        while not await self.evaluate(expression):
            await asyncio.sleep(0.2)


async def count(page: Chromium) -> dict[str, float]:
    """What is left after the garbage is collected."""
    for _ in range(3):
        await page.send("HeapProfiler.collectGarbage")
        await asyncio.sleep(0.2)
    found = {m["name"]: m["value"] for m in (await page.send("Performance.getMetrics"))["metrics"]}
    processes = (await page.ask("SystemInfo.getProcessInfo"))["processInfo"]
    sizes = [(process["type"], _megabytes(process["id"])) for process in processes]
    return {
        "heap MB": found["JSHeapUsedSize"] / 1e6,
        "nodes": found["Nodes"],
        "listeners": found["JSEventListeners"],
        "page MB": sum(size for kind, size in sizes if kind == "renderer"),
        "GPU MB": sum(size for kind, size in sizes if kind == "GPU"),
        "Chromium MB": sum(size for _, size in sizes),
    }


def _megabytes(process: int) -> float:
    """Of one process, without mapped files; what it shares divided among those that share it."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines()
    except OSError:  # it has ended meanwhile, or this is no Linux
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(OWN)) / 1e3


async def purge(page: Chromium) -> None:
    """Have Chromium drop what it keeps until memory is short: decoded pictures."""
    await page.ask("Memory.simulatePressureNotification", level="critical")
    await asyncio.sleep(2)


async def play(page: Chromium, sliders: str, seconds: float, turn: int) -> int:
    """Drag the sliders in view one after the other, and rest after each."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        boxes = await page.evaluate(BOXES.format(sliders))
        left, right, y = boxes[turn % len(boxes)]
        turn += 1
        mouse = {"button": "left", "clickCount": 1, "y": y}
        await page.send("Input.dispatchMouseEvent", type="mousePressed", x=left, **mouse)
        began, sent = time.perf_counter(), []
        while (now := time.perf_counter() - began) < PRESS:
            x = left + abs((now / 0.5 + 1) % 2 - 1) * (right - left)
            move = page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, buttons=1, **mouse)
            sent.append(asyncio.ensure_future(move))
            await asyncio.sleep(max(0.0, len(sent) / EVENTS - (time.perf_counter() - began)))
        await asyncio.gather(*sent)
        await page.send("Input.dispatchMouseEvent", type="mouseReleased", x=left, **mouse)
        await asyncio.sleep(REST)
    return turn


async def measure(page: Chromium, url: str, options) -> None:
    zeros, sliders, root = "_".join(["0"] * 32), SLIDERS, ".board"
    await page.open()
    await page.send("Page.enable")
    await page.send("Performance.enable")
    await page.send("HeapProfiler.enable")
    address = f"{url}?model={DIAL}&code={zeros}&beta=4" if options.dial else url
    await page.send("Page.navigate", url=address)
    await page.until(READY.format(root))
    if options.dial:
        sliders = ".dial input[type=range]"
    if options.compare:
        await page.evaluate("document.querySelector('[role=tab][data-tab-id=compare]').click()")
        sliders, root = PAIRS, ".compare"
        await page.until(READY.format(root))
    turn = await play(page, sliders, WARM, 0)
    await purge(page)
    first = last = await count(page)
    print("minutes  " + "".join(f"{name:>13s}" for name in first))
    print(f"{0:7.1f}  " + "".join(f"{value:13.1f}" for value in first.values()), flush=True)
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < options.minutes * 60:
        turn = await play(page, sliders, min(EVERY, options.minutes * 60 - spent), turn)
        last = await count(page)
        values = "".join(f"{value:13.1f}" for value in last.values())
        print(f"{(time.perf_counter() - began) / 60:7.1f}  {values}", flush=True)
    drawn = await page.evaluate(f"({{...document.querySelector('{root}').dataset}})")
    print(f"{int(drawn.get('frames', 0)) + int(drawn.get('turns', 0))} pictures drawn")
    await purge(page)
    purged = await count(page)
    for words, found in (("as it is", last), ("without Chromium's own caches", purged)):
        grown = ", ".join(f"{name} {found[name] - first[name]:+.1f}" for name in first)
        held = sum(found[name] - first[name] for name in ("page MB", "GPU MB"))
        print(f"grown, {words}: {grown}; page and GPU {held:+.1f} MB (may: {GROWTH} MB)")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="of dragging (5)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dial", action="store_true", help="drag β instead")
    what.add_argument("--compare", action="store_true", help="drag matched latents instead")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        served(layout.build(Studio()), **layout.LAUNCH) as url,
    ):
        own_size = ["--window-size=1280,900", f"--user-data-dir={profile}"]
        async with chromium([*FLAGS, *own_size]) as page:
            await measure(page, url, options)


@asynccontextmanager
async def chromium(flags: list[str]):
    """A headless Chromium that reads what it is told from its file 3, and answers into its 4."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    told, to = os.pipe()
    source, answers = os.pipe()
    redirected = f'exec "$@" 3<&{told} 4>&{answers}'
    command = [path, *flags, "--headless=new", "--remote-debugging-pipe"]
    program = subprocess.Popen(
        ["bash", "-c", redirected, "bash", *command],
        pass_fds=(told, answers),
        stderr=subprocess.DEVNULL,
    )
    try:
        reader = asyncio.StreamReader(limit=2**26)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb")
        )
        yield Chromium(to, reader)
    finally:
        program.terminate()
        program.wait()


if __name__ == "__main__":
    asyncio.run(main())
