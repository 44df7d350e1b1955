"""How the tests are run; what they share is in shared.py."""

from __future__ import annotations

import gc
from collections import Counter
from importlib import import_module

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """The fixtures, which import PyTorch: not where tests are only handed out to other processes,
    which begin after that."""
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        gc.disable()  # what is imported until the tests begin stays
        config.pluginmanager.register(import_module("shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first: at the end no process waits for another's long file."""

    def takes_long(item: pytest.Item) -> bool:
        dear = {"browser", "measured"} & set(item.fixturenames)
        return bool(dear) or item.get_closest_marker("slow") is not None

    long = Counter(item.path for item in items if takes_long(item))
    items.sort(key=lambda item: -long[item.path])


def pytest_collection_finish() -> None:
    """The garbage collector need not look at the half million objects of the imported modules, or
    so often: that took a twentieth of all time."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
