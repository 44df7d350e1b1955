"""What starting, stopping and reloading leaves behind: `tests/benchmarks/lab_cycles.py 20`

Starts `python app.py` and opens its Train tab in Chromium. Each cycle presses Start, waits until
the two runs train, presses Stop, waits until they are bundles, and loads the page again. Prints
the memory of the server that is no file's after each cycle, and counts the processes and the files
that are left; ends with an error where that is more than was promised.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path[:0] = [str(Path(__file__).parents[n]) for n in (0, 1, 2)]

from browser import chromium
from load import Server

WARM = 2  # cycles before the first count: modules are imported, caches fill
GROWTH = 30.0  # megabytes that the others may leave
LEFT = 20.0  # seconds after a page is gone until all of it is
STATE = "document.querySelector('.lab')?.dataset.state === '{}'"


def megabytes(process: int) -> float:
    """Of the server itself, without mapped files."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines()
    own = ("Pss_Anon:", "Pss_Shmem:")
    return sum(int(line.split()[1]) for line in lines if line.startswith(own)) / 1e3


def cycle(page, seconds: int) -> None:
    page.reload()
    page.locator("#lab-play").click()
    page.wait_for_function(STATE.format("running"), timeout=180_000)
    page.wait_for_timeout(1000 * seconds)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function(STATE.format(""), timeout=180_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cycles", type=int, nargs="?", default=20)
    parser.add_argument("--seconds", type=int, default=2, help="of training, a cycle")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scratch = tempfile.mkdtemp(prefix="lab-cycles-")
    os.environ["TMPDIR"] = scratch  # the server's, where the lab keeps its runs
    server = Server([sys.executable, "app.py"], port)
    counts = []

    def left() -> tuple[int, int]:
        runs = list(Path(scratch).glob("betavae-lab-*/lab-*"))
        return len(psutil.Process(server.process.pid).children(recursive=True)), len(runs)

    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{server.url}?tab=train&seconds=300")
            page.wait_for_selector("#lab-play")
            before = left()[0]
            for number in range(WARM + options.cycles):
                cycle(page, options.seconds)
                counts.append(megabytes(server.process.pid))
                processes, runs = left()
                print(f"{number:3d} {counts[-1]:7.0f} MB {processes} processes {runs} runs kept")
        deadline = time.monotonic() + LEFT
        while (left()[0] > before or left()[1]) and time.monotonic() < deadline:
            time.sleep(0.5)
        processes, runs = left()
        grown = counts[-1] - counts[WARM - 1]
        print(
            f"{options.cycles} cycles: {grown:.1f} MB more, {processes - before} processes and "
            f"{runs} runs left"
        )
    finally:
        server.stop()
    after = [path for path in Path(scratch).glob("betavae-*") if "uploads" not in path.name]
    print(f"after the app has ended: {len(after)} of its folders")
    if grown > GROWTH or processes > before or runs or after:
        raise SystemExit("That is more than it may leave.")


if __name__ == "__main__":
    main()
