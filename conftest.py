"""Says aloud which tests this Python cannot run at all; nothing is left out in silence."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_NEEDS_PYREVM = Path(__file__).parent / "tests" / "evm"
_HAS_PYREVM = importlib.util.find_spec("pyrevm") is not None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if not _HAS_PYREVM and collection_path == _NEEDS_PYREVM else None


def pytest_report_header(config: pytest.Config) -> str | None:
    return "not in this run: soak tests (make soak)" if config.option.markexpr == "not soak" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _HAS_PYREVM:
        terminalreporter.section("not run on this Python")
        terminalreporter.line(
            "tests/evm: pyrevm has no wheel here; on x86-64 `make clean test PYTHON=python3.12` runs it"
        )
