"""A plan's step as one call to the router, the position manager or a token. Integers only."""

from __future__ import annotations

from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Mint, SingleStep, Step, Swap
from keeper.world.chain import codec
from keeper.world.chain.contracts import Contracts
from keeper.world.protocols import Call
from keeper.world.v3.identity import PoolIdentity
from keeper.world.v3.reads import MAX_UINT128

_MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
_INCREASE = "increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))"
_DECREASE = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
_COLLECT = "collect((uint256,address,uint128,uint128))"
_SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
_SWAP_02 = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"


def call_for(contracts: Contracts, pool: PoolIdentity, step: Step, owner: str, deadline_timestamp: int) -> Call:
    """The transaction that does the step. Whatever it pays out goes to ``owner``; no native coin is sent.

    A batch is one multicall of the position manager's; a batch of more than that an executor puts together itself.

    Raises:
        ValueError: the step is empty, or a batch that the position manager cannot carry out alone.
    """
    if isinstance(step, Batch):
        calls = [call for each in step.steps for call in _position_calls(pool, each, owner, deadline_timestamp)]
        return _positions(contracts, calls)
    match step:
        case Approve():
            spender = contracts.router if step.spender == "router" else contracts.positions
            return Call(step.token, codec.call("approve(address,uint256)", spender, step.amount))
        case Swap():
            return _swap(contracts, pool, step, owner, deadline_timestamp)
        case _:
            return _positions(contracts, _position_calls(pool, step, owner, deadline_timestamp))


def _position_calls(pool: PoolIdentity, step: SingleStep, owner: str, deadline: int) -> list[bytes]:
    match step:
        case Exit():
            return _exit(step, owner, deadline)
        case Collect():
            return [_collect(token_id, owner) for token_id in step.token_ids]
        case Mint():
            return _mint(pool, step, owner, deadline)
        case Increase():
            return _increase(step, deadline)
    raise ValueError(f"the position manager cannot carry out: {step.kind}")


def _positions(contracts: Contracts, calls: list[bytes]) -> Call:
    if not calls:
        raise ValueError("a step without positions does nothing")
    return Call(contracts.positions, codec.call_with_bytes_array("multicall(bytes[])", calls))


def _collect(token_id: int, owner: str) -> bytes:
    return codec.call(_COLLECT, token_id, owner, MAX_UINT128, MAX_UINT128)


def _exit(step: Exit, owner: str, deadline: int) -> list[bytes]:
    calls = []
    for each in step.withdrawals:
        if each.liquidity:  # the contract refuses to decrease by zero, but fees of an empty position can be collected
            minimums = each.amount_0_min, each.amount_1_min
            calls.append(codec.call(_DECREASE, each.token_id, each.liquidity, *minimums, deadline))
        calls.append(_collect(each.token_id, owner))
        if each.burn:
            calls.append(codec.call("burn(uint256)", each.token_id))
    return calls


def _mint(pool: PoolIdentity, step: Mint, owner: str, deadline: int) -> list[bytes]:
    key = pool.token0.address, pool.token1.address, pool.fee_pips
    return [
        codec.call(
            _MINT, *key, each.lower_tick, each.upper_tick, each.amount_0_desired, each.amount_1_desired,
            each.amount_0_min, each.amount_1_min, owner, deadline,
        )
        for each in step.ranges
    ]  # fmt: skip


def _increase(step: Increase, deadline: int) -> list[bytes]:
    return [
        codec.call(
            _INCREASE, each.token_id, each.amount_0_desired, each.amount_1_desired,
            each.amount_0_min, each.amount_1_min, deadline,
        )
        for each in step.additions
    ]  # fmt: skip


def _swap(contracts: Contracts, pool: PoolIdentity, step: Swap, owner: str, deadline: int) -> Call:
    token0, token1 = pool.token0.address, pool.token1.address
    route = (token0, token1) if step.zero_for_one else (token1, token0)
    bounds = step.amount_in, step.amount_out_min, step.sqrt_price_limit_x96
    if contracts.router_kind == "router":
        return Call(contracts.router, codec.call(_SWAP, *route, pool.fee_pips, owner, deadline, *bounds))
    swap = codec.call(_SWAP_02, *route, pool.fee_pips, owner, *bounds)
    return Call(contracts.router, codec.call_with_bytes_array("multicall(uint256,bytes[])", [swap], deadline))
