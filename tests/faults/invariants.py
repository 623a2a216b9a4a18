"""The fourteen invariants of sending, as functions that name every violation; an empty list is a pass.

``resting`` holds whenever the keeper has come to rest; the others compare two moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from keeper.model.ledger import NATIVE
from tests.faults.evidence import Evidence, SignedAttempt
from tests.faults.signed_bytes import breach, read_signed

LIVE = ("SIGNED", "BROADCAST", "INCLUDED", "CANCELLING")


def i1_one_effect_per_step(seen: Evidence) -> list[str]:
    """At most one mined effect per step: cancellations do nothing, reverts change nothing."""
    done = {each.hash for each in seen.mined if each.succeeded}
    effects = Counter(each.step_id for each in seen.attempts if each.hash in done and not each.cancels)
    return [f"I1: step {step} took effect {times} times" for step, times in effects.items() if times > 1]


def i2_every_hash_is_known(seen: Evidence, broadcast: Collection[str] = ()) -> list[str]:
    """Every mined hash of the sender, and every hash that a node was handed, is in the journal."""
    known = {each.hash for each in seen.attempts}
    strange = sorted({each.hash for each in seen.mined} | {each.lower() for each in broadcast} - known)
    return [f"I2: {each} is not in the journal" for each in strange if each not in known]


def i3_no_nonce_gap(seen: Evidence, first_nonce: int = 0) -> list[str]:
    """What was signed has nonces without a gap, and the chain has taken them from the first on."""
    signed = sorted({each.nonce for each in seen.attempts})
    taken = {each.nonce: each.taken for each in seen.mined}
    wrong = []
    # An authorization of the sender's own takes the nonce after its transaction's.
    spent = sorted(nonce + more for nonce in signed for more in range(taken.get(nonce, 1)))
    if spent != list(range(first_nonce, first_nonce + len(spent))):
        wrong.append(f"I3: signed nonces {signed} leave a gap")
    mined = sorted(nonce + more for nonce, number in taken.items() for more in range(number))
    if mined != list(range(first_nonce, seen.count)):
        wrong.append(f"I3: mined nonces {mined}, while the chain counts {seen.count}")
    return wrong


def i4_passes_the_policy(seen: Evidence) -> list[str]:
    """Every signed transaction, decoded independently, is one that may be signed, and is the one the journal names."""
    wrong = []
    for each in seen.attempts:
        signed = read_signed(each.raw)
        why = breach(
            signed, seen.owner, seen.chain_id, seen.contracts["router"], seen.contracts["positions"], seen.tokens
        )
        if why:
            wrong.append(f"I4: {each.kind} {each.hash} {why}")
        named = (each.hash, each.nonce, each.gas_limit, each.max_fee_wei, each.max_priority_fee_wei)
        if named != (signed.hash, signed.nonce, signed.gas_limit, signed.max_fee_wei, signed.max_priority_fee_wei):
            wrong.append(f"I4: the journal describes {each.hash} as something else")
    return wrong


def i5_fees_rise_within_caps(attempts: Iterable[SignedAttempt], ceiling_wei: int | None = None) -> list[str]:
    """Attempts at one nonce rise by at least a tenth in both fees and never above the ceiling."""
    by_transaction: dict[int, list[SignedAttempt]] = {}
    for each in attempts:
        by_transaction.setdefault(each.transaction_id, []).append(each)
    wrong = []
    for tries in by_transaction.values():
        for before, after in pairwise(tries):
            if (
                after.max_fee_wei * 10 < before.max_fee_wei * 11
                or after.max_priority_fee_wei * 10 < before.max_priority_fee_wei * 11
            ):
                wrong.append(f"I5: {after.hash} replaces {before.hash} without a tenth more in both fees")
        if ceiling_wei is not None:
            wrong += [f"I5: {each.hash} is above the ceiling" for each in tries if each.max_fee_wei > ceiling_wei]
    return wrong


def i6_books_are_the_chain(seen: Evidence) -> list[str]:
    """Balances and positions of the journal are the chain's, to the wei."""
    wrong = [
        f"I6: the books say {seen.booked.get(token, 0)} of {token}, the chain {amount}"
        for token, amount in seen.balances.items()
        if seen.booked.get(token, 0) != amount
    ]
    if sorted(seen.recorded) != sorted(seen.held):
        wrong.append(f"I6: positions {sorted(seen.recorded)} are booked as open, the chain has {sorted(seen.held)}")
    return wrong


def i7_no_allowance_at_rest(seen: Evidence) -> list[str]:
    """Allowances are zero when idle."""
    return [f"I7: {spender} may take {amount} of {token}" for (token, spender), amount in seen.allowances.items()
            if amount]  # fmt: skip


def i8_positions_within_number(seen: Evidence, most: int) -> list[str]:
    """No more open positions than the strategy is configured to have."""
    return [] if len(seen.held) <= most else [f"I8: {len(seen.held)} positions are open, {most} are meant to be"]


def i9_same_end(seen: Evidence, undisturbed: Evidence, dust: Mapping[str, int]) -> list[str]:
    """A crash changes what it cost to get there, not where one ends: or the strategy is halted.

    ``dust``: how much of each token (raw units) may lie idle more or less than after an undisturbed run.
    """
    if "halted" in seen.states.values():
        return []
    wrong = []
    if len(seen.held) != len(undisturbed.held):
        wrong.append(f"I9: {len(seen.held)} positions, undisturbed {len(undisturbed.held)}")
    for token, most in dust.items():
        idle, before = seen.balances[token.lower()], undisturbed.balances[token.lower()]
        if abs(idle - before) > most:
            wrong.append(f"I9: {idle} of {token} lie idle, undisturbed {before}")
    return wrong


def i10_nothing_changes_twice(before: object, after: object, nonces: tuple[int, int]) -> list[str]:
    """A recovery after a recovery leaves journal (``evidence.fingerprint``) and chain as they are."""
    wrong = [] if before == after else ["I10: a second recovery has changed the journal"]
    return wrong if nonces[0] == nonces[1] else [*wrong, f"I10: a second recovery sent {nonces[1] - nonces[0]} more"]


def i11_replay_is_direct(replayed: Evidence, direct: Evidence) -> list[str]:
    """A reorganisation and its replay end where the direct road ends, to the wei of tokens."""
    same = replayed.held.values(), {t: a for t, a in replayed.balances.items() if t != NATIVE}
    other = direct.held.values(), {t: a for t, a in direct.balances.items() if t != NATIVE}
    if sorted(same[0]) == sorted(other[0]) and same[1] == other[1]:
        return []
    return [f"I11: replayed {same}, direct {other}"]


def i12_loss_is_bounded(before_quote: int, after_quote: int, allowed_quote: int) -> list[str]:
    """What all is worth has not fallen by more than slippage, fees and gas allow; raw units of the quote token."""
    lost = before_quote - after_quote
    return [] if lost <= allowed_quote else [f"I12: {lost} were lost, {allowed_quote} allowed"]


def i13_halted_signs_nothing(before: Evidence, after: Evidence) -> list[str]:
    """Between two moments at which every strategy is halted nothing was signed."""
    if {*before.states.values(), *after.states.values()} != {"halted"}:
        return []
    fresh = [each.hash for each in after.attempts[len(before.attempts) :]]
    return [f"I13: {each} was signed while halted" for each in fresh]


def i14_nothing_is_left_open(seen: Evidence) -> list[str]:
    """Once faults stop everything comes to its end: no plan open, no transaction alive."""
    alive = sorted({(each.nonce, each.state) for each in seen.attempts if each.state in LIVE})
    wrong = [f"I14: nonce {nonce} is still {state}" for nonce, state in alive]
    return [*wrong, *(f"I14: plan {number} is still open" for number in seen.open_plans)]


def resting(seen: Evidence, *, most_positions: int = 1, first_nonce: int = 0,
            ceiling_wei: int | None = None, broadcast: Collection[str] = ()) -> list[str]:  # fmt: skip
    """Every invariant of a keeper that has come to rest (I1 to I8, I14)."""
    return [
        *i1_one_effect_per_step(seen),
        *i2_every_hash_is_known(seen, broadcast),
        *i3_no_nonce_gap(seen, first_nonce),
        *i4_passes_the_policy(seen),
        *i5_fees_rise_within_caps(seen.attempts, ceiling_wei),
        *i6_books_are_the_chain(seen),
        *i7_no_allowance_at_rest(seen),
        *i8_positions_within_number(seen, most_positions),
        *i14_nothing_is_left_open(seen),
    ]
