"""Rows 1 and 4: whoever makes the keeper ask for a signature gets none for anything but what is due to the owner.

The key is a real one that would sign whatever reaches it; that nothing reaches it is what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from keeper.errors import SigningRefusedError
from keeper.model.plan import Approve, Collect, Exit, Mint, Step
from keeper.model.safe import SafeTx
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Call
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.multisend import batch_of
from keeper.world.signers import policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.v3.calldata import call_for
from tests.world.signers import batches, scene
from tests.world.signers.batches import ENTER, SAFE
from tests.world.signers.scene import ATTACKER, OWNER, POSITIONS, ROUTER, TOKEN0
from tests.world.signers.written import Written, write, write_for

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
MOST = 2**256 - 1


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    journal = open_journal(f"sqlite:///{tmp_path}/stolen.db", "wallet")
    yield journal
    journal.close()


def call(signature: str, *values: Any) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode(types, values)


# What a thief would want signed: target, calldata, wei.
THEFTS: dict[str, tuple[str, bytes, int]] = {
    "native coin": (ATTACKER, b"", 10**18),
    "native coin to the owner's router": (ROUTER, b"", 1),
    "transfer": (TOKEN0, call("transfer(address,uint256)", ATTACKER, 10**9), 0),
    "transferFrom": (TOKEN0, call("transferFrom(address,address,uint256)", OWNER, ATTACKER, 10**9), 0),
    "approval of a thief": (TOKEN0, call("approve(address,uint256)", ATTACKER, 10**9), 0),
    "unlimited approval": (TOKEN0, call("approve(address,uint256)", ROUTER, MOST), 0),
    "approval of Permit2": (TOKEN0, call("approve(address,uint256)", PERMIT2, 10**9), 0),
    "Permit2 itself": (PERMIT2, call("approve(address,address,uint160,uint48)", TOKEN0, ATTACKER, 1, 1), 0),
    "increaseAllowance": (TOKEN0, call("increaseAllowance(address,uint256)", ROUTER, MOST), 0),
    "setApprovalForAll": (POSITIONS, call("setApprovalForAll(address,bool)", ATTACKER, True), 0),
    "approval of an NFT": (POSITIONS, call("approve(address,uint256)", ATTACKER, 7), 0),
    "transfer of an NFT": (POSITIONS, call("transferFrom(address,address,uint256)", OWNER, ATTACKER, 7), 0),
    "safe transfer of an NFT": (POSITIONS, call("safeTransferFrom(address,address,uint256)", OWNER, ATTACKER, 7), 0),
    "sweepToken": (POSITIONS, call("sweepToken(address,uint256,address)", TOKEN0, 0, ATTACKER), 0),
    "plain burn": (POSITIONS, call("burn(uint256)", 7), 0),
    "a token outside": (ATTACKER, call("approve(address,uint256)", ROUTER, 0), 0),
    "nothing to ourselves": (OWNER, b"", 0),
}


@pytest.mark.parametrize("theft", [*THEFTS])
@pytest.mark.parametrize("name", ["approve for a swap", "exit", "mint"])
def test_01_nothing_but_the_step_is_signed(journal: SqlJournal, theft: str, name: str) -> None:
    target, data, value = THEFTS[theft]
    written = write(journal, name)
    for cancels in (False, True):
        made = scene.transaction(written.steps[0], written.deadline, to=target, data=data, value=value)
        with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
            written.ask(made, cancels=cancels)
    assert written.signer.reached == []


@pytest.mark.parametrize("theft", [*THEFTS])
def test_01_nothing_but_the_batch_is_done_by_an_account_that_can_do_anything(journal: SqlJournal, theft: str) -> None:
    """As the transaction itself, as the only call of the batch, in front of its calls, and behind them."""
    written = write_for(journal, "delegated", ENTER)
    stolen, honest = Call(*THEFTS[theft]), batches.calls(ENTER, OWNER, written.deadline)
    batched = [batches.execute_batch(calls) for calls in ([stolen], [stolen, *honest], [*honest, stolen])]
    made = [batches.envelope(OWNER, data) for data in batched]
    made += [each | {"type": 4, "delegate": batches.DELEGATE} for each in made]
    made.append(batches.envelope(stolen.to, stolen.data, value=stolen.value_wei))
    for transaction in made:
        for cancels in (False, True):
            with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
                written.ask(transaction, cancels=cancels)
    assert written.signer.reached == []


@pytest.mark.parametrize("theft", [*THEFTS])
def test_01_no_owner_of_a_safe_is_asked_for_a_theft(journal: SqlJournal, theft: str) -> None:
    """Nor is it sent to the Safe, or to anything, where it was put into the journal as if it had been asked for."""
    written = write_for(journal, "safe", ENTER)
    stolen, honest = Call(*THEFTS[theft]), batches.calls(ENTER, SAFE, written.deadline)
    asked = [
        SafeTx(31337, SAFE, *batch_of(calls, batches.MULTI_SEND), batches.SAFE_NONCE)
        for calls in ([stolen], [stolen, *honest], [*honest, stolen])
    ]
    for tx in asked:
        for cancels in (False, True):
            with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
                written.propose(tx, cancels=cancels)
    with pytest.raises(SigningRefusedError, match="the target"):
        written.ask(batches.envelope(stolen.to, stolen.data, value=stolen.value_wei))
    for tx in asked:
        written.put_proposal(tx, "READY")
        for data in (execute_calldata(tx, batches.SIGNATURES), approve_hash_calldata(safe_tx_hash(tx))):
            with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
                written.ask(batches.envelope(SAFE, data))
    assert written.signer.reached == []


@pytest.mark.parametrize("name", ["rebalance", "compound", "enter", "leave"])
def test_01_no_recipient_but_the_owner_of_a_batch(journal: SqlJournal, name: str) -> None:
    step = batches.BATCHES[name]
    written = write_for(journal, "delegated", step)
    stolen = batches.execute_batch(batches.calls(step, ATTACKER, written.deadline))
    with pytest.raises(SigningRefusedError, match=f"recipient of .* is {ATTACKER}; allowed is {OWNER}"):
        written.ask(batches.envelope(OWNER, stolen))
    written.ask(batches.delegated(step, written.deadline))


@pytest.mark.parametrize("recipient", [ATTACKER, OWNER])
@pytest.mark.parametrize("name", ["rebalance", "compound", "enter", "leave"])
def test_01_no_recipient_but_the_safe_not_even_the_key(journal: SqlJournal, name: str, recipient: str) -> None:
    step = batches.BATCHES[name]
    written = write_for(journal, "safe", step)
    stolen = batch_of(batches.calls(step, recipient, written.deadline), batches.MULTI_SEND)
    with pytest.raises(SigningRefusedError, match=f"recipient of .* is {recipient}; allowed is {SAFE}"):
        written.propose(SafeTx(31337, SAFE, *stolen, batches.SAFE_NONCE))
    assert written.signer.reached == []
    written.propose(batches.safe_tx(step, written.deadline))


RECIPIENTS = ["exit", "collect", "mint", "swap token0", "swap token1"]


@pytest.mark.parametrize("name", RECIPIENTS)
def test_01_no_recipient_but_the_owner(journal: SqlJournal, name: str) -> None:
    """The very call of the step, paying somebody else: by the keeper's own encoder, so nothing else is wrong."""
    written = write(journal, name)
    stolen = call_for(scene.contracts(), scene.POOL, written.steps[0], ATTACKER, written.deadline)
    with pytest.raises(SigningRefusedError, match=f"recipient of .* is {ATTACKER}; allowed is {OWNER}"):
        written.sign(to=stolen.to, data=stolen.data)
    assert written.signer.reached == []
    written.sign()


FORGED: list[Step] = [
    Approve(TOKEN0, "router", MOST),
    Approve(ATTACKER, "positions", 1),
    replace(scene.swap(True), amount_out_min=0),
    replace(scene.swap(True), amount_in=10**12),
    Exit(tuple(replace(each, amount_0_min=0, amount_1_min=0) for each in scene.EXIT.withdrawals)),
    Mint((replace(scene.MINT.ranges[0], amount_0_min=0, amount_1_min=0),), 0, 1),
    Collect((10,)),
]


@pytest.mark.parametrize("step", FORGED)
def test_01_a_forged_step_in_journal_and_decision_is_held_to_the_rules(step: Step) -> None:
    """Even who can write decisions does not get worse than the strategy's own bounds."""
    known = scene.evidence((step,))
    made = scene.transaction(step, known.deadline_timestamp)
    with pytest.raises(SigningRefusedError):
        policy.check(scene.rules(), known, unsigned_bytes(made))


def test_01_the_key_of_another_address_is_no_use(journal: SqlJournal) -> None:
    written: Written = write(journal, "exit", KeystoreSigner(Account.from_key(b"\x0c" * 32)))
    with pytest.raises(SigningRefusedError, match="the signer's address is"):
        written.sign()
