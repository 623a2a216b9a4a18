"""Signed bytes read afresh, with none of the keeper's own code: who signed, what for, and whether it may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import decode
from eth_account import Account
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from keeper.known_safe import BATCH_ACCOUNT

_NINE: Final = 9


@dataclass(frozen=True, slots=True)
class Signed:
    """The fields of a signed EIP-1559 transaction. Addresses are in lower case, fees wei per gas."""

    hash: str
    sender: str
    chain_id: int
    nonce: int
    max_priority_fee_wei: int
    max_fee_wei: int
    gas_limit: int
    to: str
    value_wei: int
    data: bytes
    authorizations: tuple[Authorization, ...] = ()


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who lets its account run whose code, on which chain, at which nonce (EIP-7702)."""

    authority: str
    chain_id: int
    delegate: str
    nonce: int


def read_signed(raw: bytes) -> Signed:
    """Decode raw bytes of type 2 or 4 and recover who signed them."""
    assert raw[0] in (2, 4), "neither an EIP-1559 transaction nor one of EIP-7702"
    fields: list[Any] = rlp.decode(raw[1:])
    numbers = [int.from_bytes(each, "big") for each in fields[:5]]
    return Signed(
        "0x" + keccak(raw).hex(),
        str(Account.recover_transaction(raw)).lower(),
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        "0x" + fields[5].hex(),
        int.from_bytes(fields[6], "big"),
        bytes(fields[7]),
        tuple(map(_authorization, fields[9])) if raw[0] == 4 else (),
    )


def _authorization(fields: list[bytes]) -> Authorization:
    chain_id, nonce, parity, r, s = (int.from_bytes(fields[at], "big") for at in (0, 2, 3, 4, 5))
    digest = keccak(b"\x05" + rlp.encode(fields[:3]))
    key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    return Authorization(key.to_address(), chain_id, "0x" + fields[1].hex(), nonce)


def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


_U, _A = "uint256", "address"
_MINT: Final = ("mint", (_A, _A, "uint24", "int24", "int24", _U, _U, _U, _U, _A, _U))
_SWAP: Final = ("exactInputSingle", (_A, _A, "uint24", _A, _U, _U, _U, "uint160"))
_COLLECT: Final = ("collect", (_U, _A, "uint128", "uint128"))
_DECREASE: Final = ("decreaseLiquidity", (_U, "uint128", _U, _U, _U))
_INCREASE: Final = ("increaseLiquidity", (_U, _U, _U, _U, _U, _U))
_INNER: Final = {_selector(f"{name}(({','.join(types)}))"): (name, types) for name, types in
                 (_MINT, _SWAP, _COLLECT, _DECREASE, _INCREASE)}  # fmt: skip
_BURN: Final = _selector("burn(uint256)")
_MULTICALL: Final = _selector("multicall(bytes[])")
_BATCH: Final = _selector("executeBatch((address,uint256,bytes)[])")
_APPROVE: Final = _selector("approve(address,uint256)")


def breach(signed: Signed, owner: str, chain_id: int, router: str, positions: str, tokens: tuple[str, str]) -> str:
    """Why these bytes should never have been signed; empty when they may."""
    if signed.sender != owner or signed.chain_id != chain_id:
        return f"signed by {signed.sender} for chain {signed.chain_id}"
    if signed.to == owner and signed.data == b"" and signed.value_wei == 0:
        return ""  # a self-send that takes a nonce back
    for each in signed.authorizations:
        if each != Authorization(owner, chain_id, BATCH_ACCOUNT.address.lower(), signed.nonce + 1):
            return f"delegates by {each}"
    selector, body = signed.data[:4], signed.data[4:]
    if signed.to == owner and selector == _BATCH and signed.value_wei == 0:
        (batched,) = decode(("(address,uint256,bytes)[]",), body)
        inside = (replace(signed, to=to, value_wei=wei, data=data, authorizations=()) for to, wei, data in batched)
        places = owner, router, positions, tokens
        return next((f"in a batch {why}" for each in inside if (why := _call_breach(each, *places))), "")
    if signed.authorizations:
        return "delegates for something else than a batch"
    return _call_breach(signed, owner, router, positions, tokens)


def _call_breach(signed: Signed, owner: str, router: str, positions: str, tokens: tuple[str, str]) -> str:
    if signed.value_wei != 0:
        return f"sends {signed.value_wei} wei"
    selector, body = signed.data[:4], signed.data[4:]
    if signed.to in tokens:
        if selector != _APPROVE:
            return f"calls {selector.hex()} of a token"
        spender, amount = decode((_A, _U), body)
        lasting = amount >= 2**128
        return "" if spender in (router, positions) and not lasting else f"allows {spender} {amount}"
    if signed.to == router:
        return _inner_breach(signed.data, owner, tokens, {"exactInputSingle"})
    if signed.to == positions and selector == _MULTICALL:
        (calls,) = decode(("bytes[]",), body)
        allowed = {"mint", "collect", "decreaseLiquidity", "increaseLiquidity", "burn"}
        return next((why for each in calls if (why := _inner_breach(each, owner, tokens, allowed))), "")
    return f"calls {selector.hex()} of {signed.to}"


def _inner_breach(data: bytes, owner: str, tokens: tuple[str, str], allowed: set[str]) -> str:
    if data[:4] == _BURN:
        return "" if "burn" in allowed else "burns elsewhere"
    if data[:4] not in _INNER:
        return f"calls {data[:4].hex()} inside"
    name, types = _INNER[data[:4]]
    (values,) = decode((f"({','.join(types)})",), data[4:])
    if name not in allowed:
        return f"calls {name} where it does not belong"
    recipient = {"mint": _NINE, "exactInputSingle": 3, "collect": 1}.get(name)
    if recipient is not None and values[recipient] != owner:
        return f"{name} pays {values[recipient]}"
    if name in ("mint", "exactInputSingle") and {values[0], values[1]} != set(tokens):
        return f"{name} of foreign tokens"
    return ""
