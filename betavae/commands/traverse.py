"""python -m betavae traverse"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from betavae.bundles import bundle
from betavae.commands.options import positive
from betavae.views.sharp import contact_sheet
from betavae.views.traversal import traversal_figure


def add(commands) -> None:
    parser = commands.add_parser(
        "traverse",
        help="draw the paper's figure: what each latent changes",
        description="Draw latent traversals: a block per latent, largest KL first. Each row of a "
        "block is one picture, with eight values of this latent from -3 to 3. The other latents "
        "stay fixed.",
    )
    parser.set_defaults(run_command=_traverse)
    option = parser.add_argument
    option("bundle", type=Path, help="such as weights/celeba-beta-vae")
    option("--to", type=Path, help="the picture to write (default: traversal-NAME.png here)")
    option(
        "--output",
        choices=("mean", "sample", "sharp"),
        default="mean",
        help="mean or sample of p(x|z); sharp: a sheet of the mean and the renderer's pictures "
        "(mean)",
    )
    option("--faces", type=positive, default=5, help="rows of a block: how many stored codes (5)")
    option("--first", type=int, default=0, help="number of the first stored code (0)")
    option(
        "--latents",
        type=int,
        nargs="+",
        help="which latents, in this order (default: the active ones)",
    )
    option("--columns", type=positive, default=3, help="blocks side by side (3)")
    option("--seed", type=int, default=0, help="seed of --output sample (0)")


def _traverse(options: argparse.Namespace) -> None:
    loaded = bundle.load(options.bundle)
    codes = loaded.codes[options.first : options.first + options.faces]
    if options.first < 0 or len(codes) < options.faces:
        raise ValueError(
            f"{loaded.name} has {len(loaded.codes)} stored codes, numbered from 0; choose a "
            "smaller --first or fewer --faces."
        )
    shown = options.latents or [latent.index for latent in loaded.active or loaded.by_kl[:1]]
    labels = {latent.index: latent.label for latent in loaded.latents}
    if options.output == "sharp":
        details = loaded.details[options.first : options.first + options.faces]
        titles = [labels.get(k, "") for k in shown]
        figure = contact_sheet(loaded.renderer, codes, details, shown, titles, seed=options.seed)
        _save(figure, options, f"sharp-{loaded.name}.png")
        return
    figure = traversal_figure(
        loaded.vae,
        codes,
        shown,
        [labels.get(k, "") for k in shown],
        options.output,
        options.columns,
        options.seed,
    )
    _save(figure, options, f"traversal-{loaded.name}.png")


def _save(figure: Image.Image, options: argparse.Namespace, name: str) -> None:
    path = options.to or Path(name)
    figure.save(path)
    print(f"{path}: {options.faces} faces, {figure.width}x{figure.height}")
