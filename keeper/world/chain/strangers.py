"""Whose transaction a nonce was used by: the proof that it was a stranger's, or that our own receipt is only late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from keeper.errors import RpcError
from keeper.world.protocols import Node

AUTHORIZATION_MAGIC: Final = b"\x05"
_FURTHEST_BLOCKS = 1 << 14


def used_by(node: Node, address: str, nonce: int, head_number: int) -> str | None:
    """The hash of the transaction of ``address`` with that nonce, or of anybody's that carries an authorization of the
    address with it (EIP-7702), looked for in the blocks up to ``head_number``.

    None where the node cannot tell: it keeps no states so old, or shows the block without the transaction.
    TransientError where it does not answer.
    """
    try:
        number = _block_of(node, address, nonce, head_number)
        if number is None:
            return None
        block = node.request("eth_getBlockByNumber", [hex(number), True])
        for each in block["transactions"]:
            if str(each["from"]).lower() == address.lower() and int(each["nonce"], 16) == nonce:
                return str(each["hash"]).lower()
        for each in block["transactions"]:
            if any(_is_by(address, nonce, given) for given in each.get("authorizationList") or ()):
                return str(each["hash"]).lower()
    except (RpcError, KeyError, TypeError, ValueError):
        return None
    return None


def _is_by(address: str, nonce: int, given: Mapping[str, Any]) -> bool:
    """Whether an authorization is the address's own with that nonce; anybody can deliver it once it was published."""
    chain_id, at, parity, r, s = (int(given[name], 16) for name in ("chainId", "nonce", "yParity", "r", "s"))
    if at != nonce:
        return False
    digest = keccak(AUTHORIZATION_MAGIC + rlp.encode([chain_id, bytes.fromhex(given["address"][2:]), at]))
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError):
        return False
    return key.to_address() == address.lower()


def sentence(nonce: int, address: str, by: str) -> str:
    """What is said of a nonce that is lost, and what to do."""
    return (
        f"nonce {nonce} of {address} was used by {by}, which is not in the journal: something else signs with this "
        "key. Find out what, then `keeper resume`"
    )


def _block_of(node: Node, address: str, nonce: int, head_number: int) -> int | None:
    """The first block after which the nonce is used: back in doubling steps, then halving."""
    used, step = head_number, 1
    if not _is_used(node, address, nonce, used):
        return None
    while True:
        before = max(0, used - step)
        if not _is_used(node, address, nonce, before):
            break
        if before == 0 or step > _FURTHEST_BLOCKS:
            return None
        used, step = before, 2 * step
    while used - before > 1:
        middle = (used + before) // 2
        used, before = (middle, before) if _is_used(node, address, nonce, middle) else (used, middle)
    return used


def _is_used(node: Node, address: str, nonce: int, number: int) -> bool:
    return int(node.request("eth_getTransactionCount", [address, hex(number)]), 16) > nonce
