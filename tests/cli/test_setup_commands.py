"""What an operator does before the first run: wallet, new-strategy, schema, check."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from keeper.config_schema import SCHEMAS, schema_text
from keeper.world.signers import keystore
from tests.cli.shell import Keeper
from tests.test_config import KEEPER, STRATEGY

ROOT = Path(__file__).resolve().parent.parent.parent
PRIVATE_KEY = "0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.fixture
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real key file with less work in it."""
    write = keystore._write
    monkeypatch.setattr(keystore, "_write", lambda path, account, password, _work: write(path, account, password, 2))


@pytest.mark.usefixtures("quick_scrypt")
def test_a_new_wallet_is_encrypted_and_private(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER_PASSWORD", "correct horse")
    made = keeper("wallet", "new", "--json").json
    assert stat.S_IMODE(Path("key.json").stat().st_mode) == 0o600
    assert keystore.load(Path("key.json"), "correct horse").address == made["address"]
    assert keeper("wallet", "show", "--json").json["address"] == made["address"]
    again = keeper("wallet", "new")
    assert again.code == 2 and "never overwritten" in again.err


@pytest.mark.usefixtures("quick_scrypt")
def test_import_reads_the_key_from_stdin_and_never_shows_it(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER_PASSWORD", "correct horse")
    monkeypatch.setattr(sys, "stdin", io.StringIO(PRIVATE_KEY + "\n"))
    answer = keeper("wallet", "import", "other.json")
    assert answer.code == 0 and ADDRESS in answer.out
    assert PRIVATE_KEY[2:] not in answer.out + answer.err + Path("other.json").read_text()
    monkeypatch.setattr(sys, "stdin", io.StringIO(PRIVATE_KEY[:-2] + "zz\n"))
    bad = keeper("wallet", "import", "bad.json")
    assert bad.code == 2 and "not a private key" in bad.err and PRIVATE_KEY[2:-2] not in bad.err


def test_a_wallet_without_a_password_or_open_to_others(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    answer = keeper("wallet", "new")
    assert answer.code == 2 and "KEEPER_PASSWORD is not set" in answer.err and not Path("key.json").exists()
    Path("key.json").write_text("{}")
    Path("key.json").chmod(0o644)
    answer = keeper("wallet", "show")
    assert answer.code == 2 and "chmod 600" in answer.err
    assert keeper("wallet", "show", "missing.json").code == 2


def test_a_new_strategy_is_valid_and_never_overwrites(keeper: Keeper) -> None:
    Path("keeper.yaml").write_text(KEEPER.replace("strategies/", "mine"))
    answer = keeper("new-strategy", "my-first")
    assert answer.code == 0 and "mine/my-first.yaml" in answer.out
    text = Path("mine/my-first.yaml").read_text()
    assert "name: my-first " in text and text.startswith("# A strategy")
    assert keeper("check").code == 0
    again = keeper("new-strategy", "my-first")
    assert again.code == 2 and "never overwritten" in again.err and Path("mine/my-first.yaml").read_text() == text
    assert keeper("new-strategy", "other", "--stdout").out == text.replace("my-first ", "other ", 1)
    assert keeper("new-strategy", "third", "--json").json == {"path": "mine/third.yaml"}
    for name in ("../evil", "A", ""):
        assert keeper("new-strategy", name).code == 2


def test_the_schemas_in_docs_are_current() -> None:
    for name in SCHEMAS:
        current = (ROOT / "docs/schema" / f"{name}.json").read_text()
        assert current == schema_text(name), "run: keeper schema --out docs/schema"


def test_a_schema_offers_every_kind(keeper: Keeper) -> None:
    schema = keeper("schema").json
    kinds = [each["properties"]["kind"]["const"] for each in schema["properties"]["range"]["oneOf"]]
    assert {"fixed", "sigma"} <= set(kinds)
    for reference in set(_references(schema)):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    assert "chains" in keeper("schema", "keeper").json["properties"]
    assert keeper("schema", "--out", "here").out.split() == ["here/strategy.json", "here/keeper.json"]
    assert json.loads(Path("here/strategy.json").read_text()) == schema


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_check_lists_every_mistake_on_stdout(keeper: Keeper) -> None:
    Path("keeper.yaml").write_text(KEEPER + "signr: {}\n")
    Path("strategies").mkdir()
    Path("strategies/a.yaml").write_text(STRATEGY.replace("k: 2", "k: two"))
    answer = keeper("check")
    assert answer.code == 2
    assert answer.out.splitlines() == ["keeper.yaml:5: unknown key 'signr'; did you mean 'signer'?"]
    Path("keeper.yaml").write_text(KEEPER)
    shown = keeper("check", "--json")
    assert shown.code == 2 and shown.err == ""
    assert shown.json["mistakes"] == [
        {"file": "strategies/a.yaml", "line": 8, "sentence": 'k: expected a number, found "two"'}
    ]
    Path("strategies/a.yaml").write_text(STRATEGY)
    assert keeper("check").out == "configuration ok; strategies: eth-usdc\n"
    assert keeper("check", "strategies/a.yaml").code == 0
    assert "there is no such file" in keeper("check", "strategies/b.yaml").out


def test_check_without_a_configuration(keeper: Keeper) -> None:
    answer = keeper("check")
    assert answer.code == 2 and answer.out.startswith("keeper.yaml: there is no such file; copy keeper.example.yaml")
    Path("a.yaml").write_text(STRATEGY)
    assert keeper("check", "a.yaml").code == 0, "a strategy can be checked by itself"


SAMPLE = """\
journal: sqlite:///keeper.db
strategies: strategies/
chains:
  base: {chain_id: 8453, contracts: {}, rpc: ["${BASE_RPC}", "https://node.example"], private_rpc: null}
signer: {kind: keystore, path: key.json, password_env: KEEPER_PASSWORD}
execution: {mode: dry}
safe: {address: "0x1212121212121212121212121212121212121212", service_url: "https://safe.example"}
alerts: ["${TELEGRAM_URL}"]
dashboard: {host: 127.0.0.1, port: 8080, token_env: KEEPER_TOKEN}
metrics: {port: 9464}
limits: {max_gas_gwei: 80, max_cost_quote_per_day: 100, gas_reserve_native: 0.05}
"""


def test_a_limit_that_leaves_owners_no_time_is_warned_of(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_RPC", "https://node.example/v2/key")
    monkeypatch.setenv("TELEGRAM_URL", "tgram://canary/1")
    Path("strategies").mkdir()
    Path("strategies/a.yaml").write_text(STRATEGY + "limits: {plan_lifetime_seconds: 600}\n")
    found = {}
    for mode in ("safe", "proposal_file", "dry", "wallet"):
        Path("keeper.yaml").write_text(SAMPLE.replace("mode: dry", f"mode: {mode}"))
        found[mode] = [
            each["sentence"] for each in keeper("check", "--json").json["warnings"] if each["file"] != "keeper.yaml"
        ]
    assert found["dry"] == found["wallet"] == [] and found["safe"] == found["proposal_file"] != []
    assert found["safe"][0].startswith("a proposal is void after 600 s, which is little for owners")


def test_keys_that_this_version_does_not_use_are_named(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_RPC", "https://node.example/v2/key")
    monkeypatch.setenv("TELEGRAM_URL", "tgram://canary/1")
    Path("keeper.yaml").write_text(SAMPLE)
    Path("strategies").mkdir()
    strategy = Path("strategies/a.yaml")
    strategy.write_text(
        STRATEGY + "view: bullish\nrewards: [{apr_pct_full_range: 4, until: 2027-01-31}]\n"
        "regime:\n  kind: neutral\n  act: true\n"
        'safe: {address: "0x5555555555555555555555555555555555555555", service_url: "https://x.example"}\n'
    )
    shown = keeper("check", "--json")
    assert shown.code == 0 and shown.json["ok"] is True and "canary" not in shown.out
    assert [(each["file"], each["line"], each["sentence"]) for each in shown.json["warnings"]] == [
        ("keeper.yaml", 8, "alerts is not used by this version"),
        ("keeper.yaml", 9, "dashboard is not used by this version"),
        ("keeper.yaml", 10, "metrics is not used by this version"),
    ]
    text = keeper("check")
    assert text.code == 0 and "warning: keeper.yaml:8: alerts is not used by this version" in text.out
    Path("keeper.yaml").write_text(SAMPLE.replace("mode: dry", "mode: wallet"))
    sentences = [(each["file"], each["line"], each["sentence"]) for each in keeper("check", "--json").json["warnings"]]
    assert ("keeper.yaml", 7, "safe is not used with mode wallet") in sentences
    assert ("strategies/a.yaml", 14, "safe is not used with mode wallet") in sentences
    strategy.write_text(STRATEGY + "view: neutral\nrewards: []\nregime: {kind: neutral, act: false}\nsafe: null\n")
    Path("keeper.yaml").write_text(KEEPER + "alerts: []\nmetrics: null\n")
    assert keeper("check", "--json").json["warnings"] == [], "what asks for nothing needs no warning"
