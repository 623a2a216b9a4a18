"""Calldata of a Safe's own functions, and the signatures in the form in which it takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eth_utils.crypto import keccak

from keeper.model.safe import SafeTx
from keeper.world.chain import codec

SIGNATURE_BYTES: Final = 65
_TYPES: Final = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
_EXECUTE: Final = f"execTransaction({_TYPES},bytes)"
_HASH: Final = f"getTransactionHash({_TYPES},uint256)"
_HEAD_WORDS: Final = 10


def selector(signature: str) -> bytes:
    """The four bytes that name a function."""
    return bytes(keccak(text=signature)[:4])


EXECUTE_SELECTOR: Final = selector(_EXECUTE)


def dynamic(data: bytes) -> bytes:
    """``bytes`` as the ABI puts them into a tail: their length, then they, padded to whole words."""
    return codec.word(len(data)) + data.ljust(-(-len(data) // codec.WORD) * codec.WORD, b"\0")


def execute_calldata(tx: SafeTx, signatures: bytes) -> bytes:
    """``execTransaction``: signatures as :func:`packed_signatures` makes them. The nonce is the Safe's own."""
    tail = dynamic(tx.data)
    head = _head(tx) + codec.word(codec.WORD * _HEAD_WORDS + len(tail))
    return EXECUTE_SELECTOR + head + tail + dynamic(signatures)


def hash_calldata(tx: SafeTx) -> bytes:
    """``getTransactionHash``: the Safe's own opinion of the safeTxHash."""
    return selector(_HASH) + _head(tx) + codec.word(tx.nonce) + dynamic(tx.data)


def approve_hash_calldata(safe_tx_hash: bytes) -> bytes:
    """``approveHash``: an owner's confirmation on chain, instead of a signature. It cannot be taken back."""
    return selector("approveHash(bytes32)") + codec.word(safe_tx_hash)


def packed_signatures(by_owner: Mapping[str, bytes | None]) -> bytes:
    """Owner -> its signature of 65 bytes, or None where the hash is approved on chain or the owner itself sends.

    Sorted by owner, as the Safe demands. None becomes the form of an approved hash: the owner, zero, v = 1.

    Raises:
        ValueError: a signature has another length.
    """
    packed = []
    for owner in sorted(by_owner, key=lambda each: int(each, 16)):
        signature = by_owner[owner]
        if signature is None:
            signature = codec.word(owner) + codec.word(0) + b"\x01"
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError(f"a signature of {owner} has {len(signature)} bytes, not {SIGNATURE_BYTES}")
        packed.append(signature)
    return b"".join(packed)


def _head(tx: SafeTx) -> bytes:
    """The nine fields in front; ``data`` is the first tail."""
    data_at = codec.WORD * _HEAD_WORDS
    fields = (
        tx.to, tx.value_wei, data_at, int(tx.operation), tx.safe_tx_gas, tx.base_gas, tx.gas_price, tx.gas_token,
        tx.refund_receiver,
    )  # fmt: skip
    return b"".join(codec.word(field) for field in fields)
