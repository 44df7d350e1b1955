"""How much a training in the lab slows dragging down: one person's two models, and 25 people's.

python tests/benchmarks/training_beside.py [--seconds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from betavae.serving.lab.lab import Lab
from betavae.serving.studio import Studio

PEOPLE = 25
SETUP = {"latents": 6, "learning_rate": 1e-3, "seed": 0, "seconds": 300} | {
    "runs": [{"objective": "beta-vae", "weights": {"beta": beta}} for beta in (1, 4)]
}


async def drag(studio: Studio, codes: dict, people: int, seconds: float) -> float:
    """Answers a second, of both models each, to people who ask again as soon as they are answered;
    one who waits for a screen's frame asks 60 times a second at most."""
    ends = time.perf_counter() + seconds

    async def person() -> int:
        answers = 0
        while time.perf_counter() < ends:
            await studio.frames(codes)
            answers += 1
        return answers

    return sum(await asyncio.gather(*(person() for _ in range(people)))) / seconds


def measured(studio: Studio, seconds: float) -> tuple[float, float]:
    codes = {n: torch.randn(1, studio.bundles[n].vae.latents) for n in studio.first_pair}
    alone, crowd = (asyncio.run(drag(studio, codes, n, seconds)) for n in (1, PEOPLE))
    return alone, crowd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    studio, lab = Studio(), Lab()
    measured(studio, 1)
    before = measured(studio, seconds)
    visit = lab.start(None, SETUP)
    while visit.state != "running":
        lab.look(visit.token)
        time.sleep(0.2)
    steps = [seat.live()["step"] for seat in visit.seats]
    began = time.perf_counter()
    during = measured(studio, seconds)
    took = time.perf_counter() - began
    speeds = [(s.live()["step"] - n) / took for s, n in zip(visit.seats, steps, strict=True)]
    lab.close()
    after = measured(studio, seconds)
    print(f"{'answers/s':>22} {'one person':>12} {PEOPLE:>8} people")
    for name, (alone, crowd) in (
        ("without a training", before),
        ("two runs training", during),
        ("without again", after),
    ):
        print(f"{name:>22} {alone:12.1f} {crowd:15.1f}")
    print("steps/s of the runs meanwhile:", ", ".join(f"{speed:.1f}" for speed in speeds))


if __name__ == "__main__":
    main()
