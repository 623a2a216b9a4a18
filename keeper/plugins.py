"""Finding plug-ins: a file name in a plug-in folder is its name in the YAML; third parties use entry points.

A file whose name starts with an underscore is no plug-in. Executors are not among them: ``execution.mode`` chooses one.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from types import ModuleType

# YAML section -> folder of modules, entry-point group for third parties.
ROOMS = {
    "forecaster": ("keeper.policy.forecasters", "keeper.forecasters"),
    "regime": ("keeper.policy.regimes", "keeper.regimes"),
    "range": ("keeper.policy.ranges", "keeper.ranges"),
    "venue": ("keeper.world.venues", "keeper.venues"),
    "signer": ("keeper.world.signers", "keeper.signers"),
}


def available(section: str) -> list[str]:
    """Names that may stand as ``kind`` in the section, without importing any of them."""
    folder, group = ROOMS[section]
    spec = importlib.util.find_spec(folder)
    paths = [] if spec is None else list(spec.submodule_search_locations or [])
    own = [module.name for module in pkgutil.iter_modules(paths) if module.name[0] != "_"]
    return sorted({*own, *(entry.name for entry in importlib.metadata.entry_points(group=group))})


def find(section: str, kind: str) -> ModuleType:
    """The plug-in's module. KeyError if there is none of that name."""
    if kind not in available(section):
        raise KeyError(kind)
    folder, group = ROOMS[section]
    for entry in importlib.metadata.entry_points(group=group):
        if entry.name == kind:
            module: ModuleType = entry.load()
            return module
    return importlib.import_module(f"{folder}.{kind}")
