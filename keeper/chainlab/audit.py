"""The chain's own word on what an account holds, asked of the contracts directly.

Deliberately by another road than the keeper's observer: plain calls decoded with eth_abi, and the contracts' own
arithmetic (what a withdrawal and a collection would pay if they were made now).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eth_abi.abi import decode

from keeper.chainlab.calls import call_data, read
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.jsonrpc import Rpc
from keeper.model.ledger import NATIVE

_FOREVER = 2**63
_MAX_UINT128 = 2**128 - 1
_POSITION = (
    "uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128",
    "uint256", "uint256", "uint128", "uint128",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position as its contracts would pay it out now: principal, and fees beside it, raw units."""

    token_id: int
    liquidity: int
    principal_0: int
    principal_1: int
    uncollected_0: int
    uncollected_1: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds: token addresses (lower case) and "native" to raw units, and its open positions."""

    balances: dict[str, int]
    allowances: dict[tuple[str, str], int]
    positions: tuple[HeldPosition, ...]


def holdings(rpc: Rpc, deployment: Deployment, owner: str) -> Holdings:
    """Read everything at the latest block. RpcError if a contract does not answer."""
    balances = {NATIVE: int(rpc("eth_getBalance", owner, "latest"), 16)}
    allowances = {}
    for token in (deployment.token0, deployment.token1):
        (balances[token.lower()],) = read(rpc, token, "balanceOf(address)", ("uint256",), owner)
        for spender in (deployment.swap_router, deployment.position_manager):
            (amount,) = read(rpc, token, "allowance(address,address)", ("uint256",), owner, spender)
            allowances[token.lower(), spender.lower()] = amount
    manager = deployment.position_manager
    (count,) = read(rpc, manager, "balanceOf(address)", ("uint256",), owner)
    token_ids = [
        read(rpc, manager, "tokenOfOwnerByIndex(address,uint256)", ("uint256",), owner, index)[0]
        for index in range(count)
    ]
    return Holdings(balances, allowances, tuple(_position(rpc, manager, owner, each) for each in token_ids))


def _position(rpc: Rpc, manager: str, owner: str, token_id: int) -> HeldPosition:
    """Simulates the owner's own withdrawal and collection; nothing is sent."""

    def simulate(signature: str, *arguments: object) -> tuple[int, int]:
        call = {"from": owner, "to": manager, "data": call_data(signature, arguments)}
        amount_0, amount_1 = decode(("uint256", "uint256"), bytes.fromhex(rpc("eth_call", call, "latest")[2:]))
        return amount_0, amount_1

    liquidity = read(rpc, manager, "positions(uint256)", _POSITION, token_id)[7]
    withdraw = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
    principal = simulate(withdraw, token_id, liquidity, 0, 0, _FOREVER) if liquidity else (0, 0)
    collect = "collect((uint256,address,uint128,uint128))"
    uncollected = simulate(collect, token_id, owner, _MAX_UINT128, _MAX_UINT128)
    return HeldPosition(token_id, liquidity, *principal, *uncollected)


def differences(booked: Callable[[str], int], seen: Holdings, deployment: Deployment) -> tuple[int, int, int]:
    """Ledger less chain for token0, token1 and the native coin, in raw units: zero when every wei is explained."""
    tokens = (deployment.token0.lower(), deployment.token1.lower(), NATIVE)
    first, second, native = (booked(token) - seen.balances[token] for token in tokens)
    return first, second, native
