"""python -m betavae tuning"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle


def add(commands) -> None:
    parser = commands.add_parser(
        "tuning",
        help="draw the paper's Figure 7: what each latent of a model of 2D shapes answers to",
        description="A block of rows a model: the mean of each active latent over the picture, by "
        "size and by turn, the latents in order of KL.",
    )
    parser.set_defaults(run_command=_tuning)
    option = parser.add_argument
    option("bundles", type=Path, nargs="+", help="such as weights/shapes2d-vae, of 2D shapes")
    option("--to", type=Path, default=Path("tuning.png"), help="the picture (tuning.png)")


def _tuning(options: argparse.Namespace) -> None:
    from betavae.data import Shapes2D
    from betavae.study import plots
    from betavae.views.tuning import tuning

    loaded = [bundle.load_shapes(path) for path in options.bundles]
    shapes = Shapes2D(split="all")
    found = [tuning(lambda x, vae=each.vae: vae.encode(x).mean, shapes) for each in loaded]
    plots.tunings(loaded, found, options.to)
    print(f"{options.to}: {', '.join(each.title for each in loaded)}")
