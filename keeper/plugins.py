"""Finding plug-ins: a file name in a plug-in folder is its name in the YAML; third parties use entry points.

A file whose name starts with an underscore, or that has no ``build``, is no plug-in. Executors are not among them:
``execution.mode`` chooses one.

A plug-in of a strategy may ask for more than its settings: ``ORIENTED = True`` for ``build(settings,
quote_is_token0=…)``, and ``ARTIFACTS = ("weights",)`` for the bytes of the file that its setting ``weights`` names, as
``build(settings, weights=…)``. Its ``Settings`` then have ``weights_sha256`` too, which is completed on loading.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

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
    own, foreign = _found(section, tuple(sys.path))
    return sorted({*own, *foreign})


@functools.cache
def _found(
    section: str, _search_path: tuple[str, ...]
) -> tuple[frozenset[str], dict[str, importlib.metadata.EntryPoint]]:
    """Our own, and third parties'. Reading every file of the folder and of what is installed takes milliseconds, and a
    strategy asks a dozen times; what is installed changes under a running process by its search path alone."""
    folder, group = ROOMS[section]
    spec = importlib.util.find_spec(folder)
    paths = [] if spec is None else list(spec.submodule_search_locations or [])
    own = frozenset(
        module.name for module in pkgutil.iter_modules(paths) if module.name[0] != "_" and _builds(paths, module.name)
    )
    foreign: dict[str, importlib.metadata.EntryPoint] = {}
    for entry in importlib.metadata.entry_points(group=group):
        foreign.setdefault(entry.name, entry)
    return own, foreign


def _builds(folders: list[str], name: str) -> bool:
    """Whether the file says how to build something: beside the signers stands what watches over them."""
    files = (Path(folder, f"{name}.py") for folder in folders)
    return any("\ndef build(" in file.read_text(encoding="utf-8") for file in files if file.is_file())


def find(section: str, kind: str) -> ModuleType:
    """The plug-in's module. KeyError if there is none of that name."""
    own, foreign = _found(section, tuple(sys.path))
    if kind in foreign:
        module: ModuleType = foreign[kind].load()
        return module
    if kind not in own:
        raise KeyError(kind)
    return importlib.import_module(f"{ROOMS[section][0]}.{kind}")


def artifacts(module: ModuleType) -> tuple[str, ...]:
    """The settings of the plug-in that name files whose bytes it is built from."""
    return tuple(getattr(module, "ARTIFACTS", ()))


def artifact_digests(module: ModuleType, values: Mapping[str, Any]) -> dict[str, str]:
    """Setting -> SHA-256 (hex) of its file, as completed settings hold it; those without a digest stay out."""
    digests = {name: values.get(f"{name}_sha256") for name in artifacts(module)}
    return {name: digest for name, digest in digests.items() if digest is not None}


def build(
    module: ModuleType, values: Mapping[str, Any], *, quote_is_token0: bool, artifact: Callable[[str], bytes]
) -> Any:
    """The plug-in of these settings, with all that it asks for; ``artifact`` gives a file's bytes by their digest.

    Raises:
        ValueError: the settings, or a file, are not what the plug-in can use.
    """
    asked: dict[str, Any] = {"quote_is_token0": quote_is_token0} if getattr(module, "ORIENTED", False) else {}
    asked |= {name: artifact(digest) for name, digest in artifact_digests(module, values).items()}
    return module.build(module.Settings.model_validate(values), **asked)
