"""What suits a Safe where the operator wrote nothing, and what is said of keys that a mode does not use."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.assembly_safe import safe_access, within_safe
from keeper.config import load_keeper
from keeper.config_execution import Safe
from keeper.config_strategies import examine_strategies, load_strategies, strategy_paths
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings
from tests.configured import KEEPER, STRATEGY, folder

__all__ = ["folder"]

SAFE = "0x" + "5a" * 20
OTHER = "0x" + "6b" * 20
_PLAIN = {"name": "x", "chain": "base", "pool": "0x" + "11" * 20, "quote": "token0", "capital": {"max_quote": 1}}


@pytest.mark.parametrize(
    ("limits", "lifetime_seconds", "drift_bps"),
    [
        (None, 86_400, 100),
        ({}, 86_400, 100),
        ({"max_slippage_bps": 5}, 86_400, 100),
        ({"plan_lifetime_seconds": 600}, 600, 100),
        ({"plan_lifetime_seconds": 7_200, "max_drift_bps": 10}, 7_200, 10),
    ],
)
def test_what_is_written_stays(limits: dict[str, int] | None, lifetime_seconds: int, drift_bps: int) -> None:
    given = _PLAIN if limits is None else _PLAIN | {"limits": limits}
    settings = within_safe(StrategySettings.model_validate(given))
    assert (settings.limits.plan_lifetime_seconds, settings.limits.max_drift_bps) == (lifetime_seconds, drift_bps)
    assert settings.limits.max_slippage_bps == (limits or {}).get("max_slippage_bps", 30)


def test_the_key_of_the_service_comes_from_the_environment(tmp_path: Path) -> None:
    section = Safe(address=SAFE, api_key_env="SAFE_KEY")
    access = safe_access(section, tmp_path, {"SAFE_KEY": "secret-of-the-service"})
    assert access.api_key == "secret-of-the-service" and "secret" not in repr(access)
    assert access.proposals_folder == tmp_path / "proposals"
    with pytest.raises(ConfigError, match="names SAFE_KEY, which is not set"):
        safe_access(section, tmp_path, {})


def written(folder: Path, keeper: str, *strategies: str) -> list[str]:
    """The mistakes of a configuration."""
    (folder / "keeper.yaml").write_text(KEEPER + keeper)
    for number, extra in enumerate(strategies):
        (folder / f"strategies/{'ab'[number]}.yaml").write_text(STRATEGY.replace("eth-usdc", f"s{number}") + extra)
    loaded = load_keeper(folder / "keeper.yaml", {})
    _, mistakes = examine_strategies(strategy_paths(loaded.strategies_folder), loaded, {})
    return [str(each).removeprefix(f"{folder}/strategies/") for each in mistakes]


@pytest.mark.parametrize("mode", ["safe", "proposal_file"])
def test_a_safe_mode_needs_a_safe(folder: Path, mode: str) -> None:
    (mistake,) = written(folder, f"execution: {{mode: {mode}}}\n", "")
    assert f"mode {mode} needs a Safe: write safe: {{address: …}} here or in" in mistake
    assert written(folder, f"execution: {{mode: {mode}}}\n", f'safe: {{address: "{SAFE}"}}\n') == []
    assert written(folder, f'execution: {{mode: {mode}}}\nsafe: {{address: "{SAFE}"}}\n', "") == []


def test_one_safe_two_strategies(folder: Path) -> None:
    shared = f'execution: {{mode: safe}}\nsafe: {{address: "{SAFE}"}}\n'
    (mistake,) = written(folder, shared, "", "")
    assert "would use token" in mistake and "give each a wallet (or Safe) of its own" in mistake
    assert written(folder, shared, "", f'safe: {{address: "{OTHER}"}}\n') == []
    (mistake,) = written(folder, shared, "", f'safe: {{address: "{SAFE.upper().replace("X", "x")}"}}\n')
    assert "would use token" in mistake


def test_in_mode_wallet_two_safes_are_one_wallet(folder: Path) -> None:
    own = [f'safe: {{address: "{each}"}}\n' for each in (SAFE, OTHER)]
    (mistake,) = written(folder, "execution: {mode: wallet}\n", *own)
    assert "would use token" in mistake


@pytest.mark.parametrize(
    ("keeper", "strategy", "said"),
    [
        ("execution: {mode: wallet}\n", f'safe: {{address: "{SAFE}"}}\n', "safe is not used with mode wallet"),
        (
            "execution: {mode: proposal_file}\n",
            f'safe: {{address: "{SAFE}", service_url: "https://x.example"}}\n',
            "safe.service_url is not used with mode proposal_file",
        ),
        ("execution: {mode: safe}\n", f'safe: {{address: "{SAFE}"}}\n', None),
        ("execution: {mode: dry}\n", f'safe: {{address: "{SAFE}"}}\n', None),
    ],
)
def test_what_the_mode_does_not_use_is_said(folder: Path, keeper: str, strategy: str, said: str | None) -> None:
    assert written(folder, keeper, strategy) == []
    (file,) = load_strategies(load_keeper(folder / "keeper.yaml", {}), {})
    assert [each.sentence for each in file.warnings] == ([] if said is None else [said])
