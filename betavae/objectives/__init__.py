"""How the code is pressed to disentangle. One file an objective; each adds itself to OBJECTIVES."""

import importlib
import pkgutil

from betavae.objectives.base import OBJECTIVES, Objective, settings

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["OBJECTIVES", "Objective", "settings"]
