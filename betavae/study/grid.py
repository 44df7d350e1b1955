"""A grid of trainings: each run that is not finished is trained, and each finished one measured."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from betavae.machine.cores import cores
from betavae.machine.locks import alone
from betavae.study.apart import apart
from betavae.study.cluster import cluster
from betavae.study.kinds import kind
from betavae.study.score import SCORES, measure_run
from betavae.training import checkpoints
from betavae.training.config import TrainingConfig
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run, TrainingError

HISTORY_ROWS = 12  # a run: each is a pass over the validation split
CHECKPOINT_SECONDS = 60
_stopped = False  # in this worker process


@dataclass(frozen=True)
class Planned:
    """One run of a grid: its folder, and what it is trained with."""

    folder: Path
    config: TrainingConfig
    data_path: Path | None

    def everywhere(self) -> Planned:
        """The same run by paths that mean the same in any folder, on any computer that has them."""
        data_path = self.data_path and self.data_path.resolve()
        return replace(self, folder=self.folder.resolve(), data_path=data_path)


def plan(
    root: Path, data_path: Path | None, base: dict[str, Any], choices: dict[str, list[Any]]
) -> list[Planned]:
    """Every combination of `choices`, the seed outermost, so that an early stop leaves a whole
    table of fewer seeds.

    base     fields of TrainingConfig that all runs share
    choices  "seed", "architecture" and the objective's settings -> the values to try
    """
    names = ["seed", *(name for name in choices if name != "seed")]
    runs = []
    for values in itertools.product(*(choices[name] for name in names)):
        chosen = dict(zip(names, values, strict=True))
        settings = {k: v for k, v in chosen.items() if k not in ("seed", "architecture")}
        config = TrainingConfig(
            **base,
            seed=chosen["seed"],
            architecture=chosen["architecture"],
            objective_settings=settings,
        )
        runs.append(Planned(root / f"{kind(asdict(config))}-seed{config.seed}", config, data_path))
    return runs


def run_grid(runs: list[Planned], workers: int, scheduler: str | None = None) -> list[Path]:
    """Train and measure what is missing; returns all run folders.

    workers    runs side by side on this computer
    scheduler  the address of a Dask scheduler, whose workers take the runs instead

    Stopped by Ctrl-C, killed or cut off, it goes on from the checkpoints when called again.
    Raises TrainingError if a run was trained with other settings, or could not be finished;
    ClusterError without a cluster.
    """
    missing = [run for run in runs if not _finished(run)]
    work, executor = train_and_measure, _processes
    if scheduler:
        missing = [run.everywhere() for run in missing]
        work, executor = partial(apart, train_and_measure), lambda _: cluster(scheduler)
    with (
        tqdm(total=len(runs), initial=len(runs) - len(missing), desc="runs", unit="run") as bar,
        executor(workers) as pool,
    ):
        futures = {pool.submit(work, run): run for run in missing}
        try:
            for future in as_completed(futures):
                name = futures[future].folder.name
                bar.set_postfix_str(name)
                if not future.result():
                    raise TrainingError(
                        f"{name} was stopped. Run the same command again to continue."
                    )
                bar.update()
        except BrokenProcessPool as error:
            raise TrainingError(
                "A run's process was killed, perhaps because the memory was full. Run the same "
                "command again to continue."
            ) from error
        except KeyboardInterrupt as error:  # each worker got it too, and saves its run
            raise TrainingError("Stopped. Run the same command again to continue.") from error
        finally:
            for future in futures:  # that has not begun
                future.cancel()
    return [run.folder for run in runs]


def _processes(workers: int) -> ProcessPoolExecutor:
    """Processes on this computer that share its cores."""
    # Before they start: their numerical libraries read it when they are loaded.
    os.environ["OMP_NUM_THREADS"] = str(max(1, cores() // workers))
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )


def _finished(planned: Planned) -> bool:
    """Whether the run is measured already; raises TrainingError if it is another run's folder."""
    path = planned.folder / SCORES
    if not path.is_file():
        return False
    _refuse_another(planned, TrainingConfig(**json.loads(path.read_bytes())["config"]))
    return True


def _end_with_parent() -> None:
    """A worker whose grid was killed would train on unseen, and the next grid beside it."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def train_and_measure(planned: Planned) -> bool:
    """One run to its end, resumed where it was left, then its scores.json; False if stopped.

    A worker that was stopped starts no other run: the pool has handed it the next already. Where
    two workers have the same run, as when one was taken for dead, the second waits for the first.
    """
    if _stopped:
        return False
    with alone(planned.folder):
        return _finished(planned) or _train_and_measure(planned)


def _train_and_measure(planned: Planned) -> bool:
    global _stopped
    from betavae.data import DATA_SETS
    from betavae.training.distributed import join

    data, validation = (
        DATA_SETS[planned.config.data](planned.data_path, split, False)
        for split in ("train", "validation")
    )
    processes = join()
    if (planned.folder / checkpoints.NAME).is_file():
        run = Run.resume(planned.folder, data, processes)
        _refuse_another(planned, run.config)
    else:
        run = Run(planned.folder, planned.config, data, processes)
    rows = max(1, planned.config.steps // HISTORY_ROWS)
    train(run, validation, Pace(rows, CHECKPOINT_SECONDS, float("inf"), progress=False))
    if run.step < run.config.steps:
        _stopped = True
        return False
    measure_run(planned.folder, run.vae.cpu(), data, validation)  # the scores are a CPU's work
    return True


def _refuse_another(planned: Planned, stored: TrainingConfig) -> None:
    for name, value in vars(planned.config).items():
        if getattr(stored, name) != value and value != "auto":
            raise TrainingError(
                f"{planned.folder} holds a run with {name} = {getattr(stored, name)}, not {value}; "
                "name another folder with --to."
            )
