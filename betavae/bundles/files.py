"""How a bundle's small files are written: whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any, compact: bool = False) -> None:
    """The file is there whole or not at all; `compact` puts long lists on one line."""
    layout = {"separators": (",", ":")} if compact else {"indent": 1}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, ensure_ascii=False, **layout) + "\n", encoding="utf-8")
    os.replace(part, path)


@contextlib.contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder of the same name to write into: at the end its files go into `folder`, each in the
    place of its old one; if anything fails before, none does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        part = Path(beside) / folder.name
        part.mkdir()
        yield part
        folder.mkdir(exist_ok=True)
        for path in sorted(part.iterdir()):
            os.replace(path, folder / path.name)
