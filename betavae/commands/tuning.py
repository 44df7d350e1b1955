"""python -m betavae tuning"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle


def add(commands) -> None:
    parser = commands.add_parser(
        "tuning",
        help="draw the paper's Figure 7: what each latent of a model of 2D shapes responds to",
        description="A block of rows per model, and a column per active latent, largest KL first: "
        "its posterior mean for each position, size and rotation of the shape.",
    )
    parser.set_defaults(run_command=_tuning)
    option = parser.add_argument
    option(
        "bundles", type=Path, nargs="+", help="models of 2D shapes, such as weights/shapes2d-vae"
    )
    option("--to", type=Path, default=Path("tuning.png"), help="the picture to write (tuning.png)")


def _tuning(options: argparse.Namespace) -> None:
    from betavae.data import Shapes2D
    from betavae.study import plots
    from betavae.views.tuning import tuning

    loaded = [bundle.load_shapes(path) for path in options.bundles]
    shapes = Shapes2D(split="all")
    found = [tuning(lambda x, vae=each.vae: vae.encode(x).mean, shapes) for each in loaded]
    plots.tunings(loaded, found, options.to)
    print(f"{options.to}: {', '.join(each.title for each in loaded)}")
