"""What carries out a step: the one target and call of each part of it. Whatever is paid out goes to the owner."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Mint, SingleStep, Step, Swap
from keeper.world.signers.batch_calls import TargetCall
from keeper.world.signers.calls import (
    ApproveCall,
    BurnCall,
    CollectCall,
    DecreaseCall,
    IncreaseCall,
    InnerCall,
    MintCall,
    PlainCall,
    PositionCalls,
    SwapCall,
    calls_of,
)
from keeper.world.signers.evidence import Rules
from keeper.world.signers.refusal import refuse, require_same

_MAX_UINT128: Final = (1 << 128) - 1


def wanted_calls(rules: Rules, step: Step, deadline_timestamp: int) -> tuple[tuple[str, PlainCall], ...]:
    """Target and call of everything the step does, in its order: one each, and for a batch as many as it has steps.

    Where the owner can do nothing but call the position manager, a batch is one call of that.
    """
    if not isinstance(step, Batch):
        return (_wanted(rules, step, deadline_timestamp),)
    if rules.account != "multicall":
        return tuple(_wanted(rules, each, deadline_timestamp) for each in step.steps)
    inner = [call for each in step.steps for call in _position_calls(rules, each, deadline_timestamp)]
    return ((rules.positions, PositionCalls(tuple(inner))),)


def require_calls(found: tuple[TargetCall, ...], wanted: tuple[tuple[str, PlainCall], ...]) -> None:
    """SigningRefusedError unless these are the calls that are wanted, each in every argument; DecodingError as
    ``calls_of``."""
    require_same("the number of calls", len(found), len(wanted))
    for each, (target, call) in zip(found, wanted, strict=True):
        require_same("the target", each.target, target)
        _require_same_call(calls_of(each.data), call)


def _wanted(rules: Rules, step: SingleStep, deadline: int) -> tuple[str, PlainCall]:
    match step:
        case Approve():
            spender = rules.router if step.spender == "router" else rules.positions
            return step.token.lower(), ApproveCall(spender, step.amount)
        case Swap():
            route = (rules.token0, rules.token1) if step.zero_for_one else (rules.token1, rules.token0)
            bounds = step.amount_in, step.amount_out_min, step.sqrt_price_limit_x96
            is_02 = rules.router_kind == "router02"
            return rules.router, SwapCall(is_02, *route, rules.fee_pips, rules.owner, deadline, *bounds)
    return rules.positions, PositionCalls(tuple(_position_calls(rules, step, deadline)))


def _position_calls(rules: Rules, step: SingleStep, deadline: int) -> list[InnerCall]:
    owner, calls = rules.owner, list[InnerCall]()
    match step:
        case Exit():
            for each in step.withdrawals:
                if each.liquidity:
                    minimums = each.amount_0_min, each.amount_1_min
                    calls.append(DecreaseCall(each.token_id, each.liquidity, *minimums, deadline))
                calls.append(CollectCall(each.token_id, owner, _MAX_UINT128, _MAX_UINT128))
                if each.burn:
                    calls.append(BurnCall(each.token_id))
        case Collect():
            calls += [CollectCall(token_id, owner, _MAX_UINT128, _MAX_UINT128) for token_id in step.token_ids]
        case Mint():
            for r in step.ranges:
                amounts = r.amount_0_desired, r.amount_1_desired, r.amount_0_min, r.amount_1_min
                pool = rules.token0, rules.token1, rules.fee_pips
                calls.append(MintCall(*pool, r.lower_tick, r.upper_tick, *amounts, owner, deadline))
        case Increase():
            for a in step.additions:
                amounts = a.amount_0_desired, a.amount_1_desired, a.amount_0_min, a.amount_1_min
                calls.append(IncreaseCall(a.token_id, *amounts, deadline))
        case _:
            refuse("a step for the position manager", step.kind, "exit, collect, mint or increase")
    return calls


def _require_same_call(found: object, wanted: object) -> None:
    """Equal in kind and in every argument; the first that differs is named."""
    require_same("the call", type(found).__name__, type(wanted).__name__)
    if isinstance(found, PositionCalls) and isinstance(wanted, PositionCalls):
        require_same("the number of calls", len(found.calls), len(wanted.calls))
        for inner, expected in zip(found.calls, wanted.calls, strict=True):
            _require_same_call(inner, expected)
        return
    for field in fields(wanted):  # type: ignore[arg-type]
        name = f"{field.name} of {type(wanted).__name__}"
        require_same(name, getattr(found, field.name), getattr(wanted, field.name))
    if found != wanted:
        refuse("the call", found, wanted)
