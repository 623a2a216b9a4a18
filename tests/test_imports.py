"""Every file of ``keeper/`` keeps to the table of who may import whom, and the checker sees what it must."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.import_rules import ALLOWED, EFFECTS, HEAVY, HOMES, imports_of, room_of, violations

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "keeper").rglob("*.py"))


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {_module(path): path for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES)
def test_file_keeps_to_the_table(path: str) -> None:
    assert violations((REPOSITORY / path).read_text(encoding="utf-8"), path, MODULES) == []


def test_starting_reaches_no_heavy_library() -> None:
    """What ``import keeper.cli`` executes, through our own modules, however long the chain."""
    waiting: list[tuple[str, tuple[str, ...]]] = [
        (name, (name,)) for name in ("keeper.__main__", "keeper.cli", "keeper")
    ]
    seen: set[str] = set()
    while waiting:
        module, chain = waiting.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        path = MODULES[module]
        package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
        tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
        for item in imports_of(tree, package, MODULES):
            library = item.module.split(".")[0]
            assert item.lazy or library not in HEAVY, f"{' -> '.join(chain)} imports {library}"
            if not item.lazy and library == "keeper":
                parents = item.module.split(".")
                waiting += [(name, (*chain, name)) for n in range(len(parents)) if (name := ".".join(parents[: n + 1]))]
    assert "keeper" in seen


CROSSINGS = [
    ("keeper/model/ticks.py", "import numpy", "numpy lives in"),
    ("keeper/model/ticks.py", "import pydantic", "pydantic lives in"),
    ("keeper/model/ticks.py", "from keeper.errors import KeeperError", "may not import keeper.errors"),
    ("keeper/model/ticks.py", "import time", "pure"),
    ("keeper/model/ticks.py", "from ..policy import decide", "may not import keeper.policy.decide"),
    ("keeper/policy/decide.py", "from keeper.world.protocols import Observer", "may not import keeper.world.protocols"),
    ("keeper/policy/decide.py", "from ..world import protocols", "may not import keeper.world.protocols"),
    ("keeper/policy/decide.py", "def f():\n    import random", "pure"),
    ("keeper/policy/decide.py", "from datetime import datetime", "pure"),
    ("keeper/policy/decide.py", "import os.path", "pure"),
    ("keeper/policy/decide.py", "import structlog", "structlog lives in telemetry"),
    ("keeper/policy/decide.py", "from keeper import telemetry", "may not import keeper.telemetry"),
    ("keeper/policy/decide.py", "open('x')", "calls open()"),
    ("keeper/policy/decide.py", "async def f():\n    print('x')", "calls print()"),
    ("keeper/policy/ranges/fixed.py", "from ...world import venues", "may not import keeper.world.venues"),
    ("keeper/world/chain/node.py", "from keeper.policy import decide", "may not import keeper.policy.decide"),
    ("keeper/world/chain/node.py", "from ...policy.decide import decide", "may not import keeper.policy.decide"),
    ("keeper/world/chain/node.py", "import keeper.policy.decide as d", "may not import keeper.policy.decide"),
    (
        "keeper/world/chain/node.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from keeper.policy.decide import Strategy",
        "may not import keeper.policy.decide",
    ),
    ("keeper/world/a.py", "import importlib\nimportlib.import_module('keeper.policy.decide')", "keeper.policy.decide"),
    ("keeper/world/chain/node.py", "from keeper import config", "may not import keeper.config"),
    ("keeper/world/chain/node.py", "import prometheus_client", "prometheus_client lives in telemetry"),
    ("keeper/world/chain/node.py", "import left_pad", "left_pad has no home"),
    ("keeper/cycle.py", "from keeper.policy.rebalance import plan", "may not import keeper.policy.rebalance"),
    ("keeper/cycle.py", "from keeper.world.chain import node", "may not import keeper.world.chain"),
    ("keeper/backtest/run.py", "from keeper.chainlab.market import drive", "may not import keeper.chainlab.market"),
    ("keeper/chainlab/run.py", "from ..report import page", "may not import keeper.report.page"),
    ("keeper/report/page.py", "from keeper.cli import run", "may not import keeper.cli"),
    ("keeper/assembly.py", "from keeper.daemon import run", "may not import keeper.daemon"),
    ("keeper/assembly.py", "import web3", "web3 lives in"),
    ("keeper/errors.py", "from keeper.model.plan import Plan", "may not import keeper.model.plan"),
    ("keeper/commands/status.py", "import sqlalchemy", "sqlalchemy is heavy"),
    ("keeper/commands/status.py", "import eth_account", "eth_account lives in"),
    ("keeper/cli.py", "from apscheduler.schedulers.background import BackgroundScheduler", "lives in daemon"),
    ("keeper/cli.py", "try:\n    import pandas\nexcept ImportError:\n    pass", "pandas is heavy"),
    ("keeper/world/chain/node.py", "from keeper.config_yaml import read", "may not import keeper.config_yaml"),
    ("keeper/config_yaml.py", "import sqlalchemy", "sqlalchemy lives in world, not in config"),
    ("keeper/_private.py", "", "not in the table"),
    ("keeper/utils/text.py", "", "not in the table"),
    ("keeper/helpers.py", "", "not in the table"),
]
KNOWN = {"keeper.policy.decide", "keeper.world.protocols", "keeper.world.venues", "keeper.report.page",
         "keeper.telemetry", "keeper.config"}  # fmt: skip


@pytest.mark.parametrize(("path", "source", "said"), CROSSINGS)
def test_checker_reports(path: str, source: str, said: str) -> None:
    found = violations(source, path, KNOWN)
    assert found, f"{path} with {source!r} was let through"
    assert said in " ".join(found)


PERMITTED = [
    ("keeper/model/ticks.py", "from .price import Price\nimport math, json, hashlib"),
    ("keeper/policy/decide.py", "import numpy\nfrom keeper.model.plan import Plan\nfrom .settings import Limits"),
    ("keeper/world/signers/__init__.py", "from .policy import check\nimport web3\nimport time"),
    ("keeper/cycle.py", "from keeper.policy.decide import decide\nfrom keeper.world.protocols import Observer"),
    ("keeper/backtest/run.py", "from keeper.report import render\nfrom keeper import assembly"),
    ("keeper/commands/status.py", "import click\ndef f():\n    import rich\n    from keeper.assembly import build"),
    ("keeper/assembly.py", "from keeper.config_strategies import load"),
    ("keeper/config_yaml.py", "import yaml\nfrom keeper.config import Mistake"),
    ("keeper/__main__.py", "from keeper import __version__\nfrom keeper.cli import run"),
]


@pytest.mark.parametrize(("path", "source"), PERMITTED)
def test_checker_lets_through(path: str, source: str) -> None:
    assert violations(source, path, {"keeper.assembly", *KNOWN}) == []


def test_a_lazy_heavy_import_is_lazy() -> None:
    source = "def f():\n    import pandas\nclass A:\n    import torch\n"
    found = {item.module: item.lazy for item in imports_of(ast.parse(source), "keeper.commands", ())}
    assert found == {"pandas": True, "torch": False}


def test_the_table_is_whole() -> None:
    assert HOMES.keys() >= HEAVY
    assert {rule.partition(".")[0].removesuffix("!") for rules in ALLOWED.values() for rule in rules} <= ALLOWED.keys()
    assert {room for rooms in HOMES.values() for room in rooms} <= ALLOWED.keys()
    assert {"random", "time", "os", "io"} <= EFFECTS
    assert room_of("keeper") == ""
