"""Transactions made wrong: by field, by word, by byte and by bit; and an oracle that knows nothing of the policy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from keeper.known_safe import BATCH_ACCOUNT, SAFE_RELEASES
from keeper.model.plan import is_way_out
from tests.world.signers.scene import ATTACKER, OWNER, POSITIONS, ROUTER, TOKEN0, TOKEN1, Case

FIELDS = ("chain id", "nonce", "tip", "fee", "gas", "to", "value", "data", "access list")
CONSENT = ("chain id", "address", "nonce", "y parity", "r", "s")
MOST = 2**256 - 1
_KNOWN_BATCHERS = (BATCH_ACCOUNT.address, SAFE_RELEASES["1.4.1"].multi_send_call_only.address)
ADDRESSES = [
    bytes.fromhex(each[2:]) for each in (ATTACKER, OWNER, POSITIONS, ROUTER, TOKEN0, TOKEN1, *_KNOWN_BATCHERS)
] + [bytes(20)]
OTHER_CALLS = [
    keccak(text=signature)[:4]
    for signature in (
        "transfer(address,uint256)", "transferFrom(address,address,uint256)", "setApprovalForAll(address,bool)",
        "increaseAllowance(address,uint256)", "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "safeTransferFrom(address,address,uint256)", "sweepToken(address,uint256,address)", "approve(address,uint256)",
        "unwrapWETH9(uint256,address)", "multicall(bytes[])", "multicall(uint256,bytes[])", "burn(uint256)",
        "selfPermit(address,uint256,uint256,uint8,bytes32,bytes32)", "unwrapWETH9(uint256)",
        "execute(address,uint256,bytes)", "executeBatch((address,uint256,bytes)[])", "multiSend(bytes)",
        "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
        "approveHash(bytes32)", "enableModule(address)", "setGuard(address)", "setFallbackHandler(address)",
        "addOwnerWithThreshold(address,uint256)", "changeThreshold(uint256)",
        "execTransactionFromModule(address,uint256,bytes,uint8)",
    )
]  # fmt: skip

_TYPES = {
    "approve": "(address,uint256)",
    "exactInputSingle": "((address,address,uint24,address,uint256,uint256,uint256,uint160))",
    "mint": "((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
    "increaseLiquidity": "((uint256,uint256,uint256,uint256,uint256,uint256))",
    "decreaseLiquidity": "((uint256,uint128,uint256,uint256,uint256))",
    "collect": "((uint256,address,uint128,uint128))",
    "burn": "(uint256)",
}
_KNOWN = {keccak(text=name + types)[:4]: (name, types) for name, types in _TYPES.items()}
_SWAP_02 = "((address,address,uint24,address,uint256,uint256,uint160))"
_KNOWN[keccak(text="exactInputSingle" + _SWAP_02)[:4]] = ("exactInputSingle02", _SWAP_02)
_MULTICALL, _MULTICALL_02 = keccak(text="multicall(bytes[])")[:4], keccak(text="multicall(uint256,bytes[])")[:4]


_BATCH, _MULTI_SEND = keccak(text="executeBatch((address,uint256,bytes)[])")[:4], keccak(text="multiSend(bytes)")[:4]
_EXECUTE_TYPES = [
    "address", "uint256", "bytes", "uint8", "uint256", "uint256", "uint256", "address", "address", "bytes",
]  # fmt: skip
_EXECUTE = keccak(text=f"execTransaction({','.join(_EXECUTE_TYPES)})")[:4]
_APPROVE_HASH = keccak(text="approveHash(bytes32)")[:4]


def meaning(data: bytes) -> Any:
    """Calldata by the general ABI decoder. ValueError where it is not the one encoding of that meaning."""
    selector, body = data[:4], data[4:]
    if not data:
        return ()
    if selector in (_MULTICALL, _MULTICALL_02):
        types = ["bytes[]"] if selector == _MULTICALL else ["uint256", "bytes[]"]
        values = _read(types, body)
        return (*values[:-1], tuple(meaning(item) for item in values[-1]))
    if selector == _BATCH:
        (items,) = _read(["(address,uint256,bytes)[]"], body)
        return "batch", tuple((to, value, meaning(inner)) for to, value, inner in items)
    if selector == _MULTI_SEND:
        (packed,) = _read(["bytes"], body)
        return "sends", split(packed)
    if selector == _EXECUTE:
        to, value, inner, *others, signatures = _read(_EXECUTE_TYPES, body)
        _require(65 <= len(signatures) <= 8_192)  # whose they are is the Safe's to judge
        return "executes", to, value, meaning(inner), tuple(others)
    if selector == _APPROVE_HASH:
        return "approves", _read(["bytes32"], body)
    name, types_ = _KNOWN[selector]
    return name, _read(types_[1:-1].split(",") if not types_.startswith("((") else [types_[1:-1]], body)


def split(packed: bytes) -> tuple[Any, ...]:
    """What MultiSendCallOnly runs, as its assembly reads it: 1 byte, 20, 32, 32, and the data."""
    found, at = [], 0
    while at < len(packed):
        operation, to = packed[at], packed[at + 1 : at + 21]
        value, size = (int.from_bytes(packed[at + start : at + start + 32], "big") for start in (21, 53))
        inner = packed[at + 85 : at + 85 + size]
        _require(len(inner) == size and at + 85 <= len(packed))
        found.append((operation, to, value, meaning(inner)))
        at += 85 + size
    return tuple(found)


def _read(types: list[str], body: bytes) -> Any:
    values = decode(types, body)
    _require(encode(types, values) == body)
    return values


def is_intended(case: Case, unsigned: bytes) -> bool:
    """Whether bytes mean what the case means, but for nonce, gas and fees, which have room within their bounds."""
    try:
        _require(unsigned[:1] == case.unsigned[:1])
        items, wanted_items = rlp.decode(unsigned[1:]), rlp.decode(case.unsigned[1:])
        _require(unsigned[:1] + rlp.encode(items) == unsigned and len(items) == len(wanted_items))
        numbers = [int.from_bytes(items[at], "big") for at in (0, 1, 2, 3, 4, 6)]
        _require([rlp.encode(each) for each in numbers] == [rlp.encode(items[at]) for at in (0, 1, 2, 3, 4, 6)])
        chain_id, nonce, tip, fee, gas, value = numbers
        wanted, limits = case.transaction, case.rules.limits
        _require((chain_id, value, items[8]) == (wanted["chainId"], 0, []))
        _require(items[5] == bytes.fromhex(wanted["to"][2:]) and meaning(items[7]) == meaning(wanted["data"]))
        _require(nonce >= case.evidence.lowest_nonce and 21_000 <= gas <= limits.max_gas_units and tip <= fee)
        # A consent is to the one nonce behind the transaction's.
        _require(items[9:] == wanted_items[9:] and (not items[9:] or items[1] == wanted_items[1]))
        is_exit = is_way_out(case.evidence.step) or any(each.rejects for each in case.evidence.proposals)
        return gas * fee <= (limits.gas_wei_per_exit if is_exit else limits.gas_wei_per_transaction)
    except Exception:  # noqa: BLE001  # whatever the decoders cannot read is not what was meant
        return False


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError


def single_field(case: Case, *, bits: int = 8) -> Iterator[tuple[str, bytes]]:
    """Every field of the transaction, every word and byte of the calldata, by itself and in every way; of each byte so
    many ``bits``."""
    unsigned = case.unsigned
    items = rlp.decode(unsigned[1:])
    kind = unsigned[:1]
    for index, name in enumerate(FIELDS[:7]):
        for value in _other_contents(items[index]):
            yield f"{name} = {value.hex()}", _with(kind, items, index, value)
    yield "access list", _with(kind, items, 8, [[bytes(20), []]])
    if len(items) > len(FIELDS):
        for name, consents in _other_consents(items[9]):
            yield f"authorization: {name}", _with(kind, items, 9, consents)
    for name, data in _other_data(items[7], bits):
        yield name, _with(kind, items, 7, data)
    yield from _of_the_whole(unsigned, bits)


def _other_consents(consents: list[Any]) -> Iterator[tuple[str, Any]]:
    (consent,) = consents
    yield from (("none", []), ("no list", b""), ("twice", [consent, consent]), ("nested", [consents]))
    yield from (("cut", [consent[:5]]), ("extended", [[*consent, b""]]), ("flat", consent))
    for index, name in enumerate(CONSENT):
        for value in _other_contents(consent[index]):
            yield f"{name} = {value.hex()}", [[*consent[:index], value, *consent[index + 1 :]]]


def _other_data(data: bytes, bits: int) -> Iterator[tuple[str, bytes]]:
    for at in range(len(data)):
        for bit in range(at % 8, at % 8 + bits):
            changed = bytearray(data)
            changed[at] ^= 1 << bit % 8
            yield f"byte {at} bit {bit % 8}", bytes(changed)
    for at in range(4, len(data) - 31, 4):
        if at % 32 not in (4, 8):  # words inside a multicall stand four bytes off
            continue
        for word in _other_words(data[at : at + 32]):
            yield f"word at {at} = {word.hex()}", data[:at] + word + data[at + 32 :]
    for size in range(0, len(data), max(1, 8 // bits)):
        yield f"cut to {size}", data[:size]
    for tail in (b"\0", bytes(32), data[-32:], data):
        yield "extended", data + tail
    for selector in OTHER_CALLS:
        yield "another call", selector + data[4:]
        yield "another plain call", selector + _word(ADDRESSES[0]) + _word(MOST)


def _of_the_whole(unsigned: bytes, bits: int) -> Iterator[tuple[str, bytes]]:
    items = rlp.decode(unsigned[1:])
    start = unsigned.index(items[7]) if items[7] else len(unsigned)
    around_data = [*range(start), *range(start + len(items[7]), len(unsigned))]
    for at in around_data:
        for bit in range(at % 8, at % 8 + bits):
            changed = bytearray(unsigned)
            changed[at] ^= 1 << bit % 8
            yield f"raw byte {at} bit {bit % 8}", bytes(changed)
    for at in range(len(unsigned)):
        yield f"raw cut to {at}", unsigned[:at]
    for kind in (b"", b"\x01", b"\x02", b"\x03", b"\x04"):
        yield "type", kind + unsigned[1:]
    yield "raw extended", unsigned + b"\0"


def _other_contents(content: bytes) -> Iterator[bytes]:
    number = int.from_bytes(content, "big")
    for value in (number + 1, number - 1, 0, MOST, MOST + 1, number << 8, number >> 8, number ^ 1 << 64):
        if value >= 0:
            yield value.to_bytes((value.bit_length() + 7) // 8, "big")
    yield from (b"\0" + content, content + b"\0", b"", *ADDRESSES)


def _other_words(word: bytes) -> Iterator[bytes]:
    number = int.from_bytes(word, "big")
    for value in (number + 1, number - 1, 0, MOST, 2**128 - 1, number + 2**160, number + 2**128, number ^ 2**255):
        yield (value % 2**256).to_bytes(32, "big")
    yield from map(_word, ADDRESSES)


def _word(value: bytes | int) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def _with(kind: bytes, items: list[Any], index: int, value: Any) -> bytes:
    return kind + bytes(rlp.encode([*items[:index], value, *items[index + 1 :]]))


class Mutator:
    """One random transaction after another, each one to three steps away from a case's."""

    def __init__(self, cases: list[Case], seed: int) -> None:
        self._random = random.Random(seed)
        self._cases = [(case, case.unsigned, rlp.decode(case.unsigned[1:])) for case in cases]

    def next(self) -> tuple[Case, bytes]:
        """A case, and bytes that are not its own."""
        chance = self._random
        while True:
            case, unsigned, items = chance.choice(self._cases)
            if chance.random() < 0.25:
                made = self._bytes(unsigned, 3)
            else:
                changed = list(items)
                for _ in range(chance.choice((1, 1, 1, 2, 3))):
                    self._field(changed, items)
                made = unsigned[:1] + bytes(rlp.encode(changed))
            if made != unsigned:
                return case, made

    def _field(self, items: list[Any], before: list[Any]) -> None:
        chance = self._random
        if chance.random() < 0.3:
            index = chance.randrange(len(items))
            if index == 9:
                _, items[9] = chance.choice([*_other_consents(before[9])])
            elif index == 8:
                items[8] = chance.choice(([], [[ADDRESSES[0], [bytes(32)]]], b""))
            elif index != 7:
                items[index] = chance.choice((chance.randbytes(chance.randrange(34)), *_other_contents(items[index])))
            return
        data = items[7]
        kind = chance.randrange(6)
        at = 4 + 4 * chance.randrange(max(1, len(data) // 4))
        if kind == 0:
            items[7] = self._bytes(data, 2)
        elif kind == 1:
            words = list(_other_words(data[at : at + 32]))
            items[7] = data[:at] + chance.choice(words) + data[at + 32 :]
        elif kind == 2:
            other = 4 + 4 * chance.randrange(max(1, len(data) // 4))
            items[7] = data[:at] + data[other : other + 32] + data[at + 32 :]
        elif kind == 3:
            items[7] = chance.choice(OTHER_CALLS) + data[4:]
        elif kind == 4:
            items[7] = data[:at] + chance.randbytes(32) + data[at + 32 :]
        else:
            items[7] = chance.choice(self._cases)[2][7]

    def _bytes(self, data: bytes, most: int) -> bytes:
        chance, changed = self._random, bytearray(data)
        for _ in range(chance.randint(1, most)):
            at = chance.randrange(len(changed)) if changed else 0
            kind = chance.randrange(4)
            if kind == 0 and changed:
                changed[at] ^= 1 << chance.randrange(8)
            elif kind == 1 and changed:
                changed[at] = chance.randrange(256)
            elif kind == 2:
                changed.insert(at, chance.randrange(256))
            elif changed:
                del changed[at]
        return bytes(changed)
