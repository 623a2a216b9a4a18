"""A Safe's transaction as the journal keeps it: canonical JSON of every field that its owners sign."""

from __future__ import annotations

import json
from typing import Final

from keeper.model import canonical
from keeper.model.safe import SafeTx

_NUMBERS: Final = ("chain_id", "value_wei", "operation", "nonce", "safe_tx_gas", "base_gas", "gas_price")
_ADDRESSES: Final = ("safe", "to", "gas_token", "refund_receiver")


def body_of(tx: SafeTx) -> bytes:
    """UTF-8 JSON with sorted keys and no white space; ``data`` as hex with ``0x``, numbers as integers."""
    fields: dict[str, object] = {name: getattr(tx, name) for name in (*_NUMBERS, *_ADDRESSES)}
    return canonical.encode({**fields, "data": "0x" + tx.data.hex()})


def safe_tx_of(body: bytes) -> SafeTx:
    """The transaction that :func:`body_of` turned into ``body``.

    Raises:
        ValueError: these are not its bytes: a field is missing, unknown, of another type or spelled otherwise.
    """
    found = json.loads(body)
    if not isinstance(found, dict) or found.keys() != {*_NUMBERS, *_ADDRESSES, "data"}:
        raise ValueError("a stored transaction of a Safe has other fields than it should")
    if any(type(found[name]) is not int for name in _NUMBERS):
        raise ValueError("a number of a stored transaction of a Safe is none")
    if any(type(found[name]) is not str for name in (*_ADDRESSES, "data")):
        raise ValueError("an address or the data of a stored transaction of a Safe is no text")
    tx = SafeTx(**{**found, "data": bytes.fromhex(found["data"].removeprefix("0x"))})
    if body_of(tx) != body:
        raise ValueError("a stored transaction of a Safe is not in its canonical form")
    return tx
