"""The rules of the house: which room may import which. Read from the imports, nothing is run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

# From the top floor down: a room imports only rooms below its own.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("commands", "ui"),  # they do not know each other
    ("study",),
    ("serving",),
    ("bundles",),
    ("training",),
    ("views",),
    ("faces",),
    ("metrics",),
    ("objectives",),
    ("renderer",),
    ("model",),
    ("data",),
    ("machine",),
    ("errors",),
)
FLOOR = {room: floor for floor, rooms in enumerate(reversed(FLOORS)) for room in rooms}
GRADIO = ("ui",)  # the only room that knows a frontend


def broken_rules(package: Path) -> list[str]:
    """One line for each rule that an import under `package` breaks: the file, and the rule."""
    files = {_module(package, path): path for path in sorted(package.rglob("*.py"))}
    imports = {module: _imports(path, files) for module, path in files.items()}
    broken = []
    for module, path in files.items():
        file = path.relative_to(package.parent).as_posix()
        room = _room(module)
        if room is None:
            continue  # the package's own face: it shows what is in the rooms
        if room not in FLOOR:
            broken.append(f"{file}: {room} is no room of the house")
            continue
        for name in sorted(imports[module]):
            if name.split(".")[0] in ("gradio", "gradio_client") and room not in GRADIO:
                broken.append(f"{file}: {room} knows no Gradio")
            other = _room(name) if name.split(".")[0] == package.name else None
            if other is None or other == room:
                continue
            if FLOOR.get(other, -1) >= FLOOR[room]:
                broken.append(f"{file}: {room} knows no {other} (it imports {name})")
    return broken + _circles(imports, files, package)


def _circles(imports: dict[str, set[str]], files: dict[str, Path], package: Path) -> list[str]:
    """Pairs of modules that reach each other through imports; a package's face is left out."""
    known = {m: {n for n in found if n in files} for m, found in imports.items()}
    reach = {m: _reachable(m, known) for m in known}
    return [
        f"{files[m].relative_to(package.parent).as_posix()}: in a circle with {n}"
        for m in known
        for n in sorted(reach[m])
        if m < n and m in reach[n] and "__init__" not in (files[m].stem, files[n].stem)
    ]


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def _module(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def _imports(path: Path, files: dict[str, Path]) -> set[str]:
    """Every module that a file imports, anywhere in it: also in functions and for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                found.add(whole if whole in files else node.module)
    return found


def test_every_import_keeps_the_rules():
    assert broken_rules(PROJECT / "betavae") == []


# Each rule, broken in a small house: file -> its text, and what is said of it.
BROKEN = {
    "data knows no model": (
        {"data/pictures.py": "from betavae.model import VAE", "model/vae.py": ""},
        "betavae/data/pictures.py: data knows no model",
    ),
    "model knows no objective": (
        {
            "model/vae.py": "def f():\n    from betavae.objectives import base",
            "objectives/base.py": "",
        },
        "betavae/model/vae.py: model knows no objectives",
    ),
    "objectives know no training loop": (
        {"objectives/vae.py": "import betavae.training.loop", "training/loop.py": ""},
        "betavae/objectives/vae.py: objectives knows no training",
    ),
    "serving knows no Gradio": (
        {"serving/studio.py": "import gradio as gr"},
        "betavae/serving/studio.py: serving knows no Gradio",
    ),
    "commands and ui do not know each other": (
        {"commands/train.py": "from betavae.ui import layout", "ui/layout.py": ""},
        "betavae/commands/train.py: commands knows no ui",
    ),
    "no circle": (
        {
            "training/loop.py": "from betavae.training import monitor",
            "training/monitor.py": "from betavae.training.loop import Run",
        },
        "betavae/training/loop.py: in a circle with betavae.training.monitor",
    ),
    "every file is in a room": (
        {"loose.py": ""},
        "betavae/loose.py: loose is no room of the house",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_named_with_its_file(tmp_path, rule):
    house, said = BROKEN[rule]
    for name, text in house.items():
        path = tmp_path / "betavae" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for room in {path.parent for path in (tmp_path / "betavae").rglob("*.py")}:
        (room / "__init__.py").touch()
    (line,) = broken_rules(tmp_path / "betavae")
    assert line.startswith(said)
