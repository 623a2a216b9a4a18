"""Configuration: every kind of mistake is found at its file and line, in one clear sentence, and all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from keeper.config import journal_place, journal_url, load_keeper
from keeper.config_mistakes import ConfigErrors
from keeper.config_strategies import load_strategies, load_strategy
from keeper.errors import ConfigError
from keeper.known_chains import CHAIN_IDS, CONTRACTS
from keeper.policy.settings import Compound, Limits, Profit, Schedule
from tests.configured import KEEPER, STRATEGY, folder, keeper_mistakes, load_both, strategy_mistakes

__all__ = ["folder"]

ROOT = Path(__file__).resolve().parent.parent
# The chains of the templates. BNB is the one known chain without.
SHIPPED_ON = ("arbitrum", "base", "ethereum", "optimism", "polygon")
CANARY = "canary0123456789canary"


def test_a_good_configuration_is_complete(folder: Path) -> None:
    loaded, (strategy,) = load_both(folder)
    base = loaded.keeper.chains["base"]
    assert base.contracts.factory == CONTRACTS[8453]["factory"]
    assert base.contracts.router is None and base.contracts.router02 is not None
    assert loaded.keeper.execution.mode == "dry"
    assert str(strategy.settings.capital.max_quote) == "50000"
    assert strategy.settings.range["k"] == 2.0
    assert strategy.settings.range["min_width_pct"] == 3.0, "defaults of the plug-in are written down"
    assert strategy.settings.forecaster["kind"] == "ewma" and "half_life_hours" in strategy.settings.forecaster


def test_what_ships_is_valid(tmp_path: Path) -> None:
    (tmp_path / "keeper.yaml").write_text((ROOT / "keeper.example.yaml").read_text())
    (tmp_path / "strategies").symlink_to(ROOT / "strategies")
    loaded = load_keeper(tmp_path / "keeper.yaml", {"BASE_RPC": "https://node.example"})
    with pytest.raises(ConfigErrors) as caught:  # the templates stand on many chains, the example names one of them
        load_strategies(loaded, {})
    elsewhere = [str(mistake) for mistake in caught.value.mistakes]
    assert all(re.search(r":\d+: chain '\w+' is not in ", each) for each in elsewhere), elsewhere


def test_the_templates_fit_together_where_their_chains_are_named(tmp_path: Path) -> None:
    chains = "".join(f"  {name}: {{chain_id: {CHAIN_IDS[name]}, rpc: [https://node.example]}}\n" for name in SHIPPED_ON)
    (tmp_path / "keeper.yaml").write_text(f"chains:\n{chains}")
    (tmp_path / "strategies").symlink_to(ROOT / "strategies")
    shipped = load_strategies(load_keeper(tmp_path / "keeper.yaml", {}), {})
    assert {each.settings.chain for each in shipped} == set(SHIPPED_ON)
    assert {each.settings.name for each in shipped} == {path.stem for path in (ROOT / "strategies").glob("*.yaml")}
    assert {"eth-usdc", "eth-usdc-optimal", "eth-usdc-das", "stable-pair", "wsteth-eth", "base-limit", "hedged"} <= {
        each.settings.name for each in shipped
    }


def test_the_template_shows_every_key_of_the_limits_and_the_profit_check() -> None:
    shown = yaml.safe_load((ROOT / "strategies/eth-usdc.yaml").read_text())
    for section, model in (("limits", Limits), ("profit", Profit), ("compound", Compound), ("schedule", Schedule)):
        assert shown[section].keys() == model.model_fields.keys()
    file = load_strategy(ROOT / "strategies/eth-usdc.yaml", {})
    defaults = Limits(gas_reserve_native=file.settings.limits.gas_reserve_native)
    assert (file.settings.limits, file.settings.profit) == (defaults, Profit()), "the values shown are the defaults"


def test_every_known_chain_has_what_is_needed() -> None:
    assert set(CHAIN_IDS.values()) == set(CONTRACTS)
    for contracts in CONTRACTS.values():
        assert {"factory", "positions", "router02", "quoter", "multicall3", "wrapped_native"} <= contracts.keys()
        assert all(len(address) == 42 for address in contracts.values())


def test_all_mistakes_come_at_once(folder: Path) -> None:
    (folder / "strategies/b.yaml").write_text(STRATEGY.replace("quote: token1", "quote: x").replace("k: 2", "k: -1"))
    mistakes = strategy_mistakes(folder, "chain: base", "chian: base")
    assert [mistake.split(":")[0] for mistake in mistakes] == ["a.yaml", "a.yaml", "b.yaml", "b.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chain: {}", "keeper.yaml:1: unknown key 'chain'; did you mean 'chains'?"),
        ("chains: {base: {chain_id: 1, rpc: ['https://a']}}", "chain base has chain_id 8453, found 1"),
        ("chains: {local: {chain_id: 31337, rpc: ['https://a']}}", "no addresses are shipped for chain_id 31337"),
        ("chains: {base: {chain_id: 8453, rpc: []}}", "keeper.yaml:1: rpc: must not be empty"),
        ("chains: {base: {chain_id: 8453, rpc: ['ws://a']}}", "rpc: expected URLs that start with http:// or https://"),
        *(
            (f"chains: {{base: {{chain_id: 8453, rpc: ['{url}']}}}}", "keeper.yaml:1: rpc: expected URLs of the form")
            for url in ("https://[bad", "https://a b/", "http://", "https://a:99999", "https://:8545/key")
        ),
        (KEEPER + "signer: {kind: keystor}", "keeper.yaml:5: there is no signer 'keystor'; did you mean 'keystore'?"),
        (KEEPER + "metrics: {port: 99999}", "keeper.yaml:5: port must be at most 65535, found 99999"),
        (KEEPER + "metrics: {host: a}", "keeper.yaml:5: unknown key 'host'; the keys here are port"),
        ("- a", "keeper.yaml:1: expected keys and values (key: value)"),
        ("a: &x [*x]\nb: 1", "an alias (*name) refers to what it stands in"),
        ("", "keeper.yaml: key 'chains' is missing"),
    ],
)
def test_a_mistake_in_keeper_yaml(folder: Path, text: str, expected: str) -> None:
    mistakes = keeper_mistakes(folder, text)
    assert any(expected in mistake for mistake in mistakes), mistakes


def test_the_environment_overrides_and_is_named_in_mistakes(folder: Path) -> None:
    environment = {"KEEPER__METRICS__PORT": "9000", "KEEPER__CHAINS__BASE__RPC": "[https://b, https://c]"}
    keeper = load_keeper(folder / "keeper.yaml", environment).keeper
    assert keeper.metrics is not None and keeper.metrics.port == 9000
    assert len(keeper.chains["base"].rpc) == 2
    (mistake,) = keeper_mistakes(folder, KEEPER, {"KEEPER__METRICS__PROT": "9000"})[:1]
    assert mistake == "environment variable KEEPER__METRICS__PROT: unknown key 'prot'; did you mean 'port'?"


@pytest.mark.parametrize(
    "text",
    [
        KEEPER + 'alerts: "${SECRET}"',
        KEEPER + "metrics: {port: '${SECRET}'}",
        KEEPER + "execution: {mode: '${SECRET}'}",
        KEEPER + "signer: {private_key: '${SECRET}'}",
        KEEPER + "signer: {password_env: '${SECRET} x'}",
        KEEPER.replace("https://node.example/v2/key", f"ftp://{CANARY}"),
        f"journal: [{CANARY}]\n" + KEEPER.split("\n", 1)[1],
        KEEPER + f"signer: {{password_env: '{CANARY} x'}}",
    ],
)
def test_a_secret_never_stands_in_a_message(folder: Path, text: str) -> None:
    assert CANARY not in "".join(keeper_mistakes(folder, text, {"SECRET": CANARY}))


def test_secrets_do_not_show_in_repr(folder: Path) -> None:
    text = KEEPER.replace("/v2/key", f"/{CANARY}") + f"alerts: ['tgram://{CANARY}']"
    (folder / "keeper.yaml").write_text(text)
    loaded = load_keeper(folder / "keeper.yaml", {"KEEPER__JOURNAL": f"postgresql://me:{CANARY}@host/db"})
    assert CANARY not in repr(loaded) and CANARY not in str(loaded.keeper.model_dump())
    assert CANARY in loaded.journal_url


def test_a_dry_run_has_a_journal_of_its_own(folder: Path) -> None:
    assert journal_url("sqlite:///keeper.db", "dry", folder) == f"sqlite:///{folder}/keeper.dry.db"
    assert journal_url("sqlite:///keeper.db", "wallet", folder) == f"sqlite:///{folder}/keeper.db"
    assert journal_url("sqlite:////abs/k.db", "dry", folder) == "sqlite:////abs/k.dry.db"
    assert journal_url("postgresql://u@h/keeper?sslmode=require", "dry", folder) == (
        "postgresql://u@h/keeper_dry?sslmode=require"
    )


def test_reading_commands_find_the_journal_beside_other_mistakes(folder: Path) -> None:
    (folder / "keeper.yaml").write_text("journal: sqlite:///x.db\nexecution: {mode: wallet}\nrubbish: ${UNSET}\n")
    assert journal_place(folder / "keeper.yaml", {}) == f"sqlite:///{folder}/x.db"
    assert journal_place(folder / "none.yaml", {}) == f"sqlite:///{folder}/keeper.dry.db"
    (folder / "keeper.yaml").write_text("journal: ${UNSET}\n")
    with pytest.raises(ConfigErrors, match="UNSET is not set"):
        journal_place(folder / "keeper.yaml", {})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_keeper(tmp_path / "keeper.yaml", {})
    (tmp_path / "keeper.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text file"):
        load_keeper(tmp_path / "keeper.yaml", {})
