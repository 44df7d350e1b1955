"""python -m betavae match"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle, matches, places
from betavae.commands.options import add_data, splits


def add(commands) -> None:
    parser = commands.add_parser(
        "match",
        help="find which latents of several bundles show the same, for the app's Compare tab",
        description="Encode the validation pictures with each bundle and correlate the latents of "
        "every pair of bundles. The app moves the matched latents together. Without this file it "
        "correlates the few hundred codes that the bundles store.",
        epilog="Example: python -m betavae match celeba-vae celeba-beta-vae --data data/celeba",
    )
    parser.set_defaults(run_command=_match)
    parser.add_argument("bundles", nargs="+", help="two or more, trained on the same data")
    add_data(parser)
    parser.add_argument(
        "--to", type=Path, help=f"the file to write (weights/DATA-study/{matches.NAME})"
    )


def _match(options: argparse.Namespace) -> None:
    loaded = [bundle.load(name) for name in options.bundles]
    data = {one.config["data"]["name"] for one in loaded}
    if len(loaded) < 2 or len(data) > 1:
        raise ValueError("Give two or more bundles that were trained on the same data set.")
    (name,) = data
    validation = splits(name, options.root)[1]
    for one in loaded:
        own = one.config["data"]["validation_pictures"]
        if own != len(validation):
            raise ValueError(
                f"{one.name} was validated on {own} pictures, but there are {len(validation)}."
            )
    path = options.to or places.root() / f"{name}-study" / matches.NAME
    matches.write(path, loaded, validation)
    print(f"{path}: {len(loaded)} bundles, {len(validation)} pictures")
