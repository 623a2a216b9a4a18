"""A folder with a small configuration that is good, and the mistakes that are told once it is not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from keeper.config import LoadedConfig, load_keeper
from keeper.config_mistakes import ConfigErrors
from keeper.config_strategies import StrategyFile, load_strategies

KEEPER = """\
journal: sqlite:///keeper.db
strategies: strategies/
chains:
  base: {chain_id: 8453, rpc: ["https://node.example/v2/key"]}
"""

WETH, USDC = "0x4200000000000000000000000000000000000006", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"

STRATEGY = f"""\
name: eth-usdc
chain: base
pool: {{token0: "{WETH}", token1: "{USDC}", fee: 500}}
quote: token1
capital: {{max_quote: 50_000}}
range:
  kind: sigma
  k: 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "keeper.yaml").write_text(KEEPER)
    (tmp_path / "strategies/a.yaml").write_text(STRATEGY)
    return tmp_path


def keeper_mistakes(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    (folder / "keeper.yaml").write_text(textwrap.dedent(text))
    with pytest.raises(ConfigErrors) as caught:
        load_keeper(folder / "keeper.yaml", environment or {})
    return [str(mistake).removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


def strategy_mistakes(folder: Path, old: str, new: str, environment: dict[str, str] | None = None) -> list[str]:
    assert old in STRATEGY
    (folder / "strategies/a.yaml").write_text(STRATEGY.replace(old, new))
    loaded = load_keeper(folder / "keeper.yaml", {})
    with pytest.raises(ConfigErrors) as caught:
        load_strategies(loaded, environment or {})
    return [str(mistake).removeprefix(f"{folder}/strategies/") for mistake in caught.value.mistakes]


def load_both(folder: Path) -> tuple[LoadedConfig, tuple[StrategyFile, ...]]:
    loaded = load_keeper(folder / "keeper.yaml", {})
    return loaded, load_strategies(loaded, {})
