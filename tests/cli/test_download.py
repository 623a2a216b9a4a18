"""``keeper download`` and ``keeper import`` as an operator types them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keeper.world.tape.events import EventKind
from keeper.world.tape.opening import open_tape
from tests.cli.operator import write_keeper_yaml
from tests.cli.shell import Keeper
from tests.faults.node_faults import refuse, status
from tests.faults.proxy import Asked, HostileNode
from tests.world.tape.conftest import PastPool, open_past_pool
from tests.world.tape.made import as_tick_file, columns, events_in, file_of, honest_events

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cr3t-k3y-of-an-operator"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PastPool]:
    with open_past_pool(tmp_path_factory.mktemp("solidity")) as pool:
        yield pool


@pytest.fixture
def ask(keeper: Keeper, pool: PastPool, tmp_path: Path) -> Keeper:
    """``keeper download`` of the pool, in a folder with a configuration for its chain."""
    write_keeper_yaml(tmp_path, pool.deployment, pool.anvil.url)
    return lambda *more: keeper("download", "--chain", "local", "--pool", pool.deployment.pool, *more)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_blocks_come_into_a_folder(ask: Keeper, pool: PastPool) -> None:
    last = pool.last_block - 1  # one confirmation
    done = ask("--from", "0", "--to", str(last), "--out", "tape", "--json")
    assert done.code == 0, done.err
    tape = open_tape(Path("tape"))
    assert done.json["digest"] == tape.digest
    assert (done.json["from_block"], done.json["to_block"], done.json["opening"]) == (0, last, True)
    assert done.json["rows"] == len(events_in(tape)) > 300
    assert done.json["defects"] == []
    assert done.json["pool"]["address"] == pool.deployment.pool
    again = ask("--from", "0", "--to", "latest", "--out", "tape")
    assert again.code == 0 and f"Digest    {tape.digest}" in again.out


def test_dates_are_moments_of_the_chain(ask: Keeper, pool: PastPool) -> None:
    stamps = {number: int(pool.anvil.rpc("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
              for number in range(pool.last_block + 1)}  # fmt: skip
    begin, end = stamps[30] - 3, stamps[50]
    words = [datetime.fromtimestamp(stamp, UTC).isoformat() for stamp in (begin, end)]
    done = ask("--from", words[0], "--to", words[1].replace("+00:00", ""), "--out", "tape", "--json")
    assert done.code == 0, done.err
    expected = [number for number, stamp in stamps.items() if begin <= stamp < end]
    assert (done.json["from_block"], done.json["to_block"]) == (expected[0], expected[-1]) == (30, 49)


def _is_wide(asked: Asked) -> bool:
    return int(asked.params[0]["toBlock"], 16) - int(asked.params[0]["fromBlock"], 16) > 2


@pytest.mark.parametrize("moments", [(5,), pytest.param((1, 3, 7, 9, 12, 15), marks=pytest.mark.soak)])
def test_killed_at_any_moment_and_typed_again(
    moments: tuple[int, ...], ask: Keeper, pool: PastPool, tmp_path: Path
) -> None:
    last = str(pool.last_block - 1)
    assert ask("--from", "3", "--to", last, "--out", "whole").code == 0
    with HostileNode(pool.anvil.url) as node:
        node.on("eth_getLogs", refuse("block range too wide"), when=_is_wide)
        command = [
            sys.executable, "-m", "keeper", "download", "--chain", "local", "--pool", pool.deployment.pool,
            "--from", "3", "--to", last, "--out", "tape", "--rpc", node.url, "--requests-per-second", "150",
            "--workers", "2",
        ]  # fmt: skip
        for pieces in moments:
            process = subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""})
            deadline = time.monotonic() + 60
            while len(list((tmp_path / "tape/partial").glob("*.parquet"))) < pieces and time.monotonic() < deadline:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it was done before it was killed"
    assert [defect.code for defect in open_tape(Path("tape")).defects] == ["unfinished"]
    assert ask("--from", "3", "--to", last, "--out", "tape").code == 0
    assert _bytes(Path("tape")) == _bytes(Path("whole"))


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--from", "9", "--to", "5"), 2, r"--from (block 9) lies after --to (block 5)"),
        (("--from", "0", "--to", "9000"), 2, "--to: block 9000 is not settled yet"),
        (("--from", "2099-01-01", "--to", "latest"), 2, "2099-01-01 00:00:00 UTC is not settled yet"),
        (("--from", "yesterday", "--to", "5"), 2, "neither a block number, nor a date such as 2024-01-31"),
        (("--from", "0", "--to", "5", "--pool", "0x12"), 2, "'0x12' is not an address"),
        (("--from", "0", "--to", "5", "--pool", "0x" + "11" * 20), 2, "there is no contract at the pool address"),
        (("--from", "0", "--to", "5", "--chain", "locl"), 2, "no chain is called 'locl'; did you mean"),
        (("--from", "0", "--to", "5", "--rpc", "nonsense"), 2, "an rpc entry is not a URL of the form https://host"),
        (("--from", "0", "--to", "5", "--rpc", "http://127.0.0.1:9/x"), 3, "cannot be reached"),
        (("--from", "0", "--to", "1"), 2, "has no rows: fetch it again, or choose a time in which the pool traded"),
    ],
)
def test_mistakes_are_said_in_one_sentence(
    arguments: tuple[str, ...], code: int, sentence: str, ask: Keeper
) -> None:  # fmt: skip
    answer = ask("--out", "tape", *arguments)
    assert answer.code == code
    assert sentence in answer.err and answer.out == ""


def test_another_chain_behind_the_url_is_refused(keeper: Keeper, pool: PastPool) -> None:
    answer = keeper("download", "--chain", "base", "--pool", pool.deployment.pool, "--from", "0", "--to", "5", "--out",
                    "tape", "--rpc", pool.anvil.url)  # fmt: skip
    assert answer.code == 2
    assert "serves chain id 31337, the configuration says 8453" in answer.err


def test_a_url_s_key_is_never_shown(ask: Keeper, pool: PastPool) -> None:
    with HostileNode(pool.anvil.url) as node:
        url = f"{node.url}/v3/{SECRET}?key={SECRET}"
        good = ask("--from", "0", "--to", "20", "--out", "tape", "--rpc", url)
        node.on("eth_getBlockByNumber", refuse(f"unauthorised: {SECRET}"))
        refused = ask("--from", "0", "--to", "30", "--out", "other", "--rpc", url)
        node.on("*", status(401))
        locked = ask("--from", "0", "--to", "30", "--out", "other", "--rpc", url)
    assert (good.code, refused.code, locked.code) == (0, 3, 3)
    for answer in (good, refused, locked):
        assert SECRET not in answer.out + answer.err
    assert "check the key in its rpc URL" in locked.err
    written = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert SECRET.encode() not in written


def test_a_file_is_imported(keeper: Keeper) -> None:
    events = honest_events()
    file_of(as_tick_file(events), Path("day.csv"))
    given = ("import", "day.csv", "--out", "tape", "--chain", "polygon", "--token0", "USDC:6", "--token1", "WETH:18")
    done = keeper(*given, "--json")
    assert done.code == 0, done.err
    assert (done.json["rows"], done.json["pool"]["fee_pips"], done.json["pool"]["chain_id"]) == (len(events), 500, 137)
    assert done.json["pool"]["token1"]["symbol"] == "WETH"
    assert events_in(open_tape(Path("tape"))) == events
    again = keeper(*given)
    assert again.code == 2 and "tape: holds a whole tape already: choose another folder" in again.err


def test_what_a_file_lacks_is_told_beside_its_tape(keeper: Keeper) -> None:
    events = honest_events(200)
    hole = next(at for at in range(100, 150) if events[at].kind == events[at - 1].kind == EventKind.SWAP)
    for at in range(hole, 150):
        file_of(columns([*events[:at], *events[at + 1 :]]), Path("day.parquet"))
        done = keeper("import", "day.parquet", "--out", f"tape{at}")
        assert done.code == 0, done.err
        if "Note" in done.out:
            break
    assert f"Note      between row {at} (block" in done.out and "logs are missing there" in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("none.parquet",), "none.parquet: cannot be read: no such file"),
        (("day.parquet", "--token0", "USDC"), "'USDC' is not of the form SYMBOL:DECIMALS[:ADDRESS]"),
        (("day.parquet", "--chain", "polygn"), "no chain is called 'polygn'; did you mean 'polygon'?"),
        (("day.parquet", "--fee", "3000"), "with a fee of 500 pips, not 3000"),
        (("day.parquet", "--pool", "0x45DDa9cb7c25131DF268515131f647d726f50608"), "has a wrong checksum"),
    ],
)
def test_mistakes_of_an_import_are_said(arguments: tuple[str, ...], sentence: str, keeper: Keeper) -> None:
    file_of(columns(honest_events()), Path("day.parquet"))
    answer = keeper("import", *arguments, "--out", "tape")
    assert answer.code == 2 and sentence in answer.err
