"""The tape against a real chain: everything that is there, nothing that is not, whatever node and chain do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from keeper.errors import RpcError, TransientError
from keeper.model.observation import Bar, Sample
from keeper.world.feeds.swap_logs import SwapLogs
from tests.world.feeds.conftest import CHAIN_ID, Reel

Request = tuple[str, Sequence[Any]]


class Between:
    """A node in between, which changes answers or refuses."""

    def __init__(self, inner: Any, change: Callable[[Request, Any], Any]) -> None:
        self.inner, self.change = inner, change
        self.asked: list[list[str]] = []
        self.spans: list[int] = []

    def batch_outcomes(self, requests: Sequence[Request]) -> list[Any]:
        self.asked.append([method for method, _ in requests])
        for method, params in requests:
            if method == "eth_getLogs":
                self.spans.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
        answers = self.inner.batch_outcomes(requests)
        return [self.change(request, answer) for request, answer in zip(requests, answers, strict=True)]


def honest(_request: Request, answer: Any) -> Any:
    return answer


def test_it_holds_every_swap_and_asks_once_a_block(reel: Reel) -> None:
    reel.step(20)
    node = Between(reel.desk.node, honest)
    tape = reel.tape(node=node)
    followed = tape.follow(reel.head())
    assert followed.missing is None
    assert followed.segment is not None and followed.segment.is_whole  # from the pool's birth
    assert reel.logs_on_tape() == reel.logs_on_chain()
    assert len(reel.logs_on_tape()) > 40
    asked = len(node.asked)
    assert tape.follow(reel.head()).segment == followed.segment
    assert len(node.asked) == asked  # the head has not moved: nothing is asked
    reel.step(3)
    tape.follow(reel.head())
    assert len(node.asked) == asked + 1
    assert reel.logs_on_tape() == reel.logs_on_chain()


def test_nothing_above_the_observed_block_is_read(reel: Reel) -> None:
    reel.step(8)
    early = reel.head()
    reel.step(8)
    tape = reel.tape()
    assert tape.follow(early).segment is not None
    assert max(row[0] for row in reel.logs_on_tape()) <= early.number
    assert reel.logs_on_tape() == [row for row in reel.logs_on_chain() if row[0] <= early.number]


@pytest.mark.parametrize("depth", [1, 2, 5, 13])
def test_a_reorganisation_is_followed(reel: Reel, depth: int) -> None:
    reel.step(12)
    tape = reel.tape()
    for _ in range(6):
        reel.step(1)
        tape.follow(reel.head())
    before = reel.logs_on_tape()
    reel.desk.chain.anvil.rpc("anvil_reorg", depth, [])
    gone = set(before) - set(reel.logs_on_chain())
    assert gone  # the reorganisation did take swaps away
    followed = tape.follow(reel.head())
    assert followed.rewound_to is not None and followed.missing is None
    assert reel.logs_on_tape() == reel.logs_on_chain()
    assert followed.segment is not None and followed.segment.to_hash == reel.head().hash
    again = reel.tape()  # a process that starts afterwards finds the same
    assert again.follow(reel.head()).rewound_to is None


def test_a_reorganisation_under_new_blocks_and_while_away_is_followed(reel: Reel) -> None:
    reel.step(12)
    reel.tape().follow(reel.head())
    reel.desk.chain.anvil.rpc("anvil_reorg", 4, [])
    for _ in range(3):
        reel.desk.chain.anvil.mine()
    followed = reel.tape().follow(reel.head())
    assert followed.rewound_to is not None
    assert reel.logs_on_tape() == reel.logs_on_chain()


def test_a_chain_that_started_anew_leaves_nothing_of_the_old_one(reel: Reel) -> None:
    reel.step(12)
    store = reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool)
    reel.tape().follow(reel.head())
    with reel.journal._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tape_blocks SET hash = '0x00'")
        connection.exec_driver_sql("UPDATE tape_segments SET to_hash = '0x00'")
    reel.step(1)
    assert reel.tape().follow(reel.head()).rewound_to == -1
    assert reel.logs_on_tape() == reel.logs_on_chain()
    assert len(store.segments()) == 1


REFUSALS = [
    (-32005, "query returned more than 10000 results"),
    (-32602, "range 1000000 exceeds limit of 10000"),
    (-32602, "Query returned more than 10000 results. Try with this block range [0x118dc91, 0x1198cc3]."),
    (-32000, "block range is too wide"),
    (-32000, "eth_getLogs is limited to a 10,000 range"),
    (-32600, "You can make eth_getLogs requests with up to a 10 block range."),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32000, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32005, "logs matched by query exceeds limit of 10000"),
    (-32000, "query timeout exceeded"),
    (-32000, "exceed maximum block range: 5000"),
    (35, "ranges over 10000 blocks are not supported: max range 10000"),
]


@pytest.mark.parametrize(("code", "words"), REFUSALS)
def test_smaller_pieces_are_asked_for_where_too_much_is_refused(reel: Reel, code: int, words: str) -> None:
    reel.step(12)

    def limited(request: Request, answer: Any) -> Any:
        if request[0] == "eth_getLogs" and int(request[1][0]["toBlock"], 16) - int(request[1][0]["fromBlock"], 16) >= 5:
            return RpcError(f"eth_getLogs: {words}", code=code)
        return answer

    node = Between(reel.desk.node, limited)
    assert reel.tape(node=node).follow(reel.head()).missing is None
    assert reel.logs_on_tape() == reel.logs_on_chain()
    refused = [span for span in node.spans if span > 5]
    assert len(refused) <= 9  # it is learnt, not tried again and again


@pytest.mark.parametrize("words", ["rate limit exceeded", "too many requests", "daily request count exceeded"])
def test_a_node_that_is_asked_too_often_is_left_alone(reel: Reel, words: str) -> None:
    reel.step(2)
    node = Between(reel.desk.node, lambda request, answer: RpcError(words) if request[0] == "eth_getLogs" else answer)
    followed = reel.tape(node=node).follow(reel.head())
    assert len(node.spans) == 1
    assert followed.segment is None
    assert followed.missing is not None and words in followed.missing


@pytest.mark.parametrize(
    "words", ["missing trie node 1f", "history has been pruned for this block", "archive node required"]
)
def test_a_node_without_old_logs_is_asked_no_further(reel: Reel, words: str) -> None:
    reel.step(20)
    floor = reel.head().number - 7

    def young(request: Request, answer: Any) -> Any:
        return (
            RpcError(words) if request[0] == "eth_getLogs" and int(request[1][0]["fromBlock"], 16) < floor else answer
        )

    node = Between(reel.desk.node, young)
    tape = reel.tape(node=node, first_blocks=4)
    followed = tape.follow(reel.head())
    assert followed.segment is not None
    assert followed.missing is not None and words in followed.missing
    assert reel.logs_on_tape() == [row for row in reel.logs_on_chain() if row[0] >= followed.segment.from_block]
    assert len(reel.logs_on_tape()) > 0
    asked = len(node.spans)
    reel.step(1)
    later = tape.follow(reel.head())
    assert len(node.spans) == asked + 1  # only the new block
    assert later.segment is not None and later.missing is not None


def test_the_past_is_read_newest_first_a_piece_at_an_observation(reel: Reel) -> None:
    reel.step(20)
    head = reel.head()
    tape = reel.tape(first_blocks=5, budget_seconds=0)
    lows = []
    for _ in range(3):
        followed = tape.follow(head)
        assert followed.segment is not None and followed.segment.to_block == head.number
        lows.append(followed.segment.from_block)
        assert reel.logs_on_tape() == [row for row in reel.logs_on_chain() if row[0] >= lows[-1]]
    assert head.number - 4 == lows[0] > lows[1] > lows[2]


def test_without_back_fill_only_the_future_is_read(reel: Reel) -> None:
    reel.step(10)
    first = reel.head().number
    tape = reel.tape(backfill=False)
    tape.follow(reel.head())
    reel.step(5)
    tape.follow(reel.head())
    assert reel.logs_on_tape() == [row for row in reel.logs_on_chain() if row[0] >= first]


def test_a_gap_from_an_outage_is_closed(reel: Reel) -> None:
    reel.step(5)
    reel.tape().follow(reel.head())
    reel.step(15)
    tape = reel.tape(first_blocks=4, budget_seconds=0)
    store = reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool)
    tape.follow(reel.head())
    assert len(store.segments()) == 2
    for _ in range(8):
        tape.follow(reel.head())
    assert len(store.segments()) == 1
    assert reel.logs_on_tape() == reel.logs_on_chain()


def test_timestamps_come_from_headers_where_logs_have_none(reel: Reel) -> None:
    reel.step(9)

    def old_node(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getLogs":
            return answer
        return [{key: value for key, value in log.items() if key != "blockTimestamp"} for log in answer]

    reel.tape().follow(reel.head())
    expected = reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool).swaps(0, 1 << 60)
    node = Between(reel.desk.node, old_node)
    head = reel.head()
    piece = SwapLogs(node, reel.desk.deployment.pool).read_down_from(head.number, 0, 1e18)
    assert list(piece.swaps) == expected
    assert len(node.asked) == 2


def _lie(**changes: Any) -> Callable[[Request, Any], Any]:
    def change(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getLogs" or not answer:
            return answer
        return [*answer[:-1], answer[-1] | changes]

    return change


LIES = {
    "another block": _lie(blockNumber="0xffffff"),
    "another fork": _lie(blockHash="0x" + "11" * 32),
    "another contract": _lie(address="0x" + "22" * 20),
    "removed": _lie(removed=True),
    "short": _lie(data="0x00"),
    "no log": _lie(topics=None),
    "no topic": _lie(topics=[]),
    "a number that no database takes": _lie(logIndex=hex(1 << 70)),
    "an impossible tick": lambda request, answer: (
        [log | {"data": log["data"][:-64] + "7" + "f" * 63} for log in answer]
        if request[0] == "eth_getLogs"
        else answer
    ),
    "an impossible price": lambda request, answer: (
        [log | {"data": log["data"][:130] + "0" * 64 + log["data"][194:]} for log in answer]
        if request[0] == "eth_getLogs"
        else answer
    ),
    "from another time": _lie(blockTimestamp="0xffffffff"),
    "twice": lambda request, answer: [*answer, answer[-1]] if request[0] == "eth_getLogs" else answer,
    "null": lambda request, answer: None if request[0] == "eth_getLogs" else answer,
}


@pytest.mark.parametrize("lie", LIES)
def test_nonsense_is_not_kept(reel: Reel, lie: str) -> None:
    reel.step(3)
    followed = reel.tape(node=Between(reel.desk.node, LIES[lie])).follow(reel.head())
    assert followed.missing is not None
    assert followed.segment is None
    assert reel.logs_on_tape() == []


def test_a_header_without_its_parent_is_no_defect(reel: Reel) -> None:
    reel.step(3)

    def orphan(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getBlockByNumber":
            return answer
        return {key: value for key, value in answer.items() if key != "parentHash"}

    reel.tape().follow(reel.head())
    reel.step(1)
    assert reel.tape(node=Between(reel.desk.node, orphan)).follow(reel.head()).segment is None


def test_a_head_that_goes_back_before_the_tape_takes_nothing_away(reel: Reel) -> None:
    reel.step(8)
    lagging = reel.head()
    kept = Sample(lagging.timestamp - 40 * 3_600, 1 << 96, None, None)  # from before there was a tape
    reel.journal.samples.add(reel.desk.deployment.pool, CHAIN_ID, kept)
    reel.step(1)
    tape = reel.tape(backfill=False)
    tape.follow(reel.head())
    taped = reel.logs_on_tape()
    followed = tape.follow(lagging)
    assert followed.rewound_to is None and followed.segment is None
    assert followed.missing is not None and "went back" in followed.missing
    assert reel.logs_on_tape() == taped
    assert reel.journal.samples.between(reel.desk.deployment.pool, CHAIN_ID, 0, 1 << 60) == [kept]
    assert tape.follow(reel.head()).missing is None


def test_the_common_block_is_found_however_many_blocks_are_remembered(
    reel: Reel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.world.journal.tape._MOST_CHECKPOINTS", 3)
    reel.step(2)
    tape = reel.tape()
    for _ in range(14):
        reel.step(1)
        tape.follow(reel.head())
    numbers = [block.number for block in reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool).checkpoints(1 << 60)]
    assert len(numbers) == 3
    depth = 9
    floor = reel.head().number - depth
    reel.desk.chain.anvil.rpc("anvil_reorg", depth, [])
    followed = tape.follow(reel.head())
    assert followed.rewound_to is not None and followed.rewound_to > 0
    header = reel.desk.chain.anvil.rpc("eth_getBlockByNumber", hex(floor), False)
    assert followed.rewound_to <= int(header["timestamp"], 16)
    assert reel.logs_on_tape() == reel.logs_on_chain()


def test_samples_of_blocks_that_are_gone_go_with_them_even_in_a_crash(reel: Reel) -> None:
    reel.step(13)
    observer = reel.observer(reel.tape())
    observer.observe()
    reel.step(4)
    observer.observe()
    reel.desk.chain.anvil.rpc("anvil_reorg", 6, [])
    head = reel.head()
    reel.tape().follow(head)  # and here the process is killed
    kept = reel.journal.samples.between(reel.desk.deployment.pool, CHAIN_ID, 0, 1 << 60)
    assert kept and max(sample.timestamp for sample in kept) <= head.timestamp


def test_a_node_that_was_ill_is_asked_for_more_again(reel: Reel) -> None:
    reel.step(12)
    ill, now = [True], [0.0]

    def sick(request: Request, answer: Any) -> Any:
        return RpcError("query timeout") if ill[0] and request[0] == "eth_getLogs" else answer

    node = Between(reel.desk.node, sick)
    logs = SwapLogs(node, reel.desk.deployment.pool, clock=lambda: now[0])
    head = reel.head().number
    with pytest.raises(TransientError):
        logs.read_down_from(head, 0, 1e18)
    assert logs.blocks == 1
    ill[0] = False
    now[0] += 3_600
    below = head
    while below > 0 and logs.blocks < 8:
        below = logs.read_down_from(below, 0, 1e18).first.number - 1
    assert logs.blocks == 8


def test_headers_are_not_waited_for_beyond_the_budget(reel: Reel) -> None:
    reel.step(60)
    now = [0.0]

    def slow_old_node(request: Request, answer: Any) -> Any:
        now[0] += 0.1
        if request[0] != "eth_getLogs":
            return answer
        return [{key: value for key, value in log.items() if key != "blockTimestamp"} for log in answer]

    logs = SwapLogs(Between(reel.desk.node, slow_old_node), reel.desk.deployment.pool, clock=lambda: now[0])
    head = reel.head().number
    with pytest.raises(TransientError, match="in time"):
        logs.read_down_from(head, 0, 4.0)
    assert now[0] < 4.0 + 6.0
    assert logs.blocks < 2_000
    now[0] = 0.0
    while True:
        try:
            piece = logs.read_down_from(head, 0, now[0] + 4.0)
            break
        except TransientError:
            continue
    assert piece.swaps


def test_a_block_replaced_while_it_is_read_is_not_kept(reel: Reel) -> None:
    reel.step(3)
    head = reel.head()
    reel.desk.chain.anvil.rpc("anvil_reorg", 1, [])
    followed = reel.tape().follow(head)
    assert followed.missing is not None and "replaced" in followed.missing
    assert reel.logs_on_tape() == []


def test_a_node_that_hangs_holds_nobody_up(reel: Reel) -> None:
    reel.step(3)

    class Silent:
        def batch_outcomes(self, _requests: Sequence[Request]) -> list[Any]:
            raise TransientError("no answer after 2 attempts: no answer in time")

    now = [0.0]

    def clock() -> float:
        now[0] += 3.0
        return now[0]

    logs = SwapLogs(Silent(), reel.desk.deployment.pool, clock=clock)
    with pytest.raises(TransientError):
        logs.read_down_from(5_000, 0, 10.0)
    assert logs.blocks < 2_000
    assert now[0] < 30


def test_bars_are_what_the_logs_of_the_hour_say(reel: Reel) -> None:
    reel.step(4 * 6 + 2)
    reel.desk.chain.anvil.mine(reel.head().timestamp + 3 * 3_600)
    seen = reel.observer(reel.tape(), history_hours=48).observe()
    rows = reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool).swaps(0, 1 << 60)
    assert [(row.block_number, row.log_index) for row in rows] == [row[:2] for row in reel.logs_on_chain()]
    bars = {sample.timestamp: sample.bar for sample in seen.history.samples}
    assert len(bars) >= 9 and all(bar is not None for bar in bars.values())
    last_hour = seen.block.timestamp // 3_600 * 3_600
    tick = rows[-1].tick
    assert bars[last_hour] == Bar(tick, tick, 0, 0, 0)  # covered, and nothing happened
    busy = 0
    for hour, bar in bars.items():
        inside = [row for row in rows if hour - 3_600 < row.timestamp <= hour]
        before = [row for row in rows if row.timestamp <= hour - 3_600]
        if not before or bar is None:
            continue
        ticks = [before[-1].tick, *(row.tick for row in inside)]
        paid_0, paid_1 = (sum(abs(getattr(row, name)) for row in inside) for name in ("amount_0", "amount_1"))
        assert bar == Bar(min(ticks), max(ticks), paid_0, paid_1, len(inside))
        busy += bar.swaps > 0
    assert busy >= 5


def test_the_observer_keeps_samples_in_step_with_a_reorganisation(reel: Reel) -> None:
    reel.step(13)
    observer = reel.observer(reel.tape())
    observer.observe()
    reel.step(4)
    observer.observe()
    reel.desk.chain.anvil.rpc("anvil_reorg", 6, [])
    seen = observer.observe()
    kept = reel.journal.samples.between(reel.desk.deployment.pool, CHAIN_ID, 0, 1 << 60)
    assert kept[-1].timestamp == seen.block.timestamp  # the blocks that are gone were later than the new ones
    fresh = Reel(reel.desk, reel.journal)
    with reel.journal._engine.begin() as connection:
        for table in ("samples", "swaps", "tape_marks", "tape_blocks", "tape_segments"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert fresh.observer(fresh.tape()).observe().history == seen.history


def test_the_history_is_the_same_after_a_restart(reel: Reel) -> None:
    reel.step(17)
    observer = reel.observer(reel.tape())
    for _ in range(5):
        reel.step(1)
        seen = observer.observe()
    assert reel.observer(reel.tape()).observe().history == seen.history
    assert [sample.timestamp % 3_600 for sample in seen.history.samples] == [0] * len(seen.history.samples)


def test_what_is_missing_of_the_tape_is_said(reel: Reel) -> None:
    reel.step(2)
    node = Between(reel.desk.node, lambda _request, _answer: RpcError("no such method"))
    seen = reel.observer(reel.tape(node=node)).observe()
    ((name, reason),) = [(each.name, each.reason) for each in seen.missing]
    assert name == "tape" and "no such method" in reason
    assert all(sample.bar is None for sample in seen.history.samples)


def test_hours_are_completed_a_few_at_an_observation_and_all_in_the_end(
    reel: Reel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reel.step(17)
    reel.desk.chain.anvil.mine(reel.head().timestamp + 3 * 3_600)
    whole = reel.observer(reel.tape(), history_hours=48).observe().history
    with reel.journal._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM samples")
    monkeypatch.setattr("keeper.world.taped_history.BUDGET_SECONDS", 0.0)
    monkeypatch.setattr("keeper.world.taped_history._MOST_HOURS", 2)
    observer = reel.observer(reel.tape(), history_hours=48)
    barred = []
    for _ in range(12):
        history = observer.observe().history
        barred.append(sum(sample.bar is not None for sample in history.samples))
    assert barred[0] == 2 and barred[1] == 4  # newest first, and never more than asked at once
    assert history == whole
