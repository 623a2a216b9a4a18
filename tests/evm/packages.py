"""Where the npm packages with the contracts' sources are."""

from __future__ import annotations

import importlib
import os
from pathlib import Path


def node_modules() -> Path:
    """The local chain's npm tree, or ``$KEEPER_CHAINLAB/node_modules`` where that room is not there yet."""
    try:
        artifacts = importlib.import_module("keeper.chainlab.artifacts")
    except ModuleNotFoundError:
        return Path(os.environ["KEEPER_CHAINLAB"]) / "node_modules"
    found: Path = artifacts.node_modules()
    return found
