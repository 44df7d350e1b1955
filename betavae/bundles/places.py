"""Where bundles lie: weights/ beside the package, or the folders of $BETAVAE_WEIGHTS."""

from __future__ import annotations

import os
from pathlib import Path


def roots() -> list[Path]:
    """The folders that bundles are served from, in the order they are looked in.

    $BETAVAE_WEIGHTS names one or several, with ":" between them (";" on Windows), each a folder of
    bundles or a bundle itself; without it they are those of this project.
    """
    named = os.environ.get("BETAVAE_WEIGHTS", "").split(os.pathsep)
    return [Path(name) for name in named if name] or [Path(__file__).parents[2] / "weights"]


def root() -> Path:
    """The first of `roots`, where what belongs to no single bundle is looked for."""
    return roots()[0]


def is_bundle(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def found() -> list[Path]:
    """The folders of all bundles under the roots, those of the first root first, sorted."""
    folders: list[Path] = []
    for place in roots():
        own = [place] if is_bundle(place) else sorted(p.parent for p in place.glob("*/config.json"))
        folders += own
    return folders


def folder_of(name: str) -> Path:
    """Where the bundle of that name lies; where it would lie if it is nowhere."""
    return next((folder for folder in found() if folder.name == name), root() / name)
