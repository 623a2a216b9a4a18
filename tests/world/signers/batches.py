"""Steps that are several in one transaction, and the transactions by which each kind of owner carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from keeper.known_safe import BATCH_ACCOUNT, SAFE_RELEASES
from keeper.model.observation import Account as AccountKind
from keeper.model.plan import Approve, Batch, Collect, Increase, Mint, SingleStep, Step, Swap, singles
from keeper.model.safe import SafeTx, rejection
from keeper.world.protocols import Call
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.multisend import batch_of
from keeper.world.signers.evidence import Evidence, PastProposal, Rules
from keeper.world.v3.calldata import call_for
from tests.world.signers import scene
from tests.world.signers.scene import OWNER, TOKEN0, TOKEN1, Case

SAFE = "0x" + "5a" * 20
DELEGATE = BATCH_ACCOUNT.address.lower()
MULTI_SEND = SAFE_RELEASES["1.4.1"].multi_send_call_only.address.lower()
SAFE_NONCE = 3
SIGNATURES = bytes(range(64)) + b"\x1b" + bytes(range(64, 128)) + b"\x1c"
STRANGER = Account.from_key(b"\x0b" * 32)


def batch(*acts: SingleStep) -> Batch:
    """The acts with exact approvals in front, all of them taken back at the end."""
    steps: list[SingleStep] = []
    given: dict[tuple[str, Any], None] = {}
    for act in acts:
        for token, spender, amount in _needs(act):
            steps.append(Approve(token, spender, amount))
            given[token, spender] = None
        steps.append(act)
    return Batch((*steps, *(Approve(token, spender, 0) for token, spender in given)))


def _needs(act: SingleStep) -> Iterable[tuple[str, Any, int]]:
    if isinstance(act, Swap):
        yield (TOKEN0 if act.zero_for_one else TOKEN1), "router", act.amount_in
    if isinstance(act, Mint | Increase):
        parts = act.ranges if isinstance(act, Mint) else act.additions
        for token, total in (
            (TOKEN0, sum(each.amount_0_desired for each in parts)),
            (TOKEN1, sum(each.amount_1_desired for each in parts)),
        ):
            if total:
                yield token, "positions", total


REBALANCE = batch(scene.EXIT, scene.swap(True), scene.MINT)
COMPOUND = batch(Collect((7, 8)), scene.swap(False), scene.INCREASE)
ENTER = batch(scene.swap(True), scene.MINT)
LEAVE = Batch((scene.EXIT, Approve(TOKEN0, "router", 0), Approve(TOKEN1, "positions", 0)))
TIDY = Batch((Approve(TOKEN0, "router", 0), Approve(TOKEN1, "router", 0)))
MOVE = Batch((scene.EXIT, scene.MINT))  # what the position manager does by itself

BATCHES = {"rebalance": REBALANCE, "compound": COMPOUND, "enter": ENTER, "leave": LEAVE, "tidy": TIDY}


def rules(account: AccountKind, **changes: Any) -> Rules:
    known: dict[str, Any] = {"account": account, "owner": SAFE if account == "safe" else OWNER}
    if account == "delegated":
        known["delegate"] = DELEGATE
    if account == "safe":
        known["multisend"] = MULTI_SEND
    return replace(scene.rules(), **(known | changes))


def evidence(account: AccountKind, *steps: Step, ordinal: int = 0, **changes: Any) -> Evidence:
    known = scene.evidence(steps, ordinal)
    owner = SAFE if account == "safe" else OWNER
    wallet = replace(known.observation.wallet, owner=owner, account=account)
    return replace(known, owner=owner, observation=replace(known.observation, wallet=wallet), **changes)


def calls(step: Step, owner: str, deadline: int) -> list[Call]:
    """One call for each single step."""
    return [call_for(scene.contracts(), scene.POOL, each, owner, deadline) for each in singles((step,))]


def execute_batch(made: Iterable[Call]) -> bytes:
    items = [(call.to, call.value_wei, call.data) for call in made]
    return keccak(text="executeBatch((address,uint256,bytes)[])")[:4] + encode(["(address,uint256,bytes)[]"], [items])


def envelope(to: str, data: bytes, **changes: Any) -> dict[str, Any]:
    return {"type": 2, "chainId": 31337, "nonce": 5, "to": to, "data": data, "value": 0, "gas": 1_600_000,
            "maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**8} | changes  # fmt: skip


def delegated(step: Batch, deadline: int, **changes: Any) -> dict[str, Any]:
    """The account's own transaction; with ``delegate`` and type 4 the one that delegates it besides."""
    return envelope(OWNER, execute_batch(calls(step, OWNER, deadline)), **changes)


def delegating(step: Batch, deadline: int, **changes: Any) -> dict[str, Any]:
    return delegated(step, deadline, type=4, delegate=DELEGATE, **changes)


def safe_tx(step: Step, deadline: int, **changes: Any) -> SafeTx:
    to, value, data, operation = batch_of(calls(step, SAFE, deadline), MULTI_SEND)
    fields: dict[str, Any] = {"chain_id": 31337, "safe": SAFE, "to": to, "value_wei": value, "data": data,
                              "operation": operation, "nonce": SAFE_NONCE}  # fmt: skip
    return SafeTx(**(fields | changes))


def asked(tx: SafeTx, state: str = "PROPOSED", debit_quote: int = 0) -> PastProposal:
    return PastProposal(tx, tx.is_rejection, state, debit_quote)


def key_cases() -> list[Case]:
    """Batches of a plain key: by the position manager alone, by its delegated account, and while that is delegated."""
    made = []
    for name, step in BATCHES.items():
        known = evidence("delegated", step)
        deadline = known.deadline_timestamp
        made.append(Case(f"{name} (delegated)", rules("delegated"), known, delegated(step, deadline)))
        if name in ("enter", "tidy"):
            made.append(Case(f"{name} (delegating)", rules("delegated"), known, delegating(step, deadline)))
    known = evidence("multicall", MOVE)
    call = call_for(scene.contracts(), scene.POOL, MOVE, OWNER, known.deadline_timestamp)
    return [*made, Case("move (multicall)", rules("multicall"), known, envelope(call.to, call.data))]


def sent_cases() -> list[Case]:
    """What our own key sends to the Safe."""
    known, other = evidence("safe", LEAVE), evidence("safe", ENTER)
    tx, entry = safe_tx(LEAVE, known.deadline_timestamp), safe_tx(ENTER, other.deadline_timestamp)
    reject = rejection(31337, SAFE, SAFE_NONCE)
    back = replace(known, proposals=(asked(tx, "EXPIRED"), asked(reject, "READY")))
    of_safe = rules("safe")
    sent = (
        ("execTransaction", replace(known, proposals=(asked(tx),)), execute_calldata(tx, SIGNATURES)),
        ("approveHash", replace(other, proposals=(asked(entry),)), approve_hash_calldata(safe_tx_hash(entry))),
        ("execTransaction of a rejection", back, execute_calldata(reject, SIGNATURES)),
    )
    return [Case(name, of_safe, seen, envelope(SAFE, data)) for name, seen, data in sent]
