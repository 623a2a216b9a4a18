"""Who may import whom (the table of ``docs/architecture.md``), read off the syntax tree of a source file.

Every import counts: absolute and relative, at the top, inside a function, under ``TYPE_CHECKING``, and
``importlib.import_module("…")`` with a literal name. An import reached only by a computed name (a plug-in's kind) is
invisible here, and that is meant: it is how the table says "by name".
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_HALL = frozenset({"assembly", "cycle", "known_safe", "model", "policy", "world"})
_GROUND = frozenset({"", "errors", "redaction", "resources", "telemetry"})
# A neighbour's front door is its package; what lies inside is its own business.
_VIEWS = frozenset({"backtest", "chainlab", "dashboard", "report"})
_FRONTS = frozenset(f"{view}!" for view in _VIEWS)
_KNOWN = frozenset({"known_chains", "known_pools", "known_safe", "known_safe_services"})
_STARTERS = frozenset({"__main__", "cli", "commands", "daemon"})

# Room -> what it may import besides itself. "policy" allows that room whole, "policy.decide" only that module,
# "report!" only what the package itself exports, "" only `keeper` itself (its version).
ALLOWED: dict[str, frozenset[str]] = {
    "": frozenset(),
    "errors": frozenset(),
    **{known: frozenset() for known in _KNOWN - {"known_pools"}},
    "known_pools": frozenset({"model"}),
    "plugins": frozenset({"errors"}),
    "redaction": frozenset(),
    "resources": frozenset({"errors"}),
    "telemetry": frozenset({"", "errors", "model", "redaction"}),
    "config": _KNOWN | {"", "errors", "model", "plugins", "policy.settings", "redaction", "resources"},
    "model": frozenset(),
    "policy": frozenset({"model"}),
    "world": _GROUND | {"known_pools", "known_safe", "model"},
    "cycle": frozenset({"model", "policy.decide", "world.protocols"}),
    "assembly": _GROUND | _KNOWN | {"config", "cycle", "model", "plugins", "policy", "world"},
    **{view: _GROUND | _HALL | (_FRONTS - {f"{view}!"}) for view in _VIEWS},
    **{starter: _GROUND | _HALL | _KNOWN | _VIEWS | _STARTERS | {"config", "plugins"} for starter in _STARTERS},
}

_CHAIN = frozenset({"world", "chainlab"})
_SCIENCE = frozenset({"policy", "backtest"})
_TERMINAL = frozenset({"__main__", "cli", "commands", "report"})
# Library -> the rooms it may live in. A library that is not here has no home yet: give it one, on purpose.
HOMES: dict[str, frozenset[str]] = {
    "alembic": frozenset({"world"}),
    "apprise": frozenset({"world"}),
    "apscheduler": frozenset({"daemon"}),
    "arch": _SCIENCE,
    "click": _TERMINAL,
    "cytoolz": _CHAIN,
    **{f"eth_{part}": _CHAIN for part in ("abi", "account", "hash", "keyfile", "keys", "rlp", "typing", "utils")},
    "distributed": frozenset({"backtest"}),
    "eth_tester": frozenset({"chainlab"}),
    "hexbytes": _CHAIN,
    "httpx": _CHAIN,
    "jinja2": frozenset({"dashboard", "report"}),
    "llvmlite": frozenset({"world"}),
    "numba": _SCIENCE | {"world"},
    "numpy": _SCIENCE | {"chainlab", "report", "world"},
    "optuna": frozenset({"backtest"}),
    "pandas": _SCIENCE | {"world"},
    "plotly": frozenset({"backtest", "dashboard", "report"}),
    "prometheus_client": frozenset({"telemetry"}),
    "psycopg": frozenset({"world"}),
    "pyarrow": frozenset({"backtest", "chainlab", "world"}),
    "pydantic": frozenset({"config", "policy", "world"}),
    "pydantic_core": frozenset({"config"}),
    "rich": _TERMINAL,
    "rlp": _CHAIN,
    "scipy": _SCIENCE,
    "sklearn": _SCIENCE,
    "sqlalchemy": frozenset({"world"}),
    "starlette": frozenset({"dashboard"}),
    "statsmodels": _SCIENCE,
    "structlog": frozenset({"telemetry"}),
    "torch": _SCIENCE,
    "uvicorn": frozenset({"dashboard"}),
    "web3": _CHAIN,
    "yaml": frozenset({"config"}),
}

# Seconds of import time each: only inside the function that needs them, so that `keeper --help` stays instant.
HEAVY = frozenset(
    {"alembic", "arch", "numba", "pandas", "plotly", "pyarrow", "sqlalchemy", "statsmodels", "torch", "web3"}
)
STARTS_FAST = frozenset({"", "__main__", "cli", "commands", "errors", "plugins", "redaction", "resources"})

PURE = frozenset({"model", "policy"})
# Clock, chance, input and output, other threads and processes: what a pure decision cannot use and stay replayable.
EFFECTS = frozenset(
    """
    _thread asyncio atexit concurrent ctypes datetime dbm fcntl fileinput ftplib getpass glob http importlib
    inspect io linecache locale logging mmap multiprocessing os pathlib pickle pkgutil platform queue random
    runpy sched secrets select selectors shelve shutil signal smtplib socket socketserver sqlite3 ssl subprocess
    sys tempfile threading time tkinter urllib uuid xmlrpc zoneinfo
    """.split()  # noqa: SIM905 - sixty quoted lines would be no clearer
)
EFFECT_CALLS = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"})


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its full dotted name. ``lazy``: not executed when the file itself is imported."""

    module: str
    line: int
    lazy: bool


def room_of(module: str) -> str:
    """The room of ``keeper.…``: the second part of the name; empty for the package itself. A file split off another
    keeps its room: ``config_yaml`` belongs to ``config``."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    head = name.partition("_")[0]
    return head if head and head in ALLOWED and name not in ALLOWED else name


def imports_of(tree: ast.Module, package: str, modules: Collection[str]) -> Iterator[Import]:
    """Every import in ``tree``, whose relative ones start from ``package``. ``modules`` are those that exist, to tell
    a submodule from a name inside a module."""
    for node, lazy in _walk(tree, lazy=False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, package)
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                yield Import(submodule if submodule in modules else origin, node.lineno, lazy)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(package + name.value if name.value.startswith(".") else name.value, node.lineno, lazy)


def _walk(node: ast.AST, *, lazy: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, lazy
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for statement in child.body:
                yield statement, True
                yield from _walk(statement, lazy=True)
            for statement in child.orelse:
                yield statement, lazy
                yield from _walk(statement, lazy=lazy)
        else:
            yield from _walk(child, lazy=lazy or function)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    start = package.split(".")[: len(package.split(".")) - (node.level - 1)]
    return ".".join([*start, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def violations(source: str, path: str, modules: Collection[str] = ()) -> list[str]:
    """What the file ``path`` (``keeper/…/name.py``) with this text does against the table, each as one sentence."""
    parts = path.removesuffix(".py").split("/")
    package = ".".join(parts[:-1])
    module = package if parts[-1] == "__init__" else ".".join(parts)
    room = room_of(module)
    if room not in ALLOWED:
        return [f"{path}: room {room!r} is not in the table of tests/import_rules.py"]
    tree = ast.parse(source)
    found = [
        f"{path}:{item.line}: {complaint}"
        for item in imports_of(tree, package, modules)
        for complaint in _complaints(room, item)
    ]
    if room in PURE:
        found += [
            f"{path}:{node.lineno}: {room} calls {node.func.id}(), an effect"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECT_CALLS
        ]
    return found


def _complaints(room: str, item: Import) -> Iterator[str]:
    library = item.module.split(".")[0]
    if library == "keeper":
        if not _may(room, item.module):
            yield f"{room or 'keeper'} may not import {item.module}"
    elif library in sys.stdlib_module_names:
        if room in PURE and library in EFFECTS:
            yield f"{room} is pure and may not import {library}"
    elif library not in HOMES:
        yield f"{library} has no home in tests/import_rules.py"
    elif room not in HOMES[library]:
        yield f"{library} lives in {', '.join(sorted(HOMES[library]))}, not in {room or 'keeper'}"
    if library in HEAVY and room in STARTS_FAST and not item.lazy:
        yield f"{library} is heavy: import it inside the function that needs it"


def _may(room: str, module: str) -> bool:
    if room_of(module) == room:
        return True
    target = ".".join([room_of(module), *module.split(".")[2:]])
    return any(
        target == rule.removesuffix("!") or (rule != "" and target.startswith(f"{rule}.")) for rule in ALLOWED[room]
    )
