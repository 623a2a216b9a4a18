"""Row 8: the first node lies; the second one is asked at the same block hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keeper.model.observation import Observation
from keeper.world.chain.multicall import Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.observer import reader_of
from keeper.world.second_opinion import SecondOpinion
from keeper.world.venues.uniswap_v3 import UniswapV3
from tests.faults.strangers import LyingNode, with_eyes
from tests.policy.desk import CHAIN_ID, NAME, Desk, Warm, at_desk

Lie = Callable[[str, Any], Any]


def honest(_method: str, answer: Any) -> Any:
    return answer


def replaced(old: int, new: int) -> Lie:
    """Wherever a contract answers the one word, it is the other one."""

    def lie(method: str, answer: Any) -> Any:
        return answer.replace(f"{old:064x}", f"{new:064x}") if method == "eth_call" else answer

    return lie


def two_nodes(desk: Desk, first: Lie, second: Lie = honest) -> Desk:
    """The desk looks through one node and asks another, both in front of the same chain."""
    inner = HttpNode([desk.warm.anvil.url], chain_id=CHAIN_ID, retries=0)
    other = LyingNode(inner, second)
    venue = UniswapV3(desk.venue.contracts, Multicall(other, desk.venue.contracts.multicall), desk.venue.pool)
    windows = desk.strategy.settings.limits.twap_windows_seconds
    opinion = SecondOpinion(other, reader_of(venue, desk.owner, windows), sleep=lambda _seconds: None)
    return with_eyes(desk, LyingNode(inner, first), second=opinion)


def reasons(seen: Observation) -> dict[str, str]:
    return {each.name: each.reason for each in seen.missing}


def test_08_two_honest_nodes_are_no_hindrance(warm: Warm, tmp_path: Path) -> None:
    desk = two_nodes(at_desk(warm, tmp_path), honest)
    assert desk.run()[-1] == "mint" and desk.observe().missing == ()


@pytest.mark.parametrize("what", ["slot0", "liquidity", "the wallet", "the block's header"])
def test_08_a_lie_holds_everything_even_the_exit(warm: Warm, tmp_path: Path, what: str) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    seen = desk.observe()
    price = seen.pool.sqrt_price_x96

    def dated(method: str, answer: Any) -> Any:
        is_head = method == "eth_getBlockByNumber"
        return answer | {"timestamp": hex(int(answer["timestamp"], 16) + 60)} if is_head else answer

    lies = {
        "slot0": replaced(price, price + price // 100),
        "liquidity": replaced(seen.pool.liquidity, seen.pool.liquidity * 2),
        "the wallet": replaced(seen.wallet.native_wei, seen.wallet.native_wei + 1),
        "the block's header": dated,
    }
    desk = two_nodes(desk, lies[what])
    assert what in reasons(desk.observe())["second_opinion"]
    sent = len(desk.receipts())
    for state in ("running", "exiting"):
        desk.journal.set_state(NAME, state, "", 0)
        desk.cycle()
        assert desk.codes() == ["second_opinion_differs"]
    assert len(desk.receipts()) == sent
    desk = two_nodes(desk, honest)
    assert desk.run() == ["exit"], "the way out is open as soon as they agree"


def test_08_what_the_nodes_disagree_on_never_becomes_the_past(warm: Warm, tmp_path: Path) -> None:
    """Nor when the keeper has no past at all yet; once they agree it goes on from what is true."""
    desk = at_desk(warm, tmp_path)
    price = desk.observe().pool.sqrt_price_x96
    desk.wait(60)
    lied = price + price // 100
    desk = two_nodes(desk, replaced(price, lied))
    desk.cycle()
    assert desk.codes() == ["second_opinion_differs"]
    assert lied not in prices(desk) and price in prices(desk)
    assert lied not in [each.sqrt_price_x96 for each in desk.observe().history.samples]
    desk.wait(60)
    agreed = two_nodes(desk, honest).observe()
    assert lied not in prices(desk) and agreed.block.timestamp == newest(desk)


def test_08_a_lie_at_the_very_first_look_leaves_no_past(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    now = desk.observe()
    desk.journal.samples.forget_after(now.pool.address, CHAIN_ID, 0)
    price = now.pool.sqrt_price_x96
    desk = two_nodes(desk, replaced(price, price + price // 100))
    desk.cycle()
    assert desk.codes() == ["second_opinion_differs"] and prices(desk) == []
    desk = two_nodes(desk, honest)
    desk.observe()
    assert price in prices(desk) and len(prices(desk)) > 1, "then the past is filled from the pool's own oracle"


def prices(desk: Desk) -> list[int]:
    """Of every sample in the journal."""
    pool = desk.venue.pool.address
    return [each.sqrt_price_x96 for each in desk.journal.samples.between(pool, CHAIN_ID, 0, 2**40)]


def newest(desk: Desk) -> int:
    pool = desk.venue.pool.address
    return max(each.timestamp for each in desk.journal.samples.between(pool, CHAIN_ID, 0, 2**40))


def test_08_a_second_node_that_is_silent_leaves_the_way_out(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()

    def behind(method: str, answer: Any) -> Any:
        return None if method == "eth_getBlockByHash" else answer

    desk = two_nodes(desk, honest, behind)
    assert "does not know block" in reasons(desk.observe())["second_opinion_absent"]
    desk.cycle()
    assert desk.codes() == ["second_opinion_missing"]
    desk.journal.set_state(NAME, "exiting", "", 0)
    assert desk.run() == ["exit"]


def test_08_a_lie_told_just_before_sending_stops_the_plan(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    price = desk.observe().pool.sqrt_price_x96
    heads = []

    def later(method: str, answer: Any) -> Any:
        if method == "eth_getBlockByNumber":
            heads.append(answer)
        return replaced(price, price + price // 100)(method, answer) if len(heads) > 1 else answer

    desk = two_nodes(desk, later)
    outcome = desk.cycle()
    assert outcome.kind == "held" and outcome.objections[0].code == "second_opinion_differs"
    assert desk.receipts() == [] and desk.journal.memory(NAME).open is None


def test_08_nonsense_from_the_second_node_is_no_opinion(warm: Warm, tmp_path: Path) -> None:
    def nonsense(method: str, answer: Any) -> Any:
        return {"number": None} if method == "eth_getBlockByHash" else answer

    seen = two_nodes(at_desk(warm, tmp_path), honest, nonsense).observe()
    assert "does not answer as a node does" in reasons(seen)["second_opinion_absent"]
