"""Where the local chain's parts lie: the anvil binary, the published Uniswap contracts and our own compiled ones."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from keeper.errors import ConfigError

REMEDY = "run `make setup` (or `python -m keeper.chainlab.install`)"
_RENEW = "delete the folder it lies in, then " + REMEDY
PINNED_ANVIL_PLATFORMS = frozenset({"linux-amd64"})
"""Platforms whose anvil build is in the shipped lock file with its hash."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: its ABI and its creation code."""

    abi: tuple[dict[str, Any], ...]
    bytecode: bytes


def chainlab_home() -> Path:
    """The folder of everything installed for the local chain: ``KEEPER_CHAINLAB``, else one inside the environment."""
    configured = os.environ.get("KEEPER_CHAINLAB")
    return Path(configured) if configured else Path(sys.prefix) / "share" / "range-keeper" / "chainlab"


def node_modules() -> Path:
    """The installed npm packages.

    Raises:
        ConfigError: nothing has been installed yet.
    """
    folder = chainlab_home() / "node_modules"
    if not folder.is_dir():
        raise ConfigError(f"the local chain is not installed here; {REMEDY}", path=str(folder))
    return folder


def anvil_platform() -> str:
    """This machine as the ``@foundry-rs/anvil-…`` packages call it, for example ``linux-amd64``."""
    systems = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
    machines = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    machine = platform.machine().lower()
    return f"{systems.get(sys.platform, sys.platform)}-{machines.get(machine, machine)}"


def anvil_binary() -> Path:
    """The native anvil program: the installed one, else the one on ``PATH``.

    Raises:
        ConfigError: neither is there.
    """
    suffix = ".exe" if sys.platform == "win32" else ""
    package = chainlab_home() / "node_modules" / "@foundry-rs" / f"anvil-{anvil_platform()}"
    installed = package / "bin" / f"anvil{suffix}"
    if installed.is_file():
        return installed
    found = shutil.which("anvil")
    if found is not None:
        return Path(found)
    if anvil_platform() not in PINNED_ANVIL_PLATFORMS:
        raise ConfigError(
            f"anvil is not installed here, and there is no pinned build for {anvil_platform()}; "
            "install Foundry (getfoundry.sh) so that `anvil` is on PATH"
        )
    raise ConfigError(f"anvil is not installed here; {REMEDY}")


@cache
def _read_artifact(path: Path) -> Artifact:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        bytecode = document["bytecode"].removeprefix("0x")
        return Artifact(tuple(document["abi"]), bytes.fromhex(bytecode))
    except FileNotFoundError as error:
        raise ConfigError(f"contract artifact missing; {REMEDY}", path=str(path)) from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"contract artifact unreadable; {_RENEW}", path=str(path)) from error


def load_artifact(package_path: str) -> Artifact:
    """An artifact of an npm package, for example ``@uniswap/v3-core/artifacts/contracts/….sol/….json``.

    Raises:
        ConfigError: it is not installed, not readable, or needs a library linked first.
    """
    return _read_artifact(node_modules() / package_path)


def load_own_artifact(name: str) -> Artifact:
    """One of our own contracts (``Token``, ``WrappedEther``, ``Crowd``), compiled at install time.

    Raises:
        ConfigError: it is not installed or not readable.
    """
    return _read_artifact(chainlab_home() / f"{name}.json")


def multicall3_code() -> bytes:
    """Multicall3's runtime code as it stands on public chains.

    Raises:
        ConfigError: it is not installed or not readable.
    """
    path = chainlab_home() / "multicall3.hex"
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip().removeprefix("0x"))
    except FileNotFoundError as error:
        raise ConfigError(f"Multicall3's code is missing; {REMEDY}", path=str(path)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"Multicall3's code is unreadable; {_RENEW}", path=str(path)) from error
