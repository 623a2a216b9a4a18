"""Whether the journal lets anything be signed now: it speaks of this strategy, pool and owner; nobody stopped it."""

from __future__ import annotations

from typing import Final

from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.refusal import refuse, require_at_least, require_same, require_within

# A node may lag a little behind the one whose block the plan was made at.
_HEAD_LAG_SECONDS: Final = 60


def check_standing(rules: Rules, evidence: Evidence, *, takes_back: bool = False) -> None:
    """``takes_back``: nothing is done but to take back what was asked of a Safe's owners, and that outlives its plan.

    Raises:
        SigningRefusedError: something is not as it must be.
    """
    require_same("the signer's state", evidence.signer_state, "running")
    is_out = bool(evidence.attempts) or takes_back
    # Paused: what is out may be settled or taken back, nothing new begins.
    states = ("running", "exiting", "paused", "exited") if is_out else ("running", "exiting")
    if evidence.strategy_state not in states:
        refuse("the strategy's state", evidence.strategy_state, " or ".join(states))
    if not takes_back:
        # Undone: a reorganisation has put its transaction out again.
        plans = ("open", "undone") if is_out else ("open",)
        if evidence.plan_state not in plans:
            refuse("the plan's state", evidence.plan_state, " or ".join(plans))
        require_same("the step", evidence.step_state, "READY")
    _check_identity(rules, evidence)
    # Nothing but a cancellation is signed for a plan that was cut short (deadline 0): every deadline is then past.
    if evidence.deadline_timestamp:
        require_same("the plan's deadline", evidence.deadline_timestamp, evidence.decided_deadline_timestamp)
    if not 0 <= evidence.ordinal < len(evidence.decided_steps):
        refuse("the step's number in its plan", evidence.ordinal, f"below {len(evidence.decided_steps)}")
    require_same("the step", evidence.step, evidence.decided_steps[evidence.ordinal])


def check_deadline(rules: Rules, evidence: Evidence) -> None:
    """It is not past, and near.

    Raises:
        SigningRefusedError: it is past.
        SigningLimitError: it lies further ahead than a plan may live.
    """
    deadline, head = evidence.deadline_timestamp, evidence.head_timestamp
    require_at_least("the deadline", deadline, head)
    if not evidence.attempts:  # what replaces another has its very deadline, which was near when that was signed
        # Further ahead it may be for a node that lags behind the one that was observed: no reason to halt for ever.
        require_within("the deadline", deadline, head + rules.plan_lifetime_seconds + _HEAD_LAG_SECONDS)


def _check_identity(rules: Rules, evidence: Evidence) -> None:
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
