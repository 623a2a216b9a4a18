"""Row 26: strangers and owners who carry out, beside or in place of what was proposed, something else in our clothes.

Whoever holds the owners' signatures can execute what they signed, and may wrap it as he likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from keeper.chainlab.calls import call_data, send
from keeper.model.plan import Mint, MintRange
from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe.calldata import execute_calldata, packed_signatures, selector
from keeper.world.safe.multisend import batch_of
from tests.faults.site import CHAIN_ID
from tests.faults.treasury import EXECUTOR, Treasury, make_treasury
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm
from tests.safe.transaction_service import TransactionService

NOTHING = {0}
_TRY_ALL = "aggregate3((address,bool,bytes)[])"


@pytest.fixture
def files(world: Warm, service: TransactionService, tmp_path: Path) -> Treasury:
    return make_treasury(world, tmp_path / "files", service, mode="proposal_file")


@pytest.fixture
def filer(files: Treasury) -> Iterator[Keeper]:
    with files.at_work() as one:
        yield one


def signed(treasury: Treasury, tx: SafeTx, *who: int) -> bytes:
    return execute_calldata(tx, packed_signatures(treasury.signatures(tx, *(who or (0, 1)))))


def sends(treasury: Treasury, to: str, data: bytes) -> dict[str, Any]:
    stranger = str(treasury.rpc("eth_accounts")[EXECUTOR])
    return send(treasury.warm.anvil.rpc, stranger, to, "0x" + data.hex())


def together(treasury: Treasury, *executions: bytes) -> dict[str, Any]:
    """Several executions in one transaction of somebody's."""
    items = [(treasury.safe, False, each) for each in executions]
    data = selector(_TRY_ALL) + encode(["(address,bool,bytes)[]"], [items])
    return sends(treasury, treasury.warm.deployment.multicall3, data)


def other(treasury: Treasury, nonce: int) -> SafeTx:
    return SafeTx(CHAIN_ID, treasury.safe.lower(), "0x" + "77" * 20, 0, b"\x01", 0, nonce)


def own_mint(treasury: Treasury, keeper: Keeper) -> list[Call]:
    """A position of the owners' own in the same pool."""
    deployment = treasury.warm.deployment
    step = Mint((MintRange(-600_000, 600_000, 10**5, 10**5, 0, 0, 1_000_000),), -600_000, 600_000)
    allowed = bytes.fromhex(call_data("approve(address,uint256)", deployment.position_manager, 10**5)[2:])
    mint = keeper.runner._hands.venue.call(step, treasury.safe, 2**40)
    return [Call(deployment.token0, allowed), Call(deployment.token1, allowed), mint]


def imported(treasury: Treasury, keeper: Keeper, *more: Call) -> SafeTx:
    """What people make of the file, with calls of their own behind it."""
    proposal = keeper.act()
    step = keeper.journal.transactions.steps(1)[0].step
    calls = keeper.runner._hands.executor._proposer.calls(step, proposal.deadline_timestamp)  # type: ignore[attr-defined]
    to, value, data, operation = batch_of([*calls, *more], treasury.multisend())
    return SafeTx(CHAIN_ID, treasury.safe.lower(), to, value, data, operation, treasury.nonce())


def test_26_another_transaction_with_our_bytes_behind_it_is_not_ours(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    sends(treasury, treasury.safe, signed(treasury, other(treasury, 0)) + execute_calldata(proposal.transaction, b""))
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "went to another transaction" in outcome.reason
    assert keeper.act().state == "REPLACED"


def test_26_a_file_is_not_done_because_a_stranger_sends_its_bytes_along(filer: Keeper, files: Treasury) -> None:
    filer.cycle()
    sends(files, files.safe, signed(files, other(files, 0)) + execute_calldata(filer.act().transaction, b""))
    assert filer.cycle().kind == "pending"
    files.executes_it(imported(files, filer), 0, 1)
    assert filer.cycle().kind == "done" and set(filer.difference().values()) == NOTHING


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_26_a_file_is_done_though_the_owners_added_to_it(filer: Keeper, files: Treasury, is_wrapped: bool) -> None:
    """And whoever executes it may do so by way of a contract of his own."""
    filer.cycle()
    tx = imported(files, filer, *own_mint(files, filer))
    if is_wrapped:
        together(files, signed(files, tx))
    else:
        files.executes_it(tx, 0, 1)
    outcome = filer.cycle()
    assert outcome.kind == "done", outcome
    assert set(filer.difference().values()) == NOTHING
    assert len(filer.journal.memory("treasury").held) == 1, "theirs is not the strategy's"


def test_26_ours_and_something_of_the_owners_in_one_transaction(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    to, value, data, operation = batch_of(own_mint(treasury, keeper), treasury.multisend())
    theirs = SafeTx(CHAIN_ID, treasury.safe.lower(), to, value, data, operation, proposal.nonce + 1)
    together(treasury, signed(treasury, proposal.transaction), signed(treasury, theirs))
    outcome = keeper.cycle()
    assert outcome.kind == "done", outcome
    assert set(keeper.difference().values()) == NOTHING
    assert len(keeper.journal.memory("treasury").held) == 1
