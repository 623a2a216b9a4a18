"""What ships beside the code: contract ABIs and strategy templates.

A checkout and an editable install keep them at the top level of the repository, where people look for them; a wheel
carries them as ``keeper/_data/``. Both are plain files next to this one, so no archive or finder is involved.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keeper.errors import ConfigError

_HERE = Path(__file__).resolve().parent
_WHEEL_DATA = _HERE / "_data"
_ROOT = _WHEEL_DATA if _WHEEL_DATA.is_dir() else _HERE.parent

abis_dir = _ROOT / "abis"
strategies_dir = _ROOT / "strategies"


def abi(name: str) -> list[dict[str, Any]]:
    """The ABI of the contract ``name`` (``abis/NAME.json``: the list itself, or an object that holds it as ``abi``).

    Raises:
        ConfigError: no ABI of that name is shipped.
    """
    parsed = json.loads(_shipped(abis_dir, name, ".json").read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = parsed["abi"] if isinstance(parsed, dict) else parsed
    return entries


def strategy_template(name: str) -> str:
    """The text of the strategy template ``name`` (``strategies/NAME.yaml``).

    Raises:
        ConfigError: no template of that name is shipped.
    """
    return _shipped(strategies_dir, name, ".yaml").read_text(encoding="utf-8")


def _shipped(folder: Path, name: str, suffix: str) -> Path:
    """Chosen among the files that are there, so that no ``name`` can lead out of ``folder``."""
    files = {path.stem: path for path in sorted(folder.glob(f"*{suffix}"))}
    if name not in files:
        known = ", ".join(files) or "none is shipped"
        raise ConfigError(f"there is no {folder.name}/{name}{suffix}; known names: {known}")
    return files[name]
