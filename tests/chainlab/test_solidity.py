"""Compiling: imports found, outputs kept, and every mistake told in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keeper.chainlab import solidity
from keeper.chainlab.artifacts import node_modules
from keeper.errors import ConfigError

SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity =0.7.6;
import './lib/Half.sol';
import {TickMath} from '@uniswap/v3-core/contracts/libraries/TickMath.sol';
contract Answer {
    function price() external pure returns (uint160) { return TickMath.getSqrtRatioAtTick(0); }
    function half(uint256 x) external pure returns (uint256) { return Half.halve(x); }
}
"""
LIBRARY = """// SPDX-License-Identifier: MIT
pragma solidity =0.7.6;
library Half { function halve(uint256 x) internal pure returns (uint256) { return x / 2; } }
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "Answer.sol").write_text(SOURCE)
    (tmp_path / "Half.sol").write_text(LIBRARY)
    return {"src/Answer.sol": tmp_path / "Answer.sol", "src/lib/Half.sol": tmp_path / "Half.sol"}


def test_imports_are_found_and_the_second_time_no_compiler_runs(sources: dict[str, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = solidity.compile_contract(sources, node_modules(), cache)
    assert set(first) == {"Answer", "Half"}
    assert {entry["name"] for entry in first["Answer"].abi} == {"price", "half"}
    assert first["Answer"].runtime_code in first["Answer"].creation_code
    again = solidity.compile_contract(sources, node_modules(), cache, node="/nonexistent/node")
    assert again == first


def test_a_changed_import_is_compiled_anew(sources: dict[str, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = solidity.compile_contract(sources, node_modules(), cache)
    sources["src/lib/Half.sol"].write_text(LIBRARY.replace("x / 2", "x / 3"))
    second = solidity.compile_contract(sources, node_modules(), cache)
    assert first["Answer"].runtime_code != second["Answer"].runtime_code
    assert [path.suffix for path in cache.iterdir()] == [".json", ".json"]


def test_mistakes_are_told(sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(ConfigError, match="the Solidity compiler did not run"):
        solidity.compile_contract(sources, node_modules(), cache, node="/nonexistent/node")
    with pytest.raises(ConfigError, match="the Solidity compiler is not installed"):
        solidity.compile_contract(sources, tmp_path, cache)
    sources["src/Answer.sol"].write_text(SOURCE.replace("return Half", "retrun Half"))
    with pytest.raises(ConfigError, match=r"Solidity does not compile: src/Answer\.sol:7"):
        solidity.compile_contract(sources, node_modules(), cache)
    sources["src/Answer.sol"].write_text(SOURCE.replace("TickMath.sol", "NoSuch.sol"))
    with pytest.raises(ConfigError, match=r"cannot read the Solidity source @uniswap.*NoSuch\.sol"):
        solidity.compile_contract(sources, node_modules(), cache)
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr("sysconfig.get_path", lambda _: os.devnull)
    with pytest.raises(ConfigError, match=r"Node\.js is needed"):
        solidity.find_node()
    assert not cache.exists()
