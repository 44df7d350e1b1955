"""The training loop: warm-up, steps, validation, checkpoints; stops cleanly and resumes exactly."""

from __future__ import annotations

import signal
import time
import warnings

from tqdm import tqdm

from betavae.machine.allocator import keep_freed_blocks
from betavae.training import checkpoints, monitor
from betavae.training.monitor import Pace
from betavae.training.watching import Nobody


def train(
    run, validation, pace: Pace | None = None, shows=monitor, watcher: Nobody | None = None
) -> None:
    """Train `run` to its last step. Ctrl-C, SIGTERM and SIGHUP save and return with a message.

    shows    what a run shows of itself: `figures`, `history_row` and `save_picture` of `monitor`;
             a run is a Run, or whatever else they know and has its steps and its `save`
    watcher  may pause the run, and end it before its last step

    A checkpoint that cannot be written in between is a warning, and is tried again later; at the
    end it is an error.
    """
    pace, watcher = pace or Pace(), watcher or Nobody()
    keep_freed_blocks()
    stop = _StopRequest()
    last_save = last_picture = time.monotonic()
    bar = tqdm(
        total=run.config.steps,
        initial=run.step,
        desc=run.folder.name,
        unit="step",
        disable=not (pace.progress and run.processes.first),
    )
    with stop, bar:
        while run.step < run.config.steps and not run.processes.any(
            stop.requested or watcher.over(run)
        ):
            if watcher.holds(run):
                continue
            began = time.perf_counter()
            run.train_step()
            run.seconds += time.perf_counter() - began
            bar.update()
            if run.step % 10 == 0 and run.recent:
                bar.set_postfix(shows.figures(run), refresh=False)
            if run.step % pace.history_steps == 0 or run.step == run.config.steps:
                run.history.append(shows.history_row(run, validation))
                run.recent.clear()
            if not run.processes.first:
                continue
            watcher.look(run)
            if time.monotonic() - last_save > pace.checkpoint_seconds:
                _save_or_warn(run)
                last_save = time.monotonic()
            if time.monotonic() - last_picture > pace.picture_seconds:
                shows.save_picture(run, validation)
                last_picture = time.monotonic()
        if run.processes.first:
            watcher.close(run)
        if watcher.over(run) and run.recent:  # the end of what can be packaged
            run.history.append(shows.history_row(run, validation))
            run.recent.clear()
        if run.processes.first:
            run.save()
            shows.save_picture(run, validation)
    if run.processes.first and stop.requested and run.step < run.config.steps:
        print(f"Stopped after step {run.step}; go on with --resume ({run.folder})")


class _StopRequest:
    """Turns Ctrl-C, SIGTERM and SIGHUP into a flag: the step in hand is finished and saved."""

    # The last comes where a terminal closes; Windows has none.
    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self):
        self.requested = False

    def __enter__(self):
        heard = [s for s in self.SIGNALS if signal.getsignal(s) != signal.SIG_IGN]  # nohup's
        self._before = {s: signal.signal(s, self._on_signal) for s in heard}
        return self

    def _on_signal(self, number, frame):
        self.requested = True

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _save_or_warn(run) -> None:
    try:
        run.save()
    except (checkpoints.CheckpointError, OSError) as error:
        warnings.warn(f"Training goes on unsaved at step {run.step}: {error}", stacklevel=2)
