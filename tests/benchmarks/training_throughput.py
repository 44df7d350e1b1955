"""How fast faces train: `python tests/benchmarks/training_throughput.py`.

Whole steps of `conv` on 64x64 RGB pictures (batch, forward, loss, backward, Adam), with the setting
the package picks as the fastest here, beside plain fp32 in contiguous layout in the same run. The
two take turns; medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.run import Run


class RandomPictures:
    """As many uint8 pictures as a few batches need, held in memory."""

    def __init__(self, count: int):
        self.images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8)

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        return self.images[indices]


def pictures_per_second(run: Run, seconds: float) -> float:
    """Training steps for about `seconds`, after one that does not count."""
    run.train_step()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        run.train_step()
        steps += 1
    return steps * run.config.batch_size / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--seconds", type=float, default=4, help="a measurement (4)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    device = Processes(device=torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    print(f"{torch.get_num_threads()} threads, {device.device}")
    for size in options.batch_sizes:
        data = RandomPictures(4 * size)
        with tempfile.TemporaryDirectory() as folder:
            picked, plain = (
                Run(Path(folder), TrainingConfig(batch_size=size, **setting), data, device)
                for setting in ({}, {"precision": "fp32", "memory_format": "contiguous"})
            )
            rates = [
                [pictures_per_second(run, options.seconds) for run in (picked, plain)]
                for _ in range(options.rounds)
            ]
        fast, reference = (statistics.median(column) for column in zip(*rates, strict=True))
        name = f"{picked.setting.precision} {picked.setting.memory_format}"
        print(
            f"batch {size:4d}: {name} {fast:7.0f} pictures/s, fp32 contiguous {reference:7.0f}, "
            f"ratio {fast / reference:.2f}"
        )


if __name__ == "__main__":
    main()
