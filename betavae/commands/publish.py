"""python -m betavae publish"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle, hub
from betavae.commands.evaluate import print_renderer, print_scores
from betavae.commands.options import add_data, splits
from betavae.training import checkpoints
from betavae.training.batches import trained_on_others


def add(commands) -> None:
    parser = commands.add_parser(
        "publish",
        help="make a bundle of a finished run, or upload a bundle to the Hugging Face Hub",
        description="Package a run folder as a bundle (weights, latents, codes, scores, figure, "
        "model card), put a run of sharpen into the bundle that it draws for, or upload a finished "
        "bundle to the Hub.",
        epilog="Example: python -m betavae publish runs/celeba-vae --data data/celeba "
        "--to weights/celeba-vae",
    )
    parser.set_defaults(run_command=_publish)
    parser.add_argument(
        "source",
        type=Path,
        help="a run folder; with --hub, a bundle. For runs with several seeds, the part of their "
        "names before -seed, such as runs/shapes2d/conv-beta-vae-beta4: the seed that agrees most "
        "with the others is packaged (UDR, which uses no factor)",
    )
    add_data(parser)
    parser.add_argument("--to", type=Path, help="the bundle's folder, such as weights/celeba-vae")
    parser.add_argument(
        "--unmeasured",
        action="store_true",
        help="of a run: leave out the scores that take minutes; evaluate adds them later",
    )
    parser.add_argument("--hub", metavar="USER/REPO", help="upload the bundle to this repository")


def _publish(options: argparse.Namespace) -> None:
    from betavae.bundles.packaging import measure_renderer, package
    from betavae.bundles.renderer_packaging import holds_renderer, package_renderer
    from betavae.study.summary import choose_run

    if options.hub:
        _upload(bundle.load(options.source), options.hub)
        return
    if not options.to:
        raise ValueError("Give --to FOLDER to package a run or --hub USER/REPO to upload a bundle.")
    if (options.source / checkpoints.NAME).is_file() and holds_renderer(options.source):
        loaded = bundle.load(options.to)
        data = splits(loaded.config["data"]["name"], options.root)
        package_renderer(options.source, options.to, data[1])
        print_renderer(measure_renderer(options.to, *data)["renderer"])
        return
    run, selection = choose_run(options.source)
    state = checkpoints.read(run)
    data = splits(state["config"]["data"], options.root)
    told = trained_on_others(state, data[0])
    if told:
        raise ValueError(f"{run} was trained on {told}: name those with --data.")
    package(run, options.to, *data, selection=selection, measured=not options.unmeasured)
    print_scores([bundle.load(options.to)])


def _upload(loaded: bundle.Bundle, repository: str) -> None:
    if not hub.is_name(repository):
        raise ValueError(f"{repository} is not a name like USER/REPO.")
    api = hub.logged_in()
    with hub.asking_for(repository):
        api.create_repo(repository, exist_ok=True)
    files = {path.name: path for path in loaded.folder.iterdir() if path.is_file()}
    hub.send(api, repository, "model", files, message=f"{loaded.name}: {loaded.title}")
    print(f"{loaded.name} is at {api.endpoint}/{repository}")
