"""How long each metric takes on one 2D shapes model: `python tests/benchmarks/metrics.py`.

The reference, measured in the same run: encoding each pair of the β-VAE metric anew, as
disentanglement_lib does (1.92 million pictures), reckoned from the speed of the shared pass.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from betavae import bundles, metrics
from betavae.data import Shapes2D
from betavae.metrics.beta_vae import PAIRS, TEST, TRAIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="shapes2d-beta-vae", help="(shapes2d-beta-vae)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    vae, source = bundles.load(options.bundle).vae, Shapes2D()
    began = time.perf_counter()
    encoded = metrics.encode(lambda x: vae.encode(x).mean, source)
    encoding = time.perf_counter() - began
    pictures = len(encoded.train) + len(encoded.test)
    print(f"{options.threads} threads\n{'encoding':16s}{encoding:8.2f} s  {pictures:,} pictures")
    total = encoding
    for name in metrics.METRICS:
        began = time.perf_counter()
        result = metrics.score(encoded, [name])[name]
        seconds = time.perf_counter() - began
        total += seconds
        print(f"{name:16s}{seconds:8.2f} s  score {result['score']:.4f}")
    anew = 2 * PAIRS * (TRAIN + TEST) / pictures * encoding
    print(f"{'whole suite':16s}{total:8.2f} s")
    print(
        f"encoding every pair of the β-VAE metric anew would take {anew:.0f} s: the shared pass "
        f"makes that metric {anew / encoding:.0f} times cheaper"
    )


if __name__ == "__main__":
    main()
