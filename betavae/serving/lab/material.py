"""What the lab trains on: 2D shapes always, and the pictures that the app's owner names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TITLES = {"shapes2d": "2D shapes", "celeba": "Faces", "images": "Pictures"}
PARTITION = "list_eval_partition.txt"  # CelebA's own folder has it


@dataclass(frozen=True)
class Material:
    """A data set that may be trained on."""

    name: str  # in betavae.data.DATA_SETS
    root: Path | None = None  # of its pictures

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def options(self) -> list[str]:
        """How `python -m betavae train` finds it."""
        return [self.name, *(["--data", str(self.root)] if self.root else [])]


def on_offer() -> list[Material]:
    """2D shapes, and $BETAVAE_PICTURES: CelebA's own folder, or a folder of any pictures.

    Raises ValueError, in one sentence, where that is no folder.
    """
    found = [Material("shapes2d")]
    named = os.environ.get("BETAVAE_PICTURES", "").strip()
    if named:
        root = Path(named).resolve()
        if not root.is_dir():
            raise ValueError(f"BETAVAE_PICTURES is {named!r}, which is no folder of pictures.")
        found.append(Material("celeba" if (root / PARTITION).is_file() else "images", root))
    return found
