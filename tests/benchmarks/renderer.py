"""How long a renderer takes for one picture on one core, beside the plain decoder.

python tests/benchmarks/renderer.py [weights/NAME]    without a renderer there: an untrained one
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from betavae.model import VAE
from betavae.renderer import Renderer, loading

TIMES = 200


def milliseconds(draw) -> tuple[float, float]:
    """Of processor time for one call, whatever else runs: the median and the least of many."""
    taken = []
    for _ in range(TIMES):
        began = time.process_time()
        draw()
        taken.append(1000 * (time.process_time() - began))
    return sorted(taken)[TIMES // 2], min(taken)


@torch.inference_mode()
def main(folder: Path) -> None:
    torch.set_num_threads(1)
    trained = (folder / loading.NAME).is_file()
    renderer = (
        Renderer.from_pretrained(folder) if trained else Renderer(VAE.from_pretrained(folder))
    )
    renderer = renderer.eval().to(memory_format=torch.channels_last)
    codes = torch.randn(1, renderer.latents)
    details = torch.randn(1, renderer.detail_size)
    for name, draw in {
        "plain": lambda: renderer.plain(codes),
        "sharp": lambda: renderer(codes, details),
    }.items():
        print("{}: median {:.2f} ms, least {:.2f} ms".format(name, *milliseconds(draw)))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "weights/celeba-beta-tcvae"))
