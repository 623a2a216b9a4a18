"""Calls and deployments from plain signatures, through any JSON-RPC callable."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError

GAS_LIMIT = 15_000_000
"""Explicit, so that no estimate is asked for: below the per-transaction cap of current Ethereum."""


@cache
def _parse(signature: str) -> tuple[bytes, tuple[str, ...]]:
    """Selector and argument types of ``name(type,type,…)``; tuples are written ``(type,…)``."""
    inner = signature[signature.index("(") + 1 : -1]
    types, depth, current = [], 0, ""
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            types.append(current)
            current = ""
        else:
            current += letter
    if current:
        types.append(current)
    return keccak(text=signature)[:4], tuple(types)


def call_data(signature: str, *arguments: Any) -> str:
    """ABI-encoded call, as hex."""
    selector, types = _parse(signature)
    return "0x" + (selector + encode(types, arguments)).hex()


def read(rpc: Rpc, address: str, signature: str, returns: tuple[str, ...], *arguments: Any) -> tuple[Any, ...]:
    """A view call at the latest block, decoded.

    Raises:
        RpcError: the call reverted.
    """
    reply = rpc("eth_call", {"to": address, "data": call_data(signature, *arguments)}, "latest")
    return tuple(decode(returns, bytes.fromhex(reply[2:])))


def send(
    rpc: Rpc, sender: str, to: str | None, data: str, *, gas_limit: int = GAS_LIMIT, value_wei: int = 0
) -> dict[str, Any]:
    """Sends from an account the node holds, mines if the node does not by itself, and returns the receipt.

    Raises:
        RpcError: the node refused it, or it reverted.
    """
    transaction = {"from": sender, "data": data, "gas": hex(gas_limit), "value": hex(value_wei)}
    if to is not None:
        transaction["to"] = to
    digest = rpc("eth_sendTransaction", transaction)
    receipt = rpc("eth_getTransactionReceipt", digest)
    if receipt is None:
        rpc("evm_mine")
        receipt = rpc("eth_getTransactionReceipt", digest)
    if receipt is None:
        raise RpcError(f"transaction {digest} was not mined")
    if int(receipt["status"], 16) != 1:
        raise RpcError(f"transaction {digest} to {to or 'a new contract'} reverted")
    return dict(receipt)


def transact(rpc: Rpc, sender: str, to: str, signature: str, *arguments: Any) -> dict[str, Any]:
    """Sends a contract call and returns its receipt; errors as :func:`send`."""
    return send(rpc, sender, to, call_data(signature, *arguments))


def create(rpc: Rpc, sender: str, bytecode: bytes, types: tuple[str, ...] = (), *arguments: Any) -> str:
    """Deploys a contract and returns its checksum address; errors as :func:`send`."""
    receipt = send(rpc, sender, None, "0x" + (bytecode + encode(types, arguments)).hex())
    return to_checksum_address(receipt["contractAddress"])
