from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from keeper.chainlab.calls import call_data, read
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts, transaction_hash
from keeper.chainlab.owners import OwnersAtHand
from keeper.chainlab.owners_board import OwnersBoard
from keeper.errors import HaltedError, TransientError
from keeper.model.safe import SafeTx, rejection
from keeper.world.safe.board import Notice
from keeper.world.safe.signatures import recover_owner
from tests.conftest import Chain

OWNERS = OwnersAtHand.from_seed(5)
PROPOSER = "0x00000000000000000000000000000000000a11ce"
DELAY_SECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Office:
    chain: Chain
    safe: str
    board: OwnersBoard

    def notice(self, *, nonce: int = 0, token: str | None = None) -> Notice:
        """To let somebody spend a token of the Safe's: something harmless with a nonce."""
        data = call_data("approve(address,uint256)", PROPOSER, 7)
        to = (token or self.chain.deployment.token0).lower()
        safe_tx = SafeTx(31337, self.safe.lower(), to, 0, bytes.fromhex(data[2:]), 0, nonce)
        return self.of(safe_tx)

    def of(self, safe_tx: SafeTx) -> Notice:
        digest = "0x" + transaction_hash(self.chain.anvil.rpc, self.safe, safe_tx).hex()
        return Notice(safe_tx, digest, PROPOSER, b"", (), "{}", "title", "text")

    @property
    def nonce(self) -> int:
        return int(read(self.chain.anvil.rpc, self.safe, "nonce()", ("uint256",))[0])


@pytest.fixture(params=[0])
def office(chain: Chain, request: pytest.FixtureRequest) -> Office:
    rpc = chain.anvil.rpc
    place_safe_contracts(rpc)
    safe = create_safe(rpc, OWNERS.addresses, 2)
    chain.market.step()
    board = OwnersBoard(
        rpc, chain.market, safe, OWNERS, proposer=PROPOSER, executor=rpc("eth_accounts")[3], delay_seconds=request.param
    )
    return Office(chain, safe, board)


def test_two_of_three_sign_in_turn_and_another_account_pays(office: Office) -> None:
    signers = []
    for nonce in range(3):
        notice = office.notice(nonce=nonce)
        office.board.post(notice)
        office.board.post(notice)
        assert office.board.confirmations(notice) == {}
        assert office.board.work()
        signed = office.board.confirmations(notice)
        digest = bytes.fromhex(notice.hash[2:])
        assert [recover_owner(digest, each) for each in signed.values()] == list(signed)
        signers.append(sorted(signed))
        assert office.nonce == nonce and office.board.queued(0) == {nonce: {notice.hash}}
        assert office.board.work()
        assert office.nonce == nonce + 1 and not office.board.work()
        assert office.board.queued(0) == {}
    first, second, third = (address.lower() for address in OWNERS.addresses)
    assert signers == [sorted((first, second)), sorted((second, third)), sorted((third, first))]
    receipts = [office.chain.anvil.rpc("eth_getTransactionReceipt", each) for each in office.board.executions]
    assert {each["from"] for each in receipts} == {office.chain.anvil.rpc("eth_accounts")[3].lower()}


def test_nobody_signs_what_the_safe_hashes_otherwise(office: Office) -> None:
    notice = office.notice()
    claimed = replace(notice, transaction=replace(notice.transaction, operation=1))
    with pytest.raises(HaltedError, match="nobody signs it"):
        office.board.post(claimed)
    office.board.post(notice)
    with pytest.raises(HaltedError, match="another transaction under"):
        office.board.post(claimed)
    with pytest.raises(TransientError, match="does not know"):
        office.board.confirmations(replace(notice, hash="0x00"))


@pytest.mark.parametrize("office", [DELAY_SECONDS], indirect=True)
def test_owners_take_their_time_and_the_last_word_on_a_nonce_counts(office: Office) -> None:
    notice = office.notice()
    office.board.post(notice)
    assert not office.board.work() and office.board.confirmations(notice) == {}
    office.chain.market.step()  # a quarter of an hour
    assert not office.board.work()
    office.chain.market.step()
    assert office.board.work() and office.board.confirmations(notice)
    last = office.of(rejection(31337, office.safe.lower(), 0))
    office.board.post(last)
    for _ in range(2):
        office.chain.market.step()
    assert office.board.work() and office.board.work()
    assert office.nonce == 1 and not office.board.work()
    with pytest.raises(TransientError, match="does not know"):  # its nonce is gone
        office.board.confirmations(notice)


def test_an_execution_that_would_fail_is_not_paid_for(office: Office) -> None:
    notice = office.notice(token=office.chain.deployment.pool)  # no token: the call reverts
    office.board.post(notice)
    assert office.board.work()
    assert not office.board.work() and office.board.refused == 1
    assert office.board.executions == [] and office.nonce == 0
