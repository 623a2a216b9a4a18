"""Configuration: every kind of mistake is found at its file and line, in one clear sentence, and all at once."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from keeper.config import LoadedConfig, journal_place, journal_url, load_keeper
from keeper.config_mistakes import ConfigErrors
from keeper.config_reload import StrategyFiles
from keeper.config_strategies import (
    StrategyFile,
    load_strategies,
    load_strategy,
    settings_body,
    settings_digest,
    settings_from_body,
)
from keeper.errors import ConfigError
from keeper.known_chains import CHAIN_IDS, CONTRACTS
from keeper.policy.settings import Compound, Limits, Profit, Schedule

ROOT = Path(__file__).resolve().parent.parent
# The chains of the templates. BNB is the one known chain without.
SHIPPED_ON = ("arbitrum", "base", "ethereum", "optimism", "polygon")
CANARY = "canary0123456789canary"

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


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("quote: token1", "qoute: token1", "a.yaml:4: unknown key 'qoute'; did you mean 'quote'?"),
        ("  k: 2", "  kk: 2", "a.yaml:8: unknown key 'kk'; did you mean 'k'?"),
        ("quote: token1", "quote: weth", "a.yaml:4: quote: expected 'token0' or 'token1', found \"weth\""),
        ("max_quote: 50_000", "max_quote: lots", 'a.yaml:5: max_quote: expected a number, found "lots"'),
        ("max_quote: 50_000", "max_quote: -5", "a.yaml:5: max_quote must be above 0, found -5"),
        ("max_quote: 50_000", "max_quote: .nan", "a.yaml:5: expected a finite number, found .nan"),
        ("max_quote: 50_000", "max_quote: '.inf'", 'a.yaml:5: max_quote: expected a number, found ".inf"'),
        ("max_quote: 50_000", "max_quote: 1e999", "a.yaml:5: expected a finite number, found 1e999"),
        ("max_quote: 50_000", "max_quote: 'NaN'", 'a.yaml:5: max_quote: expected a finite number, found "NaN"'),
        ("max_quote: 50_000", "max_quote: true", "a.yaml:5: max_quote: expected a number, found true"),
        ("  k: 2", "  k: true", "a.yaml:8: k: expected a number, not true or false"),
        ("  k: 2", "  k: 2\n  k: 3", "a.yaml:9: key 'k' stands twice, first on line 8; keep one"),
        ("  k: 2", "  min_width_pct: 90", "a.yaml:6: min_width_pct 90 is above max_width_pct 80"),
        ("kind: sigma", "kind: sigmo", "a.yaml:7: there is no range 'sigmo'; did you mean 'sigma'?"),
        ("chain: base", "chain: basis", "a.yaml:2: chain 'basis' is not in {folder}/keeper.yaml; did you mean 'base'?"),
        ("chain: base", "chain: base\nvenue: uniswap", "3: there is no venue 'uniswap'; did you mean 'uniswap_v3'?"),
        ("fee: 500", "fee: 5", "a.yaml:3: fee 5 would be 0.0005 %; fee is in Uniswap units; 500 means 0.05 %"),
        (
            "fee: 500",
            "fee: 0.05",
            "a.yaml:3: fee: expected a whole number, found 0.05; fee is in Uniswap units; 500 means 0.05 %",
        ),
        (
            "fee: 500",
            "fees: 500",
            "a.yaml:3: key 'fee' is missing: fee in Uniswap units, hundredths of a bip: 500 = 0.05 %",
        ),
        ("quote: token1", "quote: token1\nlimits: {max_slippage_bps: .5}", "max_slippage_bps: expected a whole number"),
        ("quote: token1", "limits: [1]\nquote: token1", "a.yaml:4: limits: expected keys and values (key: value)"),
        ("quote: token1", "execution: {mode: wet}\nquote: token1", "a.yaml:4: mode: expected 'dry', 'wallet'"),
        ("name: eth-usdc", "name: ETH", "a.yaml:1: name: expected lower-case letters, digits, - and _ (at most 63)"),
        ("quote: token1", "", "a.yaml: key 'quote' is missing"),
        ("quote: token1", "quote: [", "this is not YAML"),
        ("quote: token1", "\tquote: token1", "this is not YAML"),
        ("quote: token1", "quote: ${QUOTE}", "a.yaml:4: environment variable QUOTE is not set"),
    ],
)
def test_a_mistake_in_a_strategy_has_its_line_and_what_was_expected(
    folder: Path, old: str, new: str, expected: str
) -> None:
    mistakes = strategy_mistakes(folder, old, new)
    assert any(expected.format(folder=folder) in mistake for mistake in mistakes), mistakes


def test_token_order_is_explained(folder: Path) -> None:
    (mistake,) = strategy_mistakes(folder, '"0x4200000000000000000000000000000000000006"', '"0x' + "f" * 40 + '"')
    assert mistake.startswith("a.yaml:3: token0 must be the lower of the two addresses; exchange token0 and token1")


def test_a_pool_may_be_an_address_with_or_without_quotes(folder: Path) -> None:
    for text in ('"0x' + "ab" * 20 + '"', "0x" + "12" * 20):
        lines = STRATEGY.splitlines()
        lines[2] = f"pool: {text}"
        (folder / "strategies/a.yaml").write_text("\n".join(lines))
        _, (strategy,) = load_both(folder)
        assert strategy.settings.pool == text.strip('"')


@pytest.mark.parametrize("value", ['"0x1234"', "7", "[1]"])
def test_a_pool_of_another_shape_gets_one_sentence(folder: Path, value: str) -> None:
    line = STRATEGY.splitlines()[2]
    (mistake,) = strategy_mistakes(folder, line, f"pool: {value}")
    assert mistake.startswith("a.yaml:3: pool: expected ")


@pytest.mark.parametrize(("old", "new"), [("fee: 500", "fee: 0.05"), (f'token1: "{USDC}"', 'token1: "0x12"')])
def test_a_mistake_inside_the_pool_is_said_once_and_not_as_a_wrong_address(folder: Path, old: str, new: str) -> None:
    (mistake,) = strategy_mistakes(folder, old, new)
    assert not mistake.startswith("a.yaml:3: pool")


def test_all_mistakes_come_at_once(folder: Path) -> None:
    (folder / "strategies/b.yaml").write_text(STRATEGY.replace("quote: token1", "quote: x").replace("k: 2", "k: -1"))
    mistakes = strategy_mistakes(folder, "chain: base", "chian: base")
    assert [mistake.split(":")[0] for mistake in mistakes] == ["a.yaml", "a.yaml", "b.yaml", "b.yaml"]


def test_names_are_unique_and_tokens_are_not_shared(folder: Path) -> None:
    (folder / "strategies/b.yaml").write_text(STRATEGY)
    (same_name,) = strategy_mistakes(folder, "eth-usdc", "eth-usdc")
    assert same_name.startswith("b.yaml:1: name 'eth-usdc' is already used by")
    (folder / "strategies/b.yaml").write_text(STRATEGY.replace("eth-usdc", "second").replace("500", "3000"))
    (shared,) = strategy_mistakes(folder, "eth-usdc", "eth-usdc")
    assert "would use token 0x4200000000000000000000000000000000000006 of one wallet" in shared


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
        (KEEPER + "execution: {mode: safe}", "keeper.yaml:5: mode safe needs a section safe"),
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


FEED = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("forecaster: {kind: implied}", "forecaster implied gets its figures from the section `implied:`"),
        ("implied: {currency: ETH, url: 'https://[bad'}", "url: expected the address of a server"),
        (f"oracle: {{feed: '{FEED}', quote_feed: '{FEED}'}}", "quote_feed is the same as feed"),
        (f"oracle: {{feed: '{FEED}', quote_max_age_seconds: 60}}", "the age of `quote_feed`, which is missing"),
    ],
)
def test_feeds_that_cannot_work_together(folder: Path, text: str, expected: str) -> None:
    (folder / "strategies/a.yaml").write_text(STRATEGY + text)
    with pytest.raises(ConfigErrors) as raised:
        load_strategy(folder / "strategies/a.yaml", {})
    (mistake,) = raised.value.mistakes
    assert str(mistake).startswith(f"{folder}/strategies/a.yaml:9: ") and expected in str(mistake)


def test_a_blend_that_will_go_without_implied_is_told_so(folder: Path) -> None:
    blend = STRATEGY + "forecaster: {kind: blend, members: [har, implied]}\n"
    for text, count in ((blend, 1), (blend + "implied: {currency: ETH}\n", 0)):
        (folder / "strategies/a.yaml").write_text(text)
        assert len(load_strategy(folder / "strategies/a.yaml", {}).warnings) == count


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


def test_the_canonical_body_gives_the_same_settings_and_digest_back(folder: Path) -> None:
    _, (strategy,) = load_both(folder)
    again = settings_from_body(strategy.body)
    assert again == strategy.settings
    assert settings_body(again) == strategy.body and settings_digest(again) == strategy.digest
    (folder / "strategies/a.yaml").write_text("# a comment\n" + STRATEGY)
    assert load_strategy(folder / "strategies/a.yaml", {}).digest == strategy.digest
    (folder / "strategies/a.yaml").write_text(STRATEGY.replace("k: 2", "k: 3"))
    assert load_strategy(folder / "strategies/a.yaml", {}).digest != strategy.digest


def touch(path: Path, text: str) -> None:
    """Write, with a time stamp that no file system rounds to the one before."""
    later = path.stat().st_mtime_ns + 5_000_000 if path.exists() else None
    path.write_text(text)
    if later is not None:
        os.utime(path, ns=(later, later))


def test_an_edit_is_taken_and_a_bad_one_keeps_the_last_good(folder: Path) -> None:
    file = folder / "strategies/a.yaml"
    files = StrategyFiles(load_keeper(folder / "keeper.yaml", {}), {})
    assert files.changed() is None
    touch(file, STRATEGY.replace("k: 2", "k: 3"))
    reload = files.changed()
    assert reload is not None and reload.changed == ("eth-usdc",) and files.strategies[0].settings.range["k"] == 3
    touch(file, STRATEGY.replace("k: 2", "k: three"))
    reload = files.changed()
    assert reload is not None and str(reload.mistakes[0]).endswith('a.yaml:8: k: expected a number, found "three"')
    assert files.strategies[0].settings.range["k"] == 3
    assert files.changed() is None, "a mistake is reported once"
    touch(file, "\xff: [")
    assert files.changed() is not None
    assert files.strategies[0].settings.range["k"] == 3


def test_files_come_and_go(folder: Path) -> None:
    file = folder / "strategies/a.yaml"
    files = StrategyFiles(load_keeper(folder / "keeper.yaml", {}), {})
    second = folder / "strategies/b.yaml"
    second.write_text(STRATEGY)
    reload = files.changed()
    assert reload is not None and "already used" in str(reload.mistakes[0]) and len(files.strategies) == 1
    touch(second, STRATEGY.replace("eth-usdc", "two").replace("chain: base", "chain: base\nexecution: {mode: dry}"))
    assert (reload := files.changed()) is not None and "of one wallet" in str(reload.mistakes[0])
    second.unlink()
    file.unlink()
    assert files.changed() is None, "an editor may be replacing it"
    assert (reload := files.changed()) is not None and reload.removed == ("eth-usdc",)
    assert not files.strategies
