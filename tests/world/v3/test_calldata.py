"""Every step's calldata, compared with the general ABI encoder."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.model.plan import Addition, Approve, Collect, Exit, Increase, Mint, MintRange, Step, Swap, Withdrawal
from keeper.model.price import Token
from keeper.world.chain.contracts import Contracts
from keeper.world.v3.calldata import call_for
from keeper.world.v3.identity import PoolIdentity

TOKEN0, TOKEN1, OWNER = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
POOL = PoolIdentity("0x" + "44" * 20, Token(TOKEN0, "A", 18), Token(TOKEN1, "B", 6), 500, 10)
CONTRACTS = Contracts("0x" + "55" * 20, "0x" + "66" * 20, "0x" + "77" * 20)
ROUTER_02 = Contracts(CONTRACTS.factory, CONTRACTS.positions, CONTRACTS.router, router_kind="router02")
MOST = 2**128 - 1
WHEN = 1_700_000_000
FULL = 2**256 - 1


def abi(signature: str, types: list[str], *values: object) -> bytes:
    return keccak(text=signature)[:4] + encode(types, values)


def struct(name: str, types: str, *values: object) -> bytes:
    return abi(f"{name}({types})", [types], values)


def collect(token_id: int) -> bytes:
    return struct("collect", "(uint256,address,uint128,uint128)", token_id, OWNER, MOST, MOST)


def in_multicall(*calls: bytes) -> bytes:
    return abi("multicall(bytes[])", ["bytes[]"], list(calls))


DECREASE = "(uint256,uint128,uint256,uint256,uint256)"
MINT = "(address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256)"
INCREASE = "(uint256,uint256,uint256,uint256,uint256,uint256)"
SWAP = "(address,address,uint24,address,uint256,uint256,uint256,uint160)"
SWAP_02 = "(address,address,uint24,address,uint256,uint256,uint160)"

APPROVE = "approve(address,uint256)", ["address", "uint256"]

CASES: list[tuple[Step, str, bytes]] = [
    (Approve(TOKEN1, "router", FULL), TOKEN1, abi(*APPROVE, CONTRACTS.router, FULL)),
    (Approve(TOKEN0, "positions", 0), TOKEN0, abi(*APPROVE, CONTRACTS.positions, 0)),
    (Collect((7, 2**200)), CONTRACTS.positions, in_multicall(collect(7), collect(2**200))),
    (
        Exit((Withdrawal(7, 10**20, 5, 6, True), Withdrawal(8, 9, 0, 0, False), Withdrawal(9, 0, 0, 0, True))),
        CONTRACTS.positions,
        in_multicall(
            struct("decreaseLiquidity", DECREASE, 7, 10**20, 5, 6, WHEN), collect(7),
            abi("burn(uint256)", ["uint256"], 7),
            struct("decreaseLiquidity", DECREASE, 8, 9, 0, 0, WHEN), collect(8),
            collect(9), abi("burn(uint256)", ["uint256"], 9),
        ),
    ),
    (
        Mint((MintRange(-887270, 887270, 1, 2, 3, 4, 5), MintRange(-10, 0, 9, 8, 7, 6, 5)), 0, 0),
        CONTRACTS.positions,
        in_multicall(
            struct("mint", MINT, TOKEN0, TOKEN1, 500, -887270, 887270, 1, 2, 3, 4, OWNER, WHEN),
            struct("mint", MINT, TOKEN0, TOKEN1, 500, -10, 0, 9, 8, 7, 6, OWNER, WHEN),
        ),
    ),
    (
        Increase((Addition(3, 4, 5, 6, 7),)),
        CONTRACTS.positions,
        in_multicall(struct("increaseLiquidity", INCREASE, 3, 4, 5, 6, 7, WHEN)),
    ),
    (
        Swap(True, 10, 9, 9, 2**90),
        CONTRACTS.router,
        struct("exactInputSingle", SWAP, TOKEN0, TOKEN1, 500, OWNER, WHEN, 10, 9, 2**90),
    ),
    (
        Swap(False, 10, 9, 9, 2**150),
        CONTRACTS.router,
        struct("exactInputSingle", SWAP, TOKEN1, TOKEN0, 500, OWNER, WHEN, 10, 9, 2**150),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("step", "target", "data"), CASES, ids=lambda value: getattr(value, "kind", None))
def test_equals_the_general_encoder(step: Step, target: str, data: bytes) -> None:
    call = call_for(CONTRACTS, POOL, step, OWNER, WHEN)
    assert (call.to, call.data.hex(), call.value_wei) == (target, data.hex(), 0)


def test_router_02_carries_its_deadline_outside_of_the_struct() -> None:
    call = call_for(ROUTER_02, POOL, Swap(False, 10, 9, 9, 2**150), OWNER, WHEN)
    inner = struct("exactInputSingle", SWAP_02, TOKEN1, TOKEN0, 500, OWNER, 10, 9, 2**150)
    assert call.data == abi("multicall(uint256,bytes[])", ["uint256", "bytes[]"], WHEN, [inner])


@pytest.mark.parametrize("step", [Exit(()), Collect(()), Mint((), 0, 0), Increase(())])
def test_an_empty_step_is_refused(step: Step) -> None:
    with pytest.raises(ValueError, match="does nothing"):
        call_for(CONTRACTS, POOL, step, OWNER, WHEN)
