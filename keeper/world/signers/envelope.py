"""The bytes of a transaction, before and after its signature: EIP-2718 type 2 (EIP-1559) or 4 (EIP-7702), in RLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import rlp  # type: ignore[import-untyped]

from keeper.world.signers.decoding import Authorization

TYPE: Final = b"\x02"
DELEGATING_TYPE: Final = b"\x04"
_AUTHORIZATION_MAGIC: Final = b"\x05"
_FIELDS: Final = frozenset(
    {"type", "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data"}
)


def unsigned_bytes(transaction: Mapping[str, Any]) -> bytes:
    """``0x02`` and the RLP of the nine fields; ``transaction`` names them as web3 does. No access list.

    Raises:
        ValueError: a field is missing, or one is there that these bytes would not hold.
    """
    if transaction.keys() != _FIELDS or transaction["type"] != 2:
        raise ValueError(f"not the fields of an EIP-1559 transaction: {', '.join(sorted(transaction))}")
    return TYPE + bytes(rlp.encode(_items(transaction)))


def delegating_bytes(transaction: Mapping[str, Any], authorization: Authorization) -> bytes:
    """``0x04`` and the RLP of the ten fields: those of ``unsigned_bytes`` (but type 4) and the one authorization.

    Raises:
        ValueError: a field is missing, or one is there that these bytes would not hold.
    """
    if transaction.keys() != _FIELDS or transaction["type"] != 4:
        raise ValueError(f"not the fields of an EIP-7702 transaction: {', '.join(sorted(transaction))}")
    given, signature = authorization, authorization.signature
    consent = [given.chain_id, _address(given.address), given.nonce, signature.y_parity, signature.r, signature.s]
    return DELEGATING_TYPE + bytes(rlp.encode([*_items(transaction), [consent]]))


def authorization_preimage(chain_id: int, address: str, nonce: int) -> bytes:
    """The bytes whose keccak-256 an account signs to run the code at ``address`` as its own (EIP-7702).

    Raises:
        ValueError: a number is negative, or the address is none.
    """
    return _AUTHORIZATION_MAGIC + bytes(rlp.encode([chain_id, _address(address), nonce]))


def with_signature(unsigned: bytes, y_parity: int, r: int, s: int) -> bytes:
    """The raw transaction of unsigned bytes and their signature."""
    return unsigned[:1] + bytes(rlp.encode([*rlp.decode(unsigned[1:]), y_parity, r, s]))


def _items(transaction: Mapping[str, Any]) -> list[Any]:
    numbers = [transaction[name] for name in ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")]
    return [*numbers, _address(transaction["to"]), transaction["value"], bytes(transaction["data"]), []]


def _address(text: str) -> bytes:
    address = bytes.fromhex(text.removeprefix("0x"))
    if len(address) != 20:
        raise ValueError("`to` must be an address")
    return address
