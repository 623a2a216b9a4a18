"""The signing policy: the last look at a transaction before a key touches it. What is not allowed here is not signed.

It is given the final bytes, decodes them with a decoder of its own, and compares every field twice: with the rules of
the strategy, and with the one step that the journal says is to be carried out now. Nothing here writes, waits or asks.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from keeper.model.plan import Approve, Collect, Exit, Increase, Mint, Swap, is_way_out
from keeper.world.signers import passed
from keeper.world.signers.calls import (
    ApproveCall,
    BurnCall,
    CollectCall,
    DecodingError,
    DecreaseCall,
    IncreaseCall,
    InnerCall,
    MintCall,
    PositionCalls,
    SwapCall,
    calls_of,
)
from keeper.world.signers.decoding import Unsigned, decode_signed, decode_unsigned
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.limits import check_limits
from keeper.world.signers.passed import Passed
from keeper.world.signers.refusal import refuse, require_at_least, require_at_most, require_same, require_within
from keeper.world.signers.step_rules import check_step

_MAX_UINT128: Final = (1 << 128) - 1
# A node may lag a little behind the one whose block the plan was made at.
_HEAD_LAG_SECONDS: Final = 60
# Nodes take a replacement only if both of its fees are a tenth higher.
_RAISE_PERCENT: Final = 110


@dataclass(frozen=True, slots=True)
class Allowed:
    """A transaction that may be signed, and what it counts against the limits: wei, raw quote units."""

    passed: Passed
    debit_gas_wei: int
    debit_quote: int


def check(rules: Rules, evidence: Evidence, unsigned: bytes) -> Allowed:
    """Let an unsigned EIP-1559 transaction pass, or not.

    Raises:
        SigningRefusedError: one sentence with the field, what was found in it and what is allowed.
        SigningLimitError: all is as it must be, but it would cost more than is allowed now.
    """
    try:
        transaction = decode_unsigned(unsigned)
        _check_evidence(rules, evidence)
        _check_envelope(rules, evidence, transaction)
        _check_nonce(evidence, transaction)
        debit_quote = 0
        if evidence.cancels:
            _check_cancellation(rules, evidence, transaction)
        else:
            _check_act(rules, evidence, transaction)
            # A replacement is word for word what has passed already: what it swaps is counted, and its positions and
            # balances may look otherwise by now, after a reorganisation.
            debit_quote = 0 if evidence.attempts else check_step(rules, evidence)
    except DecodingError as error:
        refuse("a part of the bytes", f"not what the keeper makes ({error})", "only its own calls, plainly encoded")
    # Last, so that what is wrong is never taken for what is only dear.
    gas_units, tip_wei = transaction.gas_limit, transaction.max_priority_fee_wei
    require_within("the gas limit (signing.max_gas_units)", gas_units, rules.limits.max_gas_units)
    field = "the priority fee, wei per gas (signing.max_priority_fee_gwei),"
    require_within(field, tip_wei, rules.max_priority_fee_wei)
    gas_wei = gas_units * transaction.max_fee_wei
    check_limits(rules, evidence, gas_wei=gas_wei, swapped_quote=debit_quote)
    return Allowed(passed.issue(unsigned), gas_wei, debit_quote)


def _check_evidence(rules: Rules, evidence: Evidence) -> None:
    """The journal speaks of this strategy, pool and owner, and nobody has stopped it."""
    require_same("the signer's state", evidence.signer_state, "running")
    is_out = bool(evidence.attempts)
    # Paused: what is out may be settled or taken back, nothing new begins.
    states = ("running", "exiting", "paused", "exited") if is_out else ("running", "exiting")
    if evidence.strategy_state not in states:
        refuse("the strategy's state", evidence.strategy_state, " or ".join(states))
    # Undone: a reorganisation has put its transaction out again.
    plans = ("open", "undone") if is_out else ("open",)
    if evidence.plan_state not in plans:
        refuse("the plan's state", evidence.plan_state, " or ".join(plans))
    require_same("the step", evidence.step_state, "READY")
    seen = evidence.observation
    found = (
        ("the strategy", evidence.strategy, rules.strategy),
        ("the plan's chain id", evidence.chain_id, rules.chain_id),
        ("the plan's owner", evidence.owner.lower(), rules.owner),
        ("the observed chain id", seen.block.chain_id, rules.chain_id),
        ("the observed owner", seen.wallet.owner.lower(), rules.owner),
        ("the observed pool", seen.pool.address.lower(), rules.pool),
        ("the pool's token0", seen.pool.token0.address.lower(), rules.token0),
        ("the pool's token1", seen.pool.token1.address.lower(), rules.token1),
        ("the pool's fee", seen.pool.fee_pips, rules.fee_pips),
        ("the pool's tick spacing", seen.pool.tick_spacing, rules.tick_spacing),
        ("the quote token", seen.quote_is_token0, rules.quote_is_token0),
    )
    for field, value, allowed in found:
        require_same(field, value, allowed)
    # Nothing but a cancellation is signed for a plan that was cut short (deadline 0): every deadline is then past.
    if evidence.deadline_timestamp:
        require_same("the plan's deadline", evidence.deadline_timestamp, evidence.decided_deadline_timestamp)
    if not 0 <= evidence.ordinal < len(evidence.decided_steps):
        refuse("the step's number in its plan", evidence.ordinal, f"below {len(evidence.decided_steps)}")
    require_same("the step", evidence.step, evidence.decided_steps[evidence.ordinal])


def _check_envelope(rules: Rules, evidence: Evidence, transaction: Unsigned) -> None:
    """What every transaction has, whatever it does."""
    require_same("the chain id", transaction.chain_id, rules.chain_id)
    require_same("the value, wei", transaction.value_wei, 0)
    require_at_least("the gas limit", transaction.gas_limit, 21_000)
    leaves = evidence.cancels or is_way_out(evidence.step)
    ceiling = rules.max_exit_fee_wei if leaves else rules.max_fee_wei
    require_at_least("the fee cap, wei per gas", transaction.max_fee_wei, 1)
    if ceiling is not None:
        require_at_most("the fee cap, wei per gas", transaction.max_fee_wei, ceiling)
    require_at_most("the priority fee, wei per gas", transaction.max_priority_fee_wei, transaction.max_fee_wei)


def _check_nonce(evidence: Evidence, transaction: Unsigned) -> None:
    """A fresh nonce for a step without a transaction; else its own, and fees that replace what stands there."""
    if evidence.nonce is None or not evidence.attempts:
        if evidence.cancels or evidence.attempts or evidence.nonce is not None:
            refuse("what is to be replaced", "nothing that was signed for the step", "only a transaction that is out")
        require_at_least("the nonce", transaction.nonce, evidence.lowest_nonce)
        return
    require_same("the step's transaction", "settled" if evidence.is_settled else "out", "out")
    require_same("the nonce", transaction.nonce, evidence.nonce)
    for attempt in evidence.attempts:
        before = decode_signed(attempt.raw).unsigned
        least_fee = -(-before.max_fee_wei * _RAISE_PERCENT // 100)
        least_tip = -(-before.max_priority_fee_wei * _RAISE_PERCENT // 100)
        require_at_least("the fee cap of a replacement", transaction.max_fee_wei, least_fee)
        require_at_least("the priority fee of a replacement", transaction.max_priority_fee_wei, least_tip)
        if evidence.cancels:
            continue
        if attempt.cancels:
            refuse("a replacement of a cancellation", "the act again", "only another cancellation")
        # The two fees apart, a replacement is the same transaction.
        require_same("the gas limit of a replacement", transaction.gas_limit, before.gas_limit)
        require_same("the target of a replacement", transaction.to, before.to)
        require_same("the calldata of a replacement", transaction.data.hex(), before.data.hex())


def _check_cancellation(rules: Rules, evidence: Evidence, transaction: Unsigned) -> None:
    """Nothing is sent to ourselves, to take a nonce back that has something of ours on it."""
    if not evidence.attempts:
        refuse("the nonce of a cancellation", "free", "only one that was signed for")
    require_same("the target of a cancellation", transaction.to, rules.signer)
    require_same("the calldata of a cancellation", transaction.data.hex(), "")


def _check_act(rules: Rules, evidence: Evidence, transaction: Unsigned) -> None:
    """Target and calldata are those of the step, word for word, and its deadline is near and not past."""
    deadline, head = evidence.deadline_timestamp, evidence.head_timestamp
    require_at_least("the deadline", deadline, head)
    if not evidence.attempts:  # what replaces another has its very deadline, which was near when that was signed
        # Further ahead it may be for a node that lags behind the one that was observed: no reason to halt for ever.
        require_within("the deadline", deadline, head + rules.plan_lifetime_seconds + _HEAD_LAG_SECONDS)
    target, wanted = _wanted(rules, evidence)
    require_same("the target", transaction.to, target)
    _require_same_call(calls_of(transaction.data), wanted)


def _wanted(rules: Rules, evidence: Evidence) -> tuple[str, ApproveCall | SwapCall | PositionCalls]:
    """The one target and call that carry out the step; whatever is paid out goes to the owner."""
    step, owner, deadline = evidence.step, rules.owner, evidence.deadline_timestamp
    match step:
        case Approve():
            spender = rules.router if step.spender == "router" else rules.positions
            return step.token.lower(), ApproveCall(spender, step.amount)
        case Swap():
            route = (rules.token0, rules.token1) if step.zero_for_one else (rules.token1, rules.token0)
            bounds = step.amount_in, step.amount_out_min, step.sqrt_price_limit_x96
            is_02 = rules.router_kind == "router02"
            return rules.router, SwapCall(is_02, *route, rules.fee_pips, owner, deadline, *bounds)
    calls: list[InnerCall] = []
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
    return rules.positions, PositionCalls(tuple(calls))


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
