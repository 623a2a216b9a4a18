"""The tape against a real chain: everything that is there, nothing that is not, whatever node and chain do."""

from __future__ import annotations

import pytest

from keeper.errors import RpcError
from keeper.model.observation import Bar, Sample
from tests.world.feeds.between import Between, honest
from tests.world.feeds.conftest import CHAIN_ID, Reel


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
