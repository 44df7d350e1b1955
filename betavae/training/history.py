"""history.csv: the training curve of a run."""

from __future__ import annotations

import csv
import os
from pathlib import Path


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """history.csv, a row a validation pass."""
    part = path.with_suffix(".part")
    with open(part, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    os.replace(part, path)
