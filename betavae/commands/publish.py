"""python -m betavae publish"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle
from betavae.commands.evaluate import print_scores
from betavae.commands.options import add_data, splits
from betavae.errors import reason
from betavae.training import checkpoints
from betavae.training.run import trained_on_others


def add(commands) -> None:
    parser = commands.add_parser(
        "publish",
        help="make a finished run a bundle, or put a bundle on the Hugging Face Hub",
        description="Package a run folder as a bundle (weights, latents, codes, scores, figure, "
        "model card), or upload a finished bundle to the Hub.",
        epilog="Example: python -m betavae publish runs/celeba-vae --data data/celeba "
        "--to weights/celeba-vae",
    )
    parser.set_defaults(run_command=_publish)
    parser.add_argument(
        "source",
        type=Path,
        help="a run folder; or what the folders of several seeds begin with, such as "
        "runs/shapes2d/conv-beta-vae-beta4: the seed that agrees best with the others is taken "
        "(UDR, which knows no factor); or with --hub a bundle",
    )
    add_data(parser)
    parser.add_argument("--to", type=Path, help="the bundle's folder, such as weights/celeba-vae")
    parser.add_argument("--hub", metavar="USER/REPO", help="upload the bundle to this repository")


def _publish(options: argparse.Namespace) -> None:
    from betavae.bundles.packaging import package
    from betavae.study.summary import choose_run

    if options.hub:
        _upload(bundle.load(options.source), options.hub)
        return
    if not options.to:
        raise ValueError("packaging a run needs --to; uploading a bundle needs --hub.")
    run, selection = choose_run(options.source)
    state = checkpoints.read(run)
    data = splits(state["config"]["data"], options.root)
    told = trained_on_others(state, data[0])
    if told:
        raise ValueError(f"{run} was trained on {told}: name those with --data.")
    package(run, options.to, *data, selection=selection)
    print_scores([bundle.load(options.to)])


def _upload(loaded, repository: str) -> None:
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=loaded.folder)
    except Exception as error:  # those of the HTTP client, which changes with the Hub's library
        raise ConnectionError(
            f"{repository} on the Hub could not be written: {reason(error)}"
        ) from error
    print(f"{loaded.name} is at https://huggingface.co/{repository}")
