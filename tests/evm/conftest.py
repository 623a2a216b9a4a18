from __future__ import annotations

import os

import pytest

from tests.evm.harness import MathEvm


@pytest.fixture(scope="session")
def case_count() -> int:
    """How many cases each function is put through: ``KEEPER_EVM_CASES``, 2,000 unless told."""
    return int(os.environ.get("KEEPER_EVM_CASES", "2000"))


@pytest.fixture(scope="session")
def math_evm() -> MathEvm:
    return MathEvm()
