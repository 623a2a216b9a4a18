"""Reads pinned to one block of a real chain, whatever is mined between the exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from keeper.errors import RpcError, TransientError
from keeper.world.chain import codec
from keeper.world.chain.multicall import Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.chain.pinned import PinnedReads
from keeper.world.v3 import reads
from tests.world.chain import hostile
from tests.world.chain.hostile import HostileServer
from tests.world.conftest import Desk


class MiningNode:
    """Passes requests on, but the chain moves on before each of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.calls = 0

    def request(self, method: str, params: Sequence[Any]) -> Any:
        self.calls += 1
        self._desk.chain.market.step()
        return self._desk.node.request(method, params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        raise NotImplementedError

    def send_raw_transaction(self, raw: bytes) -> str:
        raise NotImplementedError


def test_all_chunks_are_read_at_one_block_while_blocks_are_mined(desk: Desk) -> None:
    for _ in range(3):
        desk.chain.market.step()
    block = desk.latest()
    node, slot0 = MiningNode(desk), reads.plain(desk.deployment.pool, "slot0()")
    answers = Multicall(node, desk.contracts.multicall, chunk_calls=2).read([slot0] * 7, block["hash"])
    assert node.calls == 4
    assert len(set(answers)) == 1
    (now,) = Multicall(desk.node, desk.contracts.multicall).read([slot0], desk.latest()["hash"])
    assert now != answers[0]  # the price had moved on, and the pinned reads did not see it


def test_the_observer_reads_one_block_while_blocks_are_mined(desk: Desk) -> None:
    desk.mint(5, 50)
    still = desk.venue.reader(desk.owner, (600,), tick_window=6_000)
    moving = desk.venue.reader(desk.owner, (600,), tick_window=6_000)
    block_hash = desk.latest()["hash"]
    expected = still.read(block_hash)
    node = MiningNode(desk)
    moving._multicall = Multicall(node, desk.contracts.multicall, chunk_calls=20)
    assert moving.read(block_hash) == expected
    assert node.calls > 3


def test_a_failing_call_is_none_and_the_others_stand(desk: Desk) -> None:
    pool = desk.deployment.pool
    calls = [reads.observe_call(pool, (10**8, 0)), reads.plain(pool, "fee()"), (pool, b"\xde\xad\xbe\xef")]
    multicall = Multicall(desk.node, desk.contracts.multicall)
    old, fee, unknown = multicall.read([*calls], desk.latest()["hash"])
    assert (old, unknown) == (None, None)
    assert fee is not None
    assert codec.unsigned(fee) == 500


def test_native_balance(desk: Desk) -> None:
    multicall = Multicall(desk.node, desk.contracts.multicall)
    (wei,) = multicall.read([multicall.native_balance_call(desk.owner)], desk.latest()["hash"])
    assert wei is not None
    assert codec.unsigned(wei) == int(desk.node.request("eth_getBalance", [desk.owner, "latest"]), 16) > 0


def test_a_block_that_was_replaced_is_not_read(desk: Desk) -> None:
    impatient = HttpNode([f"http://127.0.0.1:{desk.chain.anvil.port}"], retries=0)
    multicall = Multicall(impatient, desk.contracts.multicall)
    desk.chain.market.step()
    gone = desk.latest()["hash"]
    desk.chain.anvil.rpc("anvil_reorg", 1, [])
    assert desk.latest()["hash"] != gone
    with pytest.raises(TransientError):
        multicall.read([reads.plain(desk.deployment.pool, "slot0()")], gone)


def test_too_much_for_one_call_is_halved(desk: Desk) -> None:
    limited = desk.node
    ask = limited.request

    def stingy(method: str, params: Sequence[Any]) -> Any:
        if len(params[0]["data"]) > 3_000:
            raise RpcError("eth_call: out of gas", code=-32000)
        return ask(method, params)

    calls = [reads.tick_call(desk.deployment.pool, tick) for tick in range(60)]
    block_hash = desk.latest_hash
    limited.request = stingy  # type: ignore[method-assign]
    answers = Multicall(limited, desk.contracts.multicall).read(calls, block_hash)
    limited.request = ask  # type: ignore[method-assign]
    assert answers == Multicall(limited, desk.contracts.multicall).read(calls, block_hash)


def test_something_else_at_the_address_is_said(desk: Desk) -> None:
    for target in (desk.deployment.token0, "0x00000000000000000000000000000000000000AA"):
        with pytest.raises(RpcError):
            Multicall(desk.node, target).read([reads.plain(desk.deployment.pool, "fee()")], desk.latest_hash)
    empty_list = hostile.good("0x" + "00" * 31 + "20" + "00" * 32)
    with HostileServer(empty_list) as server, pytest.raises(RpcError, match="0 of 1"):
        Multicall(HttpNode([server.url])).read([(desk.deployment.pool, b"")], "0x00")


def test_pinned_reads_are_made_once(desk: Desk) -> None:
    pool = desk.deployment.pool
    fee, spacing = reads.plain(pool, "fee()"), reads.plain(pool, "tickSpacing()")
    at = PinnedReads(Multicall(desk.node, desk.contracts.multicall), desk.latest_hash)
    at.fetch([fee, spacing, fee])
    at.fetch([fee])
    assert at.exchanges == 1
    assert codec.unsigned(at.must(spacing, "tickSpacing()")) == 10
    assert at.taken == (spacing,)
    at.fetch([(pool, b"\xde\xad\xbe\xef")])
    with pytest.raises(RpcError, match="does not answer nonsense"):
        at.must((pool, b"\xde\xad\xbe\xef"), "nonsense()")
