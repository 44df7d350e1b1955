"""python -m betavae traverse"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle
from betavae.commands.options import positive
from betavae.views.traversal import traversal_figure


def add(commands) -> None:
    parser = commands.add_parser(
        "traverse",
        help="draw the paper's figure: what each latent changes",
        description="A block a latent, in order of KL; in it a row a seed face and eight values "
        "from -3 to 3, the other latents fixed.",
    )
    parser.set_defaults(run_command=_traverse)
    option = parser.add_argument
    option("bundle", type=Path, help="such as weights/celeba-beta-vae")
    option("--to", type=Path, help="the picture to write (default: traversal-NAME.png here)")
    option("--output", choices=("mean", "sample"), default="mean", help="of p(x|z) (mean)")
    option("--faces", type=positive, default=5, help="rows: stored codes to start from (5)")
    option("--first", type=int, default=0, help="the first stored code to use (0)")
    option("--latents", type=int, nargs="+", help="which, in this order (default: the active ones)")
    option("--columns", type=positive, default=3, help="blocks side by side (3)")
    option("--seed", type=int, default=0, help="of the noise of --output sample (0)")


def _traverse(options: argparse.Namespace) -> None:
    loaded = bundle.load(options.bundle)
    codes = loaded.codes[options.first : options.first + options.faces]
    if options.first < 0 or len(codes) < options.faces:
        raise ValueError(f"{loaded.name} stores {len(loaded.codes)} codes, numbered from 0.")
    shown = options.latents or [latent.index for latent in loaded.active or loaded.by_kl[:1]]
    labels = {latent.index: latent.label for latent in loaded.latents}
    figure = traversal_figure(
        loaded.vae,
        codes,
        shown,
        [labels.get(k, "") for k in shown],
        options.output,
        options.columns,
        options.seed,
    )
    path = options.to or Path(f"traversal-{loaded.name}.png")
    figure.save(path)
    print(f"{path}: {len(shown)} latents, {len(codes)} faces, {figure.width}x{figure.height}")
