"""python -m betavae rotate"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle
from betavae.commands.options import add_data, splits


def add(commands) -> None:
    parser = commands.add_parser(
        "rotate",
        help="make a bundle with the same pictures and better sliders: its code on other axes",
        description="Rotate the code of a bundle, and write it as another bundle, with all scores. "
        "The axes are found without labels: each latent should change few places of the picture, "
        "and be near one value for most faces. Attributes of the training pictures, if there are "
        "any, choose between several rotations. Pictures of posterior means stay the same, and "
        "so does a renderer. See betavae/model/rotation.py.",
        epilog="Example: python -m betavae rotate weights/celeba-vae --data data/celeba "
        "--to weights/celeba-vae-rotated",
    )
    parser.set_defaults(run_command=_rotate)
    parser.add_argument("bundle", type=Path, help="such as weights/celeba-beta-tcvae")
    add_data(parser)
    parser.add_argument("--to", type=Path, required=True, help="the new bundle's folder")


def _rotate(options: argparse.Namespace) -> None:
    from betavae.bundles.rotated import rotate_bundle
    from betavae.commands.evaluate import print_scores

    source = bundle.load(options.bundle)
    rotate_bundle(source, options.to, *splits(source.config["data"]["name"], options.root))
    print_scores([source, bundle.load(options.to)])
