"""What the Safe Transaction Service says of one transaction, and whether it is the one that was meant.

The service is a notice board, not an authority: whatever it says is compared with what was asked of it, field by field
and by the hash of its own fields, before anybody is told that a proposal stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, cast

from keeper.model.safe import CALL, DELEGATE_CALL, Operation, SafeTx
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.signatures import Confirmation

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_DIGITS: Final = re.compile(r"[0-9]{1,78}")
_HASH_LETTERS: Final = 66
_COMPARED: Final = (
    "safe", "to", "value_wei", "data", "operation", "nonce", "safe_tx_gas", "base_gas", "gas_price", "gas_token",
    "refund_receiver",
)  # fmt: skip


class UnreadableError(ValueError):
    """The service's answer is not in the form that it promises."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A transaction as the service tells it. ``tx``: rebuilt from the record's own fields; ``safe_tx_hash``: the hash
    it claims. Nothing here is true because it is said; what was executed is for the Safe's own events to say."""

    tx: SafeTx
    safe_tx_hash: str
    proposer: str | None
    proposed_by_delegate: str | None
    is_executed: bool
    is_successful: bool | None
    transaction_hash: str | None
    confirmations_required: int | None
    confirmations: tuple[Confirmation, ...]
    trusted: bool
    origin: str

    def complaint(self, tx: SafeTx, wanted_hash: bytes) -> str | None:
        """In which way this is not the transaction that was asked for; None where it is that one, byte for byte."""
        for name in _COMPARED:
            if getattr(self.tx, name) != getattr(tx, name):
                return f"its {name} is {_shown(getattr(self.tx, name))}, not {_shown(getattr(tx, name))}"
        wanted = "0x" + wanted_hash.hex()
        if self.safe_tx_hash != wanted:
            return f"it gives the hash {self.safe_tx_hash}, not {wanted}"
        own = "0x" + safe_tx_hash(self.tx).hex()
        if own != wanted:
            return f"its own fields have the hash {own}, not {wanted}"
        return None


def record_of(document: Any, chain_id: int) -> ServiceRecord:
    """The record in a reply of v2 (numbers as text) or v1 (some as numbers).

    Raises:
        UnreadableError: a field is missing or not of its kind.
    """
    try:
        tx = SafeTx(
            chain_id=chain_id,
            safe=address(document["safe"]),
            to=address(document["to"]),
            value_wei=number(document["value"]),
            data=octets(document["data"]),
            operation=_operation(document["operation"]),
            nonce=number(document["nonce"]),
            safe_tx_gas=number(document["safeTxGas"]),
            base_gas=number(document["baseGas"]),
            gas_price=number(document["gasPrice"]),
            gas_token=address(document["gasToken"]),
            refund_receiver=address(document["refundReceiver"]),
        )
        required = document.get("confirmationsRequired")
        return ServiceRecord(
            tx,
            _hash(document["safeTxHash"]),
            _maybe_address(document.get("proposer")),
            _maybe_address(document.get("proposedByDelegate")),
            _flag(document["isExecuted"]),
            None if document.get("isSuccessful") is None else _flag(document["isSuccessful"]),
            None if document.get("transactionHash") is None else _hash(document["transactionHash"]),
            None if required is None else number(required),
            tuple(_confirmation(each) for each in document.get("confirmations") or ()),
            _flag(document["trusted"]),
            str(document.get("origin") or ""),
        )
    except UnreadableError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError(f"a transaction without a usable {error.args[0] if error.args else 'form'}") from None


def number(value: Any) -> int:
    """A non-negative integer, as a number or as decimal text. UnreadableError for anything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise UnreadableError(f"{_shown(value)} where a number should be")


def address(value: Any) -> str:
    """An address, in lower case. UnreadableError for anything else."""
    if value is None:
        return "0x" + "00" * 20
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        return value.lower()
    raise UnreadableError(f"{_shown(value)} where an address should be")


def octets(value: Any) -> bytes:
    """Data in hex; None is none. UnreadableError for anything else."""
    if value is None:
        return b""
    if isinstance(value, str) and _HEX.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise UnreadableError(f"{_shown(value)} where data in hex should be")


def _maybe_address(value: Any) -> str | None:
    return None if value is None else address(value)


def _hash(value: Any) -> str:
    if isinstance(value, str) and len(value) == _HASH_LETTERS and _HEX.fullmatch(value):
        return value.lower()
    raise UnreadableError(f"{_shown(value)} where a hash should be")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise UnreadableError(f"{_shown(value)} where true or false should be")


def _operation(value: Any) -> Operation:
    found = number(value)
    if found not in (CALL, DELEGATE_CALL):
        raise UnreadableError(f"operation {found}")
    return cast(Operation, found)


def _confirmation(value: Any) -> Confirmation:
    return Confirmation(address(value["owner"]), octets(value["signature"]))


def _shown(value: Any) -> str:
    """Short and printable."""
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    text = "".join(letter for letter in text if letter.isprintable())
    return text if len(text) <= 80 else f"{text[:40]}… ({len(text)} characters)"
