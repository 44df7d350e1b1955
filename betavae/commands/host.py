"""python -m betavae host"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from huggingface_hub import SpaceHardware

from betavae.bundles import bundle, hub

PROJECT = Path(__file__).parents[2]
APP = ("app.py", "requirements.txt", "README.md")  # README's front matter says how to run it
FRESH = {".gitattributes", "README.md"}  # what the Hub puts into a new Space by itself


def add(commands) -> None:
    parser = commands.add_parser(
        "host",
        help="put the app on Hugging Face Spaces",
        description="Create or update a Space with the app and its bundles, and print its address. "
        "Only the files that the app needs are sent, large ones to the Hub's large-file storage. "
        "Log in first: `hf auth login`.",
        epilog="Example: python -m betavae host YOU/see-disentanglement --weights celeba-vae "
        "celeba-beta-vae shapes2d-vae shapes2d-beta-vae",
    )
    parser.set_defaults(run_command=_host)
    option = parser.add_argument
    option("space", metavar="USER/SPACE", help="your name there, and the Space's")
    option(
        "--hardware",
        choices=[hardware.value for hardware in SpaceHardware],
        metavar="NAME",
        help="such as cpu-basic, zero-a10g or t4-small (as it is; a new Space: cpu-basic)",
    )
    option("--private", action="store_true", help="a new Space that only you can see")
    option("--weights", nargs="+", metavar="NAME", help="the bundles to serve (all)")


def _host(options: argparse.Namespace) -> None:
    space = options.space
    if not hub.is_name(space):
        raise ValueError(f"{space} is not a name like USER/SPACE.")
    served = options.weights or bundle.names()
    files = app_files(served)
    api = hub.logged_in()
    there = hub.files_of(api, space, "space")
    if there is None:
        _create(api, space, options)
    elif not FRESH.issuperset(there) and "betavae/__init__.py" not in there:
        raise ValueError(
            f"{space} is a Space already, and not this app: its files would be lost; choose "
            "another name."
        )
    elif options.hardware:
        with hub.asking_for(space):
            api.request_space_hardware(space, options.hardware)
    with hub.asking_for(space):  # bundles that are not there on purpose are not missed there
        api.add_space_variable(space, "BETAVAE_EXPECTED", " ".join(served))
    old = [path for path in there or [] if path.startswith(("betavae/", "weights/"))]
    size = sum(path.stat().st_size for path in files.values()) / 1e6
    print(f"{len(files)} files, {size:.1f} MB, {len(served)} bundles")
    gone = sorted(set(old) - files.keys())
    hub.send(api, space, "space", files, gone, "The app and its bundles")
    print(f"{space} is at {api.endpoint}/spaces/{space}, and builds for some minutes now.")


def _create(api, space: str, options: argparse.Namespace) -> None:
    with hub.asking_for(space):
        api.create_repo(
            space,
            repo_type="space",
            space_sdk="gradio",
            private=options.private or None,
            space_hardware=options.hardware,
        )


def app_files(served: list[str]) -> dict[str, Path]:
    """What the app needs: path in the Space -> file here. Raises BundleError, ValueError."""
    lacking = [name for name in APP if not (PROJECT / name).is_file()]
    if lacking:
        raise ValueError(f"{PROJECT} is not the project's folder: it has no {lacking[0]}.")
    paths = [PROJECT / name for name in APP]
    code = (path for path in (PROJECT / "betavae").rglob("*") if path.is_file())
    paths += [path for path in code if "__pycache__" not in path.parts and path.name[0] != "."]
    paths += [path for path in (PROJECT / "weights").glob("*-study/*") if path.is_file()]
    readme = (PROJECT / "README.md").read_text("utf-8")
    shown = re.findall(r"\]\(((?:weights|\.readme)/[^)\s]+)\)", readme)
    paths += [PROJECT / path for path in shown]
    files = {path.relative_to(PROJECT).as_posix(): path for path in paths}
    for name in served:
        folder = bundle.load(name).folder  # a damaged one is found here, not there
        own = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".part")
        files |= {f"weights/{name}/{path.name}": path for path in own}
    return files
