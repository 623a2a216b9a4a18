"""The bytes of an EIP-1559 transaction, before and after its signature (EIP-2718 type 2, RLP)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import rlp  # type: ignore[import-untyped]

TYPE: Final = b"\x02"


def unsigned_bytes(transaction: Mapping[str, Any]) -> bytes:
    """``0x02`` and the RLP of the nine fields; ``transaction`` names them as web3 does. No access list.

    Raises:
        ValueError: a field is missing, or one is there that these bytes would not hold.
    """
    known = {"type", "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data"}
    if transaction.keys() != known or transaction["type"] != 2:
        raise ValueError(f"not the fields of an EIP-1559 transaction: {', '.join(sorted(transaction))}")
    numbers = [transaction[name] for name in ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")]
    to = bytes.fromhex(transaction["to"].removeprefix("0x"))
    if len(to) != 20:
        raise ValueError("`to` must be an address")
    return TYPE + bytes(rlp.encode([*numbers, to, transaction["value"], bytes(transaction["data"]), []]))


def with_signature(unsigned: bytes, y_parity: int, r: int, s: int) -> bytes:
    """The raw transaction of unsigned bytes and their signature."""
    return TYPE + bytes(rlp.encode([*rlp.decode(unsigned[1:]), y_parity, r, s]))
