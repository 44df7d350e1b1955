"""A call in a process of its own, for workers that are threads: a run takes signals, and draws from
its process's one random generator.

The process ends with whoever started it. Told of that by the end of its input, it gets SIGTERM and
may save first, so that another worker goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

TRUE, FALSE = 0, 3  # exit codes


def apart(function: Callable[[Any], bool], argument: Any) -> bool:
    """`function(argument)` in another process; RuntimeError with its last words if it fails.

    The function is named by its module, so it must be at the top of one.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "betavae.study.apart"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with contextlib.suppress(BrokenPipeError):  # it ended already, and says why
        process.stdin.write(pickle.dumps((function, argument)))
        process.stdin.flush()
    said = process.stderr.read().decode(errors="replace")  # its input stays open to its end
    code = process.wait()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    if code not in (TRUE, FALSE):
        last = said.strip().splitlines()[-1:] or [f"it ended with code {code}"]
        raise RuntimeError(last[0])
    return code == TRUE


def _main() -> int:
    function, argument = pickle.load(sys.stdin.buffer)

    def stop_when_left() -> None:
        # Not by sys.stdin, whose lock this thread would hold when the process ends.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_left, daemon=True).start()
    return TRUE if function(argument) else FALSE


if __name__ == "__main__":
    sys.exit(_main())
