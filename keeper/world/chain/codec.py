"""A small ABI codec for the signatures of the hot path: fixed words in, fixed words out, nothing else.

A general decoder spends its time on types that are known here; ``int.from_bytes`` on the right slice reads a pool's
``slot0`` about thirteen times faster. Selectors and topics are constants, which a test compares with keccak-256 of
the signature beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct, iter_unpack
from typing import Final

WORD: Final = 32
_MODULUS: Final = 1 << 256
_HALF: Final = 1 << 255
_TRUE: Final = (1).to_bytes(WORD, "big")
_ITEM_TAIL: Final = (0x60).to_bytes(WORD, "big")
_LENGTH: Final = Struct(">28xI")

SELECTORS: Final[dict[str, bytes]] = {
    signature: bytes.fromhex(selector)
    for signature, selector in {
        # Multicall3
        "aggregate3((address,bool,bytes)[])": "82ad56cb",
        "getEthBalance(address)": "4d2301cc",
        # factory and pool
        "getPool(address,address,uint24)": "1698ee82",
        "factory()": "c45a0155",
        "token0()": "0dfe1681",
        "token1()": "d21220a7",
        "fee()": "ddca3f43",
        "tickSpacing()": "d0c93a7c",
        "slot0()": "3850c7bd",
        "liquidity()": "1a686502",
        "feeGrowthGlobal0X128()": "f3058399",
        "feeGrowthGlobal1X128()": "46141319",
        "ticks(int24)": "f30dba93",
        "tickBitmap(int16)": "5339c296",
        "observe(uint32[])": "883bdbfd",
        # price feeds (AggregatorV3Interface)
        "latestRoundData()": "feaf968c",
        # tokens
        "symbol()": "95d89b41",
        "decimals()": "313ce567",
        "balanceOf(address)": "70a08231",
        "allowance(address,address)": "dd62ed3e",
        "approve(address,uint256)": "095ea7b3",
        # position manager
        "positions(uint256)": "99fbab88",
        "ownerOf(uint256)": "6352211e",
        "tokenOfOwnerByIndex(address,uint256)": "2f745c59",
        "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))": "88316456",
        "increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))": "219f5d17",
        "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))": "0c49ccbe",
        "collect((uint256,address,uint128,uint128))": "fc6f7865",
        "burn(uint256)": "42966c68",
        "multicall(bytes[])": "ac9650d8",
        # Simple7702Account
        "executeBatch((address,uint256,bytes)[])": "34fcd5be",
        # SwapRouter, SwapRouter02
        "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))": "414bf389",
        "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))": "04e45aaf",
        "multicall(uint256,bytes[])": "5ae401dc",
    }.items()
}

TOPICS: Final[dict[str, str]] = {
    "Transfer(address,address,uint256)": "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    "IncreaseLiquidity(uint256,uint128,uint256,uint256)": "0x3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f",  # noqa: E501
    "DecreaseLiquidity(uint256,uint128,uint256,uint256)": "0x26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4",  # noqa: E501
    "Collect(uint256,address,uint256,uint256)": "0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01",
    "Collect(address,address,int24,int24,uint128,uint128)": "0x70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0",  # noqa: E501
    "Mint(address,address,int24,int24,uint128,uint256,uint256)": "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",  # noqa: E501
    "Swap(address,address,int256,int256,uint160,uint128,int24)": "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",  # noqa: E501
    "Initialize(uint160,int24)": "0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95",
    "SetFeeProtocol(uint8,uint8,uint8,uint8)": "0x973d8d92bb299f4af6ce49b52a8adb85ae46b9f214c4c4fc06ac77401237b133",
    "Flash(address,address,uint256,uint256,uint256,uint256)": "0xbdbdb71d7860376ba52b25a5028beea23581364a40522f6bcfb86bb1f2dca633",  # noqa: E501
}


def call(signature: str, *words: int | bytes | str) -> bytes:
    """Calldata of a function whose arguments (or one struct of them) are all fixed-size: integers, addresses, words."""
    return SELECTORS[signature] + b"".join([word(each) for each in words])


def word(value: int | bytes | str) -> bytes:
    """One 32-byte word of an integer (two's complement), an address in hex, or ready-made bytes."""
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x")).rjust(WORD, b"\0")
    if isinstance(value, int):
        return (value % _MODULUS).to_bytes(WORD, "big")
    return value


def call_with_bytes_array(signature: str, items: Sequence[bytes], *leading: int) -> bytes:
    """Calldata of a function with fixed words and then one ``bytes[]``: the ``multicall`` of Uniswap's periphery."""
    heads, tails, offset = [], [], WORD * len(items)
    for item in items:
        heads.append(offset.to_bytes(WORD, "big"))
        tails.append(len(item).to_bytes(WORD, "big") + _padded(item))
        offset += WORD + len(tails[-1]) - WORD
    array = len(items).to_bytes(WORD, "big") + b"".join(heads) + b"".join(tails)
    return SELECTORS[signature] + b"".join(map(word, leading)) + word(WORD * (len(leading) + 1)) + array


def call_with_calls(signature: str, calls: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Calldata of a function of one ``(address,uint256,bytes)[]``: target, value and data of each."""
    offsets, tails, offset = [], [], WORD * len(calls)
    for target, value, data in calls:
        offsets.append(word(offset))
        tails.append(word(target) + word(value) + _ITEM_TAIL + word(len(data)) + _padded(data))
        offset += len(tails[-1])
    return SELECTORS[signature] + word(WORD) + word(len(calls)) + b"".join((*offsets, *tails))


def call_with_integers(signature: str, values: Iterable[int]) -> bytes:
    """Calldata of a function of one integer array, such as ``observe(uint32[])``."""
    numbers = list(values)
    return SELECTORS[signature] + word(WORD) + word(len(numbers)) + b"".join(map(word, numbers))


def aggregate3_item(target: str, calldata: bytes) -> bytes:
    """One ``(address, bool, bytes)`` of Multicall3, allowed to fail."""
    return b"".join((word(target), _TRUE, _ITEM_TAIL, len(calldata).to_bytes(WORD, "big"), _padded(calldata)))


def aggregate3(items: Sequence[bytes]) -> bytes:
    """Calldata of Multicall3's ``aggregate3`` from ready items."""
    offsets, offset = [], WORD * len(items)
    for item in items:
        offsets.append(offset.to_bytes(WORD, "big"))
        offset += len(item)
    head = SELECTORS["aggregate3((address,bool,bytes)[])"] + word(WORD) + word(len(items))
    return b"".join((head, *offsets, *items))


def decode_aggregate3(data: bytes) -> list[bytes | None]:
    """What ``aggregate3`` returned: each call's data, or None where it failed.

    Raises:
        ValueError: not such a result.
    """
    if len(data) < 2 * WORD or data[: WORD - 1].strip(b"\0") or data[WORD - 1] != WORD:
        raise ValueError("not a result of aggregate3")
    (count,) = _LENGTH.unpack_from(data, WORD)
    body = 2 * WORD
    end = body + WORD * count
    size = len(data)
    if end > size:
        raise ValueError("a result of aggregate3 that was cut off")
    results: list[bytes | None] = []
    length_at = _LENGTH.unpack_from
    for (offset,) in iter_unpack(">28xI", data[body:end]):
        start = body + offset + 3 * WORD
        if start > size:
            raise ValueError("a result of aggregate3 that was cut off")
        (length,) = length_at(data, start - WORD)
        if start + length > size:
            raise ValueError("a result of aggregate3 that was cut off")
        results.append(data[start : start + length] if data[start - 2 * WORD - 1] else None)
    return results


def unsigned(data: bytes, index: int = 0) -> int:
    """The unsigned integer in word ``index``."""
    return int.from_bytes(data[WORD * index : WORD * index + WORD], "big")


def signed(data: bytes, index: int = 0) -> int:
    """The two's complement integer in word ``index``."""
    value = int.from_bytes(data[WORD * index : WORD * index + WORD], "big")
    return value - _MODULUS if value >= _HALF else value


def words(data: bytes) -> list[int]:
    """Every word as an unsigned integer."""
    read = int.from_bytes
    return [read(data[at : at + WORD], "big") for at in range(0, len(data), WORD)]


def address(data: bytes, index: int = 0) -> str:
    """The address in word ``index``, checksummed (EIP-55)."""
    return checksum("0x" + data[WORD * index + 12 : WORD * index + WORD].hex())


def checksum(value: str) -> str:
    """An address in its EIP-55 spelling."""
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(value))


def text(data: bytes) -> str:
    """A returned ``string``, or the ``bytes32`` that some old tokens return for one; unprintable bytes are dropped."""
    raw = data[2 * WORD : 2 * WORD + unsigned(data, 1)] if len(data) > WORD else data.rstrip(b"\0")
    return "".join(letter for letter in raw.decode("utf-8", "ignore") if letter.isprintable())


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // WORD) * WORD, b"\0")
