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
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.signers import policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.v3.calldata import call_for
from tests.world.signers import scene
from tests.world.signers.scene import ATTACKER, OWNER, POSITIONS, ROUTER, TOKEN0
from tests.world.signers.written import Written, write

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
