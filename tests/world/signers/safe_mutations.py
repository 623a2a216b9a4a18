"""A Safe's transactions made wrong, and an oracle that knows nothing of the policy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from keeper.known_safe import SAFE_RELEASES
from keeper.model.plan import Approve, Collect, Step
from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe.calldata import execute_calldata
from keeper.world.safe.multisend import multi_send
from keeper.world.signers.evidence import Evidence
from tests.world.signers import batches, scene
from tests.world.signers.mutations import ADDRESSES, MOST, OTHER_CALLS, meaning
from tests.world.signers.scene import ATTACKER, OWNER, TOKEN0

# The contract beside MultiSendCallOnly that lets a batch delegate its calls (Safe 1.4.1).
MULTI_SEND_ANY: Final = "0x38869bf66a61cf6bdb996a6ae40d5853fd43b526"
_SINGLETON: Final = SAFE_RELEASES["1.4.1"].singleton.address.lower()
_NUMBERS: Final = ("chain_id", "value_wei", "operation", "nonce", "safe_tx_gas", "base_gas", "gas_price")
_ADDRESSES: Final = ("safe", "to", "gas_token", "refund_receiver")
OTHER_ADDRESSES: Final = [*("0x" + each.hex() for each in ADDRESSES), batches.SAFE, MULTI_SEND_ANY, _SINGLETON]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A Safe's transaction that passes."""

    name: str
    evidence: Evidence
    tx: SafeTx


def proposals() -> list[Proposal]:
    steps: dict[str, Step] = {
        **batches.BATCHES, "exit": scene.EXIT, "collect": Collect((7,)), "take back": Approve(TOKEN0, "router", 0),
    }  # fmt: skip
    known = {name: batches.evidence("safe", step) for name, step in steps.items()}
    return [
        Proposal(name, known[name], batches.safe_tx(step, known[name].deadline_timestamp))
        for name, step in steps.items()
    ]


def is_intended(proposal: Proposal, tx: SafeTx) -> bool:
    """Whether it means what the proposal means; the nonce is the Safe's to give, from the first that is free."""
    wanted = proposal.tx
    try:
        same = (tx.to, tx.value_wei, tx.operation, meaning(tx.data)) == (wanted.to, 0, wanted.operation,
                                                                         meaning(wanted.data))  # fmt: skip
    except Exception:  # noqa: BLE001  # whatever the decoders cannot read is not what was meant
        return False
    free = [getattr(tx, name) for name in ("safe_tx_gas", "base_gas", "gas_price")] == [0, 0, 0]
    nobody = tx.gas_token == tx.refund_receiver == "0x" + "00" * 20
    here = (tx.chain_id, tx.safe) == (31337, batches.SAFE)
    return same and free and nobody and here and tx.nonce >= proposal.evidence.lowest_safe_nonce


def changed(tx: SafeTx, field: str, value: Any) -> SafeTx | None:
    """None where there is no such transaction, or it is the same."""
    try:
        made = replace(tx, **{field: value})
    except ValueError:
        return None
    return None if made == tx else made


def single_field(tx: SafeTx) -> Iterator[tuple[str, SafeTx]]:
    """Every field by itself, every byte of the calldata (one bit of it), and batches put together wrongly."""
    tries: list[tuple[str, Any]] = []
    for name in _NUMBERS:
        tries += [(name, value) for value in (*_other_numbers(getattr(tx, name)), 1, 2)]
    for name in _ADDRESSES:
        tries += [(name, value) for value in OTHER_ADDRESSES]
    for at in range(len(tx.data)):
        bad = bytearray(tx.data)
        bad[at] ^= 1 << at % 8
        tries.append(("data", bytes(bad)))
    tries += [("data", tx.data[:size]) for size in range(0, len(tx.data), 7)]
    tries += [("data", tx.data + tail) for tail in (b"\0", bytes(32), tx.data)]
    tries += [("data", selector + tx.data[4:]) for selector in OTHER_CALLS]
    for field, value in tries:
        made = changed(tx, field, value)
        if made is not None:
            yield field, made


def wrong_batches(calls: list[Call]) -> dict[str, bytes]:
    """``multiSend`` of almost these calls."""
    honest = multi_send(calls)
    theft = Call(TOKEN0, OTHER_CALLS[0] + bytes(12) + bytes.fromhex(ATTACKER[2:]) + (10**9).to_bytes(32, "big"))
    entry = bytearray(honest)
    entry[68] = 1  # the operation of the first call
    self_call = Call(batches.SAFE, execute_calldata(batches.safe_tx(batches.TIDY, 1), b""))
    return {
        "a delegated call inside": bytes(entry),
        "value inside": multi_send([replace(calls[0], value_wei=1), *calls[1:]]),
        "another target": multi_send([replace(calls[0], to=ATTACKER), *calls[1:]]),
        "a theft behind": multi_send([*calls, theft]),
        "a theft in front": multi_send([theft, *calls]),
        "a theft in place of the last": multi_send([*calls[:-1], theft]),
        "another order": multi_send([calls[1], calls[0], *calls[2:]]),
        "one call less": multi_send(calls[:-1]),
        "a call twice": multi_send([*calls, calls[-1]]),
        "a call of the Safe by itself": multi_send([*calls, self_call]),
        "new owners": multi_send([*calls, Call(batches.SAFE, OTHER_CALLS[-3] + bytes(64))]),
        "a call of the key": multi_send([*calls, Call(OWNER, b"")]),
        "a batch in a batch": multi_send([Call(batches.MULTI_SEND, honest)]),
    }


def _other_numbers(number: int) -> list[int]:
    return [each for each in (number + 1, number - 1, 0, MOST, number << 8, number ^ 1 << 64) if each >= 0]


class SafeMutator:
    """One random transaction after another, each one to three steps away from a proposal's."""

    def __init__(self, cases: list[Proposal], seed: int) -> None:
        self._random, self._cases = random.Random(seed), cases

    def next(self) -> tuple[Proposal, SafeTx]:
        """A proposal, and a transaction that is not its own."""
        chance = self._random
        while True:
            case = chance.choice(self._cases)
            made: SafeTx | None = case.tx
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                made = made and (self._step(made) or made)
            if made is not None and made != case.tx:
                return case, made

    def _step(self, tx: SafeTx) -> SafeTx | None:
        chance = self._random
        kind = chance.randrange(10)
        if kind < 2:
            name = chance.choice(_NUMBERS)
            return changed(tx, name, chance.choice([*_other_numbers(getattr(tx, name)), chance.randrange(1 << 256)]))
        if kind < 4:
            return changed(tx, chance.choice(_ADDRESSES), chance.choice(OTHER_ADDRESSES))
        if kind == 4:
            return changed(tx, "data", chance.choice(self._cases).tx.data)
        if kind == 5:
            return changed(tx, "data", chance.choice(OTHER_CALLS) + tx.data[4:])
        return changed(tx, "data", self._bytes(tx.data))

    def _bytes(self, data: bytes) -> bytes:
        """A bit, a word from elsewhere, an address, or some bytes more or less."""
        chance = self._random
        if len(data) < 64:
            return chance.randbytes(chance.randrange(200))
        at, other = chance.randrange(len(data) - 32), chance.randrange(len(data) - 32)
        return chance.choice((
            data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :],
            data[:at] + data[other : other + 32] + data[at + 32 :],
            data[:at] + chance.choice(ADDRESSES) + data[at + 20 :],
            data[:at] + chance.randbytes(chance.randrange(1, 33)) + data[at:],
            data[:at] + data[at + chance.randrange(1, 33) :],
            data[:at],
        ))  # fmt: skip
