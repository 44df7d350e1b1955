"""What a GPU gives: `python tests/benchmarks/devices.py`; the CPU and the GPU in the same run.

For each device: decodes a second in batches of 1, 64 and 4,096, strips of all 32 latents a second,
frames a second for 25 and 200 people over HTTP on the loopback, and pictures a second that `conv`
trains on (64x64 RGB, the pictures on the device, bf16 where it is the faster). Without a GPU it
measures the CPU, and says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import torch
from load import Person, Server, crowd
from training_throughput import RandomPictures, pictures_per_second

from betavae import bundles
from betavae.serving.engine import Engine
from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.run import Run

MODEL, LATENTS = "celeba-beta-vae", 32
VALUES = torch.linspace(-3, 3, 7)
STEPS = 10  # of training, in which copies are counted


def devices() -> list[torch.device]:
    found = [torch.device("cpu")]
    if torch.accelerator.is_available():
        found.append(torch.accelerator.current_accelerator())
    return found


def each(function, seconds: float) -> float:
    """Seconds a call, median of calls for about `seconds`, after three that do not count; of a call
    that takes longer, once after once."""
    until = time.perf_counter() + seconds
    for _ in range(3):
        function()
        if time.perf_counter() > until:
            break
    taken, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or not taken:
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def decoding(device: torch.device, sizes: list[int], seconds: float) -> None:
    bundle = bundles.load(MODEL)
    began = time.perf_counter()
    engine = Engine({MODEL: bundle.vae}, {MODEL: bundle.codes}, device)
    placed = engine._placed.models[MODEL]
    print(f"  placed in {time.perf_counter() - began:.1f} s, decodes in {placed.dtype}")
    for size in sizes:
        codes = torch.randn(size, LATENTS, generator=torch.Generator().manual_seed(0))
        taken = each(lambda codes=codes: engine.decode(MODEL, codes), seconds)
        print(f"  batch {size:5d}: {size / taken:9.0f} decodes/s, {taken * 1000:.2f} ms a batch")
        if size <= 64:
            codes = codes[: max(1, size // 8)]
            taken = each(
                lambda codes=codes: engine.strips(MODEL, codes, range(LATENTS), VALUES), seconds
            )
            print(
                f"  strips of {LATENTS} latents x {len(VALUES)}, {len(codes)} people: "
                f"{len(codes) / taken:7.1f} /s, {taken * 1000:.2f} ms"
            )


def serving(device: torch.device, people: list[int], seconds: float, port: int) -> None:
    os.environ["BETAVAE_DEVICE"] = str(device)
    server = Server([sys.executable, "app.py"], port)
    for count in people:
        crowd(server, count, 3, Person.drag)  # warm-up
        print(f"  {count} people: {crowd(server, count, seconds, Person.drag)}")
    server.stop()


def training(device: torch.device, sizes: list[int], seconds: float) -> None:
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            data = RandomPictures(4 * size)
            run = Run(Path(folder), TrainingConfig(batch_size=size), data, Processes(device=device))
            rate = statistics.median(pictures_per_second(run, seconds) for _ in range(3))
            if device.type == "cuda":
                print(f"  copies from the host in {STEPS} steps: {copies(run)}")
        name = f"{run.setting.precision} {run.setting.memory_format}"
        print(f"  training, batch {size:5d}: {rate:8.0f} pictures/s, {name}")


def copies(run: Run) -> int:
    """How often STEPS steps copy from the host to a CUDA device."""
    with torch.profiler.profile() as seen:
        for _ in range(STEPS):
            run.train_step()
        torch.cuda.synchronize()
    return sum("HtoD" in event.name for event in seen.events())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="a measurement (3)")
    parser.add_argument("--people", type=int, nargs="*", default=[25, 200])
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 64, 4096])
    parser.add_argument("--training-batches", type=int, nargs="*", default=[64, 1024])
    options = parser.parse_args()
    if len(devices()) == 1:
        print("There is no GPU here: the CPU alone is measured.")
    for number, device in enumerate(devices()):
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        print(f"{name}, {torch.get_num_threads()} threads:")
        torch.set_num_threads(1)  # as the app has it
        decoding(device, options.batches, options.seconds)
        serving(device, options.people, options.seconds, 7881 + number)
        training(device, options.training_batches, options.seconds)


if __name__ == "__main__":
    main()
