"""What is downloaded is what the chain has, whatever the node does; what it hides or invents is found and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak

from keeper.errors import ConfigError, RpcError, TransientError
from keeper.world.tape.download import download
from keeper.world.tape.download_logs import SHAPES, LeftOutError
from keeper.world.tape.download_pace import PacedNode
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.manifest import Manifest
from keeper.world.tape.opening import FiledEvents, open_tape
from tests.faults.node_faults import answer, drop_request, refuse, status
from tests.faults.proxy import Asked, Fault, Forward, HostileNode, Reply
from tests.world.tape.conftest import PastPool
from tests.world.tape.made import events_in

SIGNATURES = {
    "Initialize(uint160,int24)": EventKind.INITIALIZE,
    "Swap(address,address,int256,int256,uint160,uint128,int24)": EventKind.SWAP,
    "Mint(address,address,int24,int24,uint128,uint256,uint256)": EventKind.MINT,
    "Burn(address,int24,int24,uint128,uint256,uint256)": EventKind.BURN,
    "Collect(address,address,int24,int24,uint128,uint128)": EventKind.COLLECT,
    "SetFeeProtocol(uint8,uint8,uint8,uint8)": EventKind.SET_FEE_PROTOCOL,
    "CollectProtocol(address,address,uint128,uint128)": EventKind.COLLECT_PROTOCOL,
    "Flash(address,address,uint256,uint256,uint256,uint256)": EventKind.FLASH,
}
TOPICS = {"0x" + keccak(text=signature).hex(): kind for signature, kind in SIGNATURES.items()}


def fetch(pool: PastPool, folder: Path, url: str | None = None, **settings: Any) -> Manifest:
    """Without a pause between two attempts, of which there are three."""
    node = pool.node(url)
    given = {"patience_seconds": (0.0, 0.0), "workers": 2, "first_blocks": 7, **settings}
    first, last = given.pop("first_block", 0), given.pop("last_block", None)
    try:
        return download(node, pool.multicall(node), pool.wanted(first, last), folder, **given)
    finally:
        node.close()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def whole(past_pool: PastPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pool's life, from the honest node."""
    folder = tmp_path_factory.mktemp("whole") / "tape"
    fetch(past_pool, folder)
    return folder


def _expected(log: dict[str, Any], timestamp: int) -> TapeEvent | None:
    """An event as another decoder reads it, by the contract's own declarations."""
    kind = TOPICS.get(log["topics"][0])
    if kind is None:
        return None
    data, topics = bytes.fromhex(log["data"][2:]), [bytes.fromhex(topic[2:]) for topic in log["topics"][1:]]
    place = kind, int(log["blockNumber"], 16), timestamp, int(log["logIndex"], 16)
    if kind == EventKind.SWAP:
        return TapeEvent(*place, *decode(("int256", "int256", "uint160", "uint128", "int24"), data))
    if kind == EventKind.INITIALIZE:
        price, tick = decode(("uint160", "int24"), data)
        return TapeEvent(*place, sqrt_price_x96=price, tick=tick)
    if kind == EventKind.SET_FEE_PROTOCOL:
        before_0, before_1, after_0, after_1 = decode(("uint8",) * 4, data)
        return TapeEvent(*place, before_0 + 16 * before_1, after_0 + 16 * after_1)
    if kind in (EventKind.COLLECT_PROTOCOL, EventKind.FLASH):
        return TapeEvent(*place, *decode(("uint256",) * (len(data) // 32), data)[-2:])
    owner = decode(("address",), topics[0])[0]
    lower, upper = (decode(("int24",), topic)[0] for topic in topics[1:])
    words = {EventKind.MINT: ("address", "uint128"), EventKind.BURN: ("uint128",), EventKind.COLLECT: ("address",)}
    *head, amount_0, amount_1 = decode((*words[kind], "uint256", "uint256"), data)
    liquidity = 0 if kind == EventKind.COLLECT else head[-1]
    return TapeEvent(*place, amount_0, amount_1, 0, liquidity, 0, lower, upper, owner)


def test_topics_are_those_of_the_contract() -> None:
    assert {topic: kind for topic, (kind, _, _) in SHAPES.items()} == TOPICS


def test_every_event_of_the_chain_is_on_the_tape(past_pool: PastPool, whole: Path) -> None:
    stamps = {
        number: int(past_pool.anvil.rpc("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
        for number in range(past_pool.last_block + 1)
    }
    decoded = (_expected(log, stamps[int(log["blockNumber"], 16)]) for log in past_pool.logs())
    expected = [event for event in decoded if event is not None]
    assert {event.kind for event in expected} == set(EventKind)
    tape = open_tape(whole)
    assert events_in(tape) == expected
    assert tape.defects == ()
    assert tape.pool == past_pool.wanted().pool
    assert (tape.span.from_block, tape.span.to_block) == (0, past_pool.last_block)
    assert not (whole / "partial").exists()


def test_the_opening_is_the_pool_before_the_first_event(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    first = past_pool.last_block - 20
    manifest = fetch(past_pool, tmp_path / "later", first_block=first)
    tape = open_tape(tmp_path / "later")
    assert tape.kind == "events" and tape.opening is not None and tape.opening == manifest.opening
    before = [event for event in events_in(open_tape(whole)) if event.block_number < first]
    last = next(event for event in reversed(before) if event.kind == EventKind.SWAP)
    assert (tape.opening.sqrt_price_x96, tape.opening.tick) == (last.sqrt_price_x96, last.tick)
    net: dict[int, int] = {}
    for event in before:
        if event.kind in (EventKind.MINT, EventKind.BURN):
            change = event.liquidity if event.kind == EventKind.MINT else -event.liquidity
            net[event.lower_tick] = net.get(event.lower_tick, 0) + change
            net[event.upper_tick] = net.get(event.upper_tick, 0) - change
    assert {tick.tick: tick.liquidity_net for tick in tape.opening.ticks} == net
    assert tape.opening.liquidity == sum(value for tick, value in net.items() if tick <= tape.opening.tick)
    assert tape.opening.fee_protocol == 4 + 16 * 10
    assert isinstance(tape, FiledEvents) and tape.closing is not None
    assert tape.closing.fee_growth_global_0_x128 > tape.opening.fee_growth_global_0_x128


def test_a_pool_without_a_past_opens_empty(whole: Path) -> None:
    tape = open_tape(whole)
    assert tape.kind == "events" and tape.opening is not None
    assert (tape.opening.sqrt_price_x96, tape.opening.ticks) == (0, ())


@pytest.mark.parametrize(("first_blocks", "workers"), [(1, 3), (1_000, 1)])
def test_the_bytes_do_not_depend_on_the_asking(
    first_blocks: int, workers: int, past_pool: PastPool, whole: Path, tmp_path: Path
) -> None:
    fetch(past_pool, tmp_path / "tape", first_blocks=first_blocks, workers=workers)
    assert _bytes(tmp_path / "tape") == _bytes(whole)


@pytest.mark.parametrize("exchanges", [6, 14])
def test_a_node_that_dies_is_gone_on_with_later(
    exchanges: int, past_pool: PastPool, whole: Path, tmp_path: Path
) -> None:  # fmt: skip
    folder = tmp_path / "tape"
    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_getLogs", refuse("exceeds the range"), when=lambda asked: _span(asked) > 4)
        node.on("eth_getLogs", drop_request, skip=exchanges)
        with pytest.raises(TransientError, match="no answer after"):
            fetch(past_pool, folder, node.url, first_blocks=3)
        half = open_tape(folder)
        assert [defect.code for defect in half.defects] == ["unfinished"]
        begun = [event for event in events_in(open_tape(whole)) if event.block_number <= half.span.to_block]
        assert events_in(half) == begun
        node.calm()
        asked = len(node.seen)
        fetch(past_pool, folder, node.url)
        spans = [each.params[0] for each in node.seen[asked:] if each.method == "eth_getLogs"]
    assert min(int(span["fromBlock"], 16) for span in spans) > half.span.to_block
    assert _bytes(folder) == _bytes(whole)


def _span(asked: Asked) -> int:
    return int(asked.params[0]["toBlock"], 16) - int(asked.params[0]["fromBlock"], 16) + 1


def _cut(most: int) -> Fault:
    return answer(lambda logs: logs[:most], f"only {most} logs")


BAD_DAYS: dict[str, Callable[[HostileNode], Any]] = {
    "few blocks at once": lambda node: node.on(
        "eth_getLogs", refuse("query returned more than 10000 results"), when=lambda asked: _span(asked) > 5
    ),
    "logs left out of long replies": lambda node: node.on("eth_getLogs", _cut(25)),
    "another order": lambda node: node.on("eth_getLogs", answer(lambda logs: logs[::-1])),
    "too many requests": lambda node: node.storm([status(429), drop_request, status(503)], 0.2, 5),
    "an empty answer once": lambda node: node.on("eth_getLogs", answer(lambda _logs: []), times=2),
    "no times in logs": lambda node: node.on("eth_getLogs", answer(_without_times)),
}


def _without_times(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in log.items() if name != "blockTimestamp"} for log in logs]


@pytest.mark.parametrize("day", BAD_DAYS)
def test_a_bad_day_changes_no_byte(day: str, past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    with HostileNode(past_pool.anvil.url) as node:
        BAD_DAYS[day](node)
        fetch(past_pool, tmp_path / "tape", node.url, patience_seconds=(0.0,) * 12)
    assert _bytes(tmp_path / "tape") == _bytes(whole)


def _without(block: int, index: int) -> Fault:
    return answer(lambda logs: [log for log in logs if (int(log["blockNumber"], 16), int(log["logIndex"], 16))
                                != (block, index)])  # fmt: skip


def _visible(whole: Path) -> TapeEvent:
    """A swap between two others in the same liquidity, none of which reached a tick."""
    events = events_in(open_tape(whole))
    for before, event, after in zip(events[60:], events[61:], events[62:], strict=False):
        near = {each.tick // 10 for each in (before, event, after)}
        if {before.kind, event.kind, after.kind} == {EventKind.SWAP} and len(near) == 1:
            return event
    raise AssertionError("no such swap")


def test_a_log_that_is_left_out_is_named(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    """The pool's own price and balances tell its block; without old state the swaps around it do."""
    hidden = _visible(whole)
    for blind in (False, True):
        with HostileNode(past_pool.anvil.url) as node:
            node.on("eth_getLogs", _without(hidden.block_number, hidden.log_index))
            if blind:
                node.on("eth_call", refuse("missing trie node"), when=lambda asked: asked.params[1] != "latest" and
                        isinstance(asked.params[1], str))  # fmt: skip
            with pytest.raises(LeftOutError, match="leaves logs of the pool out") as caught:
                fetch(past_pool, tmp_path / f"{blind}", node.url)
            assert caught.value.first_block <= hidden.block_number <= caught.value.last_block
            node.calm()
            fetch(past_pool, tmp_path / f"{blind}", node.url)
        assert events_in(open_tape(tmp_path / f"{blind}")) == events_in(open_tape(whole))


def test_a_log_between_two_replies_is_missed_at_the_end(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    """Each block by itself looks whole, and no state is to be had: only the blocks together do not fit."""
    events = events_in(open_tape(whole))
    last, after = next(
        (event, after) for before, event, after in zip(events[90:], events[91:], events[92:], strict=False)
        if after.block_number > event.block_number == before.block_number
        and {each.kind for each in (before, event, after)} == {EventKind.SWAP}
        and len({each.tick // 10 for each in (before, event, after)}) == 1
    )  # fmt: skip
    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_getLogs", _without(last.block_number, last.log_index))
        node.on("eth_getLogs", refuse("block range too wide"), when=lambda asked: _span(asked) > 1)
        node.on("eth_call", refuse("missing trie node"), when=lambda asked: isinstance(asked.params[1], str))
        with pytest.raises(LeftOutError) as caught:
            fetch(past_pool, tmp_path / "tape", node.url, first_block=last.block_number - 9)
        assert (caught.value.first_block, caught.value.last_block) == (last.block_number, after.block_number)
        node.calm()
        asked = len(node.seen)
        fetch(past_pool, tmp_path / "tape", node.url, first_block=last.block_number - 9)
        spans = [each.params[0] for each in node.seen[asked:] if each.method == "eth_getLogs"]
    assert [int(span["fromBlock"], 16) for span in spans] == [last.block_number]
    assert events_in(open_tape(tmp_path / "tape")) == [e for e in events if e.block_number >= last.block_number - 9]


def test_the_last_log_of_a_block_is_missed_by_the_price(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    events = events_in(open_tape(whole))
    for at in (120, len(events) - 1):
        last = next(
            event
            for event, after in zip(events[at:], [*events[at + 1 :], None], strict=True)
            if event.kind == EventKind.SWAP and (after is None or after.block_number > event.block_number)
        )
        with HostileNode(past_pool.anvil.url) as node:
            node.on("eth_getLogs", _without(last.block_number, last.log_index))
            with pytest.raises(LeftOutError, match=f"in block {last.block_number}: .*; use another node"):
                fetch(past_pool, tmp_path / f"{at}", node.url)


def _lie(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    return answer(lambda logs: [change(log) if at == len(logs) // 2 else log for at, log in enumerate(logs)])


LIES: dict[str, Fault] = {
    "twice": answer(lambda logs: [*logs, *logs[-1:]]),
    "another contract": _lie(lambda log: log | {"address": "0x" + "22" * 20}),
    "another block": _lie(lambda log: log | {"blockNumber": "0xfffff"}),
    "another fork": _lie(lambda log: log | {"blockHash": "0x" + "33" * 32}),
    "removed": _lie(lambda log: log | {"removed": True}),
    "cut data": _lie(lambda log: log | {"data": log["data"][:-64]}),
    "no topic": _lie(lambda log: log | {"topics": []}),
    "another time": _lie(lambda log: log | {"blockTimestamp": "0x1"}),
    "no log": answer(lambda logs: [None for _ in logs]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(lie: str, past_pool: PastPool, tmp_path: Path) -> None:
    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_getLogs", LIES[lie], when=lambda asked: int(asked.params[0]["fromBlock"], 16) > 40)
        with pytest.raises(RpcError, match="eth_getLogs: "):
            fetch(past_pool, tmp_path / "tape", node.url)


def test_an_amount_that_was_made_up_is_found_without_any_state(
    past_pool: PastPool, whole: Path, tmp_path: Path
) -> None:
    liar = _visible(whole)

    def change(log: dict[str, Any]) -> dict[str, Any]:
        if (int(log["blockNumber"], 16), int(log["logIndex"], 16)) != (liar.block_number, liar.log_index):
            return log
        doubled = [(2 * amount) % 2**256 for amount in (liar.amount_0, liar.amount_1)]
        return log | {"data": "0x" + "".join(f"{word:064x}" for word in doubled) + log["data"][130:]}

    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_getLogs", answer(lambda logs: [change(log) for log in logs]))
        node.on("eth_call", refuse("missing trie node"), when=lambda asked: asked.params[1] not in ("latest",) and
                isinstance(asked.params[1], str))  # fmt: skip
        with pytest.raises(LeftOutError) as caught:
            fetch(past_pool, tmp_path / "tape", node.url)
    assert caught.value.first_block <= liar.block_number <= caught.value.last_block


def test_a_node_without_old_state_is_said_to_prove_less(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_call", refuse("missing trie node 5f"))
        node.on("eth_getCode", refuse("missing trie node 5f"))
        manifest = fetch(past_pool, tmp_path / "tape", node.url, first_block=5)
    assert [defect.code for defect in manifest.defects] == ["unproven"]
    assert manifest.opening is None and manifest.opening_missing is not None
    assert "does not give the state of block 4 (eth_getCode: missing trie node" in manifest.opening_missing
    assert events_in(open_tape(tmp_path / "tape")) == [e for e in events_in(open_tape(whole)) if e.block_number > 4]


def test_a_transfer_straight_to_the_pool_is_said(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    def given(_node: HostileNode, asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        call, block = asked.params[0], asked.params[1]
        if call["data"].startswith("0x70a08231") and isinstance(block, str) and int(block, 16) >= 50:
            reply["result"] = f"0x{int(reply['result'], 16) + 5:064x}"
        return reply

    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_call", Fault("five units more", given))
        manifest = fetch(past_pool, tmp_path / "tape", node.url)
    assert [defect.sentence.split(":")[0] for defect in manifest.defects] == [
        "in block 50 the pool's balances changed by more than its logs tell"
    ]
    assert manifest.digest == open_tape(whole).digest


def test_a_full_disk_loses_nothing(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    (folder / "partial").mkdir(parents=True)
    (folder / "partial/.000000000010-000000000029.proven.parquet.new").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="no space is left on the disk: make room and run the same command again"):
        fetch(past_pool, folder, workers=1, first_blocks=10)
    assert open_tape(folder).span.to_block == 9
    fetch(past_pool, folder)
    assert _bytes(folder) == _bytes(whole)


def test_a_folder_holds_one_download(past_pool: PastPool, whole: Path, tmp_path: Path) -> None:
    asked: list[int] = []
    again = fetch(past_pool, whole, progress=lambda done, _total, _events: asked.append(done))
    assert again.digest == open_tape(whole).digest and asked == []
    with pytest.raises(ConfigError, match=r"holds blocks 0 to \d+ of the pool 0x.*: choose another folder"):
        fetch(past_pool, whole, first_block=3)
    with HostileNode(past_pool.anvil.url) as node:
        node.on("eth_getLogs", drop_request, skip=2)
        with pytest.raises(TransientError):
            fetch(past_pool, tmp_path / "tape", node.url)
    with pytest.raises(ConfigError, match="holds blocks 0 to"):
        fetch(past_pool, tmp_path / "tape", first_block=3)
    plan = tmp_path / "tape/partial/plan.json"
    plan.write_text(plan.read_text().replace('"last_hash": "0x', '"last_hash": "0xff'))
    with pytest.raises(ConfigError, match="the chain has replaced block"):
        fetch(past_pool, tmp_path / "tape")


def test_the_pace_is_kept() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    class Quiet:
        def batch_outcomes(self, requests: Any) -> list[Any]:
            return list(requests)

        batch = batch_outcomes

        def request(self, method: str, params: Any) -> Any:
            return method, params

        def send_raw_transaction(self, raw: bytes) -> str:
            return raw.hex()

    node = PacedNode(Quiet(), 10, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        node.batch_outcomes([("a", [])] * 5)
    assert slept == pytest.approx([0.5, 0.5, 0.5])
