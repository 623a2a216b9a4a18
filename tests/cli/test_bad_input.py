"""What an operator can get wrong, on a real chain: one sentence with the remedy, the exit code, nothing half-done."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.paths import generate
from keeper.errors import ConfigError
from tests.cli.operator import PASSWORD, PRIVATE_KEY, Operator
from tests.cli.shell import Answer, Keeper
from tests.world.chain import hostile
from tests.world.chain.hostile import Exchange, HostileServer

ADDRESS = "0x" + "12" * 20
CANARY = "canary0123456789canary"


def refused(answer: Answer, code: int, *parts: str) -> None:
    """One sentence on stderr, the right exit code, no secret."""
    assert answer.code == code and answer.out == "", answer.out + answer.err
    assert answer.err.startswith("Error: ") and answer.err.count("\n") == 1, answer.err
    for part in parts:
        assert part in answer.err, answer.err
    for secret in (PASSWORD, PRIVATE_KEY[2:], CANARY):
        assert secret not in answer.err


def without_journals(operator: Operator) -> None:
    for file in operator.folder.glob("keeper*.db*"):
        file.unlink()


def nothing_was_made(operator: Operator) -> None:
    assert sorted(path.name for path in operator.folder.iterdir()) == ["keeper.yaml", "key.json", "strategies"]


@pytest.mark.parametrize("command", [("once",), ("once", "--dry-run")])
@pytest.mark.parametrize(
    ("file", "old", "new", "code", "expected"),
    [
        ("keeper.yaml", "chain_id: 31337", "chain_id: 5", 2, "keeper.yaml:2: {url} serves chain id 31337, the config"),
        ("keeper.yaml", "{url}", f"http://127.0.0.1:1/{CANARY}", 3, "start the node, or correct chains.local.rpc in k"),
        ("keeper.yaml", "{router}", ADDRESS, 2, "keeper.yaml:2: there is no contract at `contracts.router`"),
        ("strategies/eth.yaml", "{key}", f'"{ADDRESS}"', 2, "strategies/eth.yaml:3: there is no contract at the pool"),
        ("strategies/eth.yaml", "{key}", '"{router}"', 2, "eth.yaml:3: {router} is not a Uniswap v3 pool: correct `p"),
        (
            "strategies/eth.yaml",
            "{order}",
            "{disorder}",
            2,
            "eth.yaml:3: token0 must be the lower of the two",
        ),
        ("strategies/eth.yaml", "fee: 500", "fee: 0.05", 2, "eth.yaml:3: fee: expected a whole number, found 0.05"),
        ("strategies/eth.yaml", "fee: 500", "fee: 5", 2, "fee is in Uniswap units; 500 means 0.05 %"),
        ("strategies/eth.yaml", "fee: 500", "fee: 3000", 2, "with fee 3000; of these tokens it has: 500 (0.05 %)"),
        ("strategies/eth.yaml", "forecaster:", "forcaster:", 2, "eth.yaml:6: unknown key 'forcaster'; did you mean"),
        ("strategies/eth.yaml", "hurdle: 0", "hurdle: -1", 2, "eth.yaml:8: hurdle must be at least 0"),
        ("keeper.yaml", "mode: wallet", "mode: safe", 2, "mode safe needs a Safe: write safe: {{address"),
        ("keeper.yaml", "mode: wallet", "mode: wallte", 2, "keeper.yaml:13: mode: expected 'dry', 'wallet'"),
    ],
)
def test_a_wrong_configuration(
    operator: Operator, lab: Lab, command: tuple[str, ...], file: str, old: str, new: str, code: int, expected: str
) -> None:
    deployment = lab.deployment
    key = f'{{token0: "{deployment.token0}", token1: "{deployment.token1}", fee: 500}}'
    facts = {
        "url": lab.anvil.url,
        "router": deployment.swap_router,
        "key": key,
        "order": f'token0: "{deployment.token0}", token1: "{deployment.token1}"',
        "disorder": f'token0: "{deployment.token1}", token1: "{deployment.token0}"',
    }
    without_journals(operator)
    operator.rewrite(file, old.format(**facts), new.format(**facts))
    refused(operator.keeper(*command), code, expected.format(**facts))
    nothing_was_made(operator)


def nonsense(result: object) -> hostile.Answer:
    def answer(exchange: Exchange) -> None:
        if isinstance(exchange.call, list):
            import json

            replies = [{"jsonrpc": "2.0", "id": call["id"], "result": result} for call in exchange.call]
            exchange.send(json.dumps(replies).encode())
        else:
            exchange.reply({"result": result})

    return answer


@pytest.mark.parametrize("chain_id", [None, 31337])
@pytest.mark.parametrize("answer", [nonsense(None), nonsense("0xzz"), nonsense({}), hostile.body(b"<html>hi</html>")])
def test_a_node_that_answers_nonsense(
    operator: Operator, lab: Lab, answer: hostile.Answer, chain_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.world.chain.node.HttpNode._pause_seconds", lambda *_: 0.0)
    without_journals(operator)
    with HostileServer(answer, chain_id=chain_id) as server:
        operator.rewrite("keeper.yaml", lab.anvil.url, server.url)
        refused(operator.keeper("once"), 3, "no answer after", "chains.local.rpc in keeper.yaml")
    nothing_was_made(operator)


@pytest.mark.parametrize("command", ["once", "run"])
def test_a_key_file_that_cannot_be_used(operator: Operator, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_journals(operator)
    key, keeper = operator.folder / "key.json", operator.keeper
    key.chmod(0o644)
    refused(keeper(command), 2, "key file key.json is readable by others (mode 0644); run: chmod 600 key.json")
    key.chmod(0o600)
    monkeypatch.setenv("KEEPER_PASSWORD", "wrong")
    refused(keeper(command), 2, "wrong password for the key file key.json")
    monkeypatch.delenv("KEEPER_PASSWORD")
    refused(keeper(command), 2, "environment variable KEEPER_PASSWORD is not set")
    monkeypatch.setenv("KEEPER_PASSWORD", PASSWORD)
    key.rename(operator.folder / "strategies/real.json")
    refused(keeper(command), 2, "there is no key file key.json; make one with `keeper wallet new`")
    key.symlink_to("strategies/real.json")
    refused(keeper(command), 2, "key.json is a symbolic link; name the file itself")
    key.unlink()
    key.write_text("{}")
    key.chmod(0o600)
    refused(keeper(command), 2, "key.json is not an encrypted key file; make one with `keeper wallet new`")
    nothing_was_made(operator)


def test_a_journal_that_cannot_be_used(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, journal, dry = operator.keeper, operator.folder / "keeper.db", operator.folder / "keeper.dry.db"
    before = dry.read_bytes()
    without_journals(operator)
    journal.write_bytes(before)
    refused(keeper("once"), 2, "keeper.db belongs to mode 'dry', not 'wallet'; each mode needs a journal of its own")
    journal.write_text("hello")
    refused(keeper("once"), 2, "keeper.db is not a journal (not an SQLite file); choose another place with `journal:`")
    refused(keeper("status"), 2, "keeper.db cannot be read", "is it a journal?")
    assert journal.read_text() == "hello"
    journal.unlink()
    with sqlite3.connect(journal) as other:
        other.execute("CREATE TABLE songs (title)")
    refused(keeper("once"), 2, "keeper.db is a database of something else; give the journal one of its own")
    refused(keeper("history"), 2, "keeper.db cannot be read", "is it a journal?")
    for place, words in (
        ("/proc/keeper.db", "cannot be locked"),
        (f"{operator.folder}/no/keeper.db", "cannot be lock"),
    ):
        monkeypatch.setenv("KEEPER__JOURNAL", f"sqlite:///{place}")
        refused(keeper("once"), 2, words, "choose another place with `journal:` in keeper.yaml")
    monkeypatch.setenv("KEEPER__JOURNAL", f"mysql://me:{CANARY}@host/db")
    refused(keeper("once"), 2, "the journal URL (scheme 'mysql') is not one of")


def test_a_database_that_is_away(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER__JOURNAL", f"postgresql://me:{CANARY}@127.0.0.1:1/db")
    for command in ("once", "status", "run"):
        refused(operator.keeper(command), 3, "cannot be reached", "start the database, or correct `journal:`")


def test_names_that_are_not_there(operator: Operator) -> None:
    keeper = operator.keeper
    refused(keeper("once", "ehth"), 2, "there is no strategy 'ehth'; did you mean 'eth'?")
    refused(keeper("history", "eth"), 2, "the journal knows no strategy 'eth'; it is in there from its first turn on")
    assert keeper("once", "--dry-run").code == 0
    for command in (("pause", "ehth"), ("history", "ehth"), ("explain", "--strategy", "ehth")):
        refused(keeper(*command, "--journal", "keeper.dry.db"), 2, "knows no strategy 'ehth'; did you mean 'eth'?")
    refused(keeper("onec"), 2, "there is no command 'onec'; did you mean `once`?")
    refused(keeper("once", "--dryrun"), 2, "No such option '--dryrun'")
    refused(keeper("-c", "keeper.yaml", "once"), 2, "No such option '-c'")


def test_no_strategy_at_all(operator: Operator) -> None:
    (operator.folder / "strategies/eth.yaml").unlink()
    for command in ("once", "run"):
        refused(
            operator.keeper(command), 2, "strategies: no strategy in this folder; `keeper new-strategy NAME` writes"
        )
    checked = operator.keeper("check")
    assert checked.code == 0 and "warning: strategies: no strategy in this folder" in checked.out
    (operator.folder / "strategies").rmdir()
    refused(operator.keeper("once"), 2, "strategies: there is no such folder; `strategies:` in keeper.yaml names it")


def test_two_pools_by_address_must_not_share_a_token(operator: Operator, lab: Lab) -> None:
    text = (operator.folder / "strategies/eth.yaml").read_text().replace("name: eth", "name: second")
    lines = text.splitlines()
    lines[2] = f'pool: "{lab.deployment.pool}"'
    (operator.folder / "strategies/second.yaml").write_text("\n".join(lines))
    assert operator.keeper("check").code == 0, "the files alone do not show it"
    without_journals(operator)
    for command in ("once", "run"):
        answer = operator.keeper(command)
        refused(answer, 2, "strategies/second.yaml:3: strategies 'eth' and 'second' would both use ", "of one wallet")
    nothing_was_made(operator)


def test_one_process_has_one_mode(operator: Operator) -> None:
    operator.rewrite("strategies/eth.yaml", "profit:", "execution: {mode: dry}\nprofit:")
    sentence = "strategies/eth.yaml:8: mode dry differs from that of keeper.yaml (wallet)"
    assert sentence in operator.keeper("check").out
    refused(operator.keeper("once"), 2, sentence, "run this strategy from a keeper.yaml of its own")
    assert operator.keeper("once", "--dry-run").code == 0, "--dry-run overrules every mode"


def test_anvil_missing_and_a_port_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = generate(7, 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used .* choose another port"):
            open_lab(path, LabSettings(warmup_days=0.1, port=port)).__enter__()
    monkeypatch.setenv("KEEPER_CHAINLAB", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"anvil is not installed here.*(make setup|getfoundry)"):
        open_lab(path, LabSettings(warmup_days=0.1)).__enter__()


def test_keeper_alone_shows_what_there_is(keeper: Keeper) -> None:
    answer = keeper()
    assert answer.code == 2 and answer.err.startswith("Usage: keeper ") and "demo" in answer.err


def test_a_name_from_a_contract_cannot_steer_the_terminal(operator: Operator, lab: Lab) -> None:
    """An error's text may hold a node's words; escape sequences in it must not reach the terminal."""
    del lab
    with HostileServer(hostile.error(-32000, "\x1b]0;owned\x07 no"), chain_id=31337) as server:
        operator.rewrite("keeper.yaml", "rpc: [", f'rpc: ["{server.url}", ')
        answer = operator.keeper("once")
    assert answer.code == 3 and "\x1b" not in answer.err and "owned" in answer.err
