"""Why a call reverted, in words."""

from __future__ import annotations

from typing import Final

from keeper.errors import RpcError

_ERROR_STRING: Final = "08c379a0"  # Error(string)
_PANIC: Final = "4e487b71"  # Panic(uint256)
_PANICS: Final = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "value outside its enum",
    0x22: "broken storage encoding",
    0x31: "pop of an empty array",
    0x32: "array index out of bounds",
    0x41: "out of memory",
    0x51: "call of an uninitialised function",
}
_REFUSALS: Final = (
    "revert",
    "insufficient funds",
    "out of gas",
    "gas required exceeds",
    "invalid opcode",
    "vm execution",
)


def is_refusal(error: RpcError) -> bool:
    """Whether the error says that the transaction itself would fail, and not that the node could not tell."""
    return error.code == 3 or bool(error.data) or any(word in str(error).lower() for word in _REFUSALS)


def reason(error: RpcError) -> str:
    """The contract's reason for a revert, or the node's own words."""
    decoded = decode(error.data) if error.data else None
    return decoded or str(error)


def decode(data: str) -> str | None:
    """The words in a revert's return data (hex): ``Error(string)``, ``Panic(uint256)``, else the error's selector."""
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        return None
    selector, body = raw[:4].hex(), raw[4:]
    if selector == _ERROR_STRING and len(body) >= 64:
        length = int.from_bytes(body[32:64], "big")
        return body[64 : 64 + length].decode(errors="replace")
    if selector == _PANIC and len(body) >= 32:
        code = int.from_bytes(body[:32], "big")
        return f"panic: {_PANICS.get(code, hex(code))}"
    return f"custom error 0x{selector}" if len(raw) >= 4 else None
