"""What a batch may hold: each step as if it stood alone, upon what those before it leave; and no allowance is left."""

from __future__ import annotations

from keeper.model.observation import Account
from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Swap
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.holdings import Holdings
from keeper.world.signers.refusal import refuse, require_same
from keeper.world.signers.step_rules import check_single


def check_step(rules: Rules, evidence: Evidence) -> int:
    """The worth of what the step swaps, raw quote units (0 where it swaps nothing).

    Raises:
        SigningRefusedError: the step breaks a rule of the strategy.
    """
    step, held = evidence.step, Holdings(rules, evidence.observation)
    if isinstance(step, Batch):
        return _check_batch(rules, evidence, step, held)
    act = evidence.decided_steps[-1]
    if isinstance(step, Approve) and step.amount:
        _require_may_stand(rules.account, step)
        if isinstance(act, Batch):  # what the batch takes may be what it takes out first
            for each in act.steps:
                if isinstance(each, Exit | Collect):
                    check_single(rules, evidence, each, each, held)
    return check_single(rules, evidence, step, act, held)


def _require_may_stand(account: Account, step: Approve) -> None:
    """Days may pass between a Safe's transactions: it gives no allowance that it does not take back in the same."""
    if account == "safe":
        refuse("the amount approved outside a batch", step.amount, 0)


def _check_batch(rules: Rules, evidence: Evidence, batch: Batch, held: Holdings) -> int:
    _check_shape(rules.account, batch)
    _check_positions(batch)
    worth_quote = 0
    for index, step in enumerate(batch.steps):
        act = next((each for each in batch.steps[index:] if not isinstance(each, Approve)), step)
        worth_quote += check_single(rules, evidence, step, act, held)
    _check_allowances(evidence, batch, may_speak_to_tokens=rules.account != "multicall")
    return worth_quote


def _check_shape(account: Account, batch: Batch) -> None:
    """As many steps as make it a batch, none of them another, and only what the owner can do in one transaction."""
    if account == "key":
        refuse("a batch", "a step of the plan", "only single steps: the owner is a plain key")
    if not batch.steps or any(isinstance(each, Batch) for each in batch.steps):
        refuse("a batch", "empty, or of batches", "only one of single steps")
    if account == "multicall":
        for step in batch.steps:
            if isinstance(step, Approve | Swap):
                refuse("a step of the batch", step.kind, "only what the position manager does by itself")


def _check_positions(batch: Batch) -> None:
    """Each is taken from once and added to once, and nothing is added to what was withdrawn."""
    withdrawn: list[int] = []
    collected: list[int] = []
    added: list[int] = []
    for step in batch.steps:
        match step:
            case Exit():
                withdrawn += [each.token_id for each in step.withdrawals]
            case Collect():
                collected += step.token_ids
            case Increase():
                added += [each.token_id for each in step.additions]
    for name, token_ids in (("taken from", withdrawn + collected), ("added to", added)):
        if len({*token_ids}) != len(token_ids):
            refuse(f"the list of positions {name} in the batch", token_ids, "each once")
    if {*added} & {*withdrawn}:
        refuse("a position that is added to", sorted({*added} & {*withdrawn}), "none that was withdrawn")


def _check_allowances(evidence: Evidence, batch: Batch, *, may_speak_to_tokens: bool) -> None:
    """What is allowed when the batch ends is nothing; and each allowance given is used by the act that follows it."""
    if not may_speak_to_tokens:
        return
    standing = {(each.token.lower(), each.spender): each.amount for each in evidence.observation.wallet.allowances}
    for step in batch.steps:
        if isinstance(step, Approve):
            key = (step.token.lower(), step.spender)
            if step.amount and standing.get(key):
                refuse("the allowance that is changed", standing[key], "0: it is taken back before another is given")
            standing[key] = step.amount
    for (token, spender), amount in standing.items():
        require_same(f"the allowance of {token} for {spender} at the end of the batch", amount, 0)
