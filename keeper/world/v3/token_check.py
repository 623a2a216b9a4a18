"""Whether a token is plain: what is sent arrives, what is held stays, and nobody's code runs in between.

Uniswap v3 counts on all three, and so does the keeper. The token is tried in a simulation, and its code looked
through for balances that move by themselves at some later time; neither can prove that a token is harmless, and a
proxy's owner can make it another one tomorrow (see ``code_pins``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from keeper.errors import RpcError
from keeper.world.chain import codec, reverts
from keeper.world.chain.code_pins import PROXY_SLOTS
from keeper.world.chain.simulation import NotSimulatedError, Simulator, Trial, TrialBlock, Tried
from keeper.world.v3 import token_code, token_probe
from keeper.world.v3.token_probe import Balances, Seen

MAX_TRANSFER_GAS_UNITS: Final = 500_000
"""Some ten times what a plain transfer takes."""
_GETTER_GAS_UNITS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What was found out. ``reasons`` say why it is not plain (or not known to be); ``notes`` are for the operator."""

    address: str
    state: Literal["plain", "refused", "unknown"]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examine_token(simulator: Simulator, token: str, holders: Sequence[str]) -> TokenVerdict:
    """Try the token out with what the first of ``holders`` (the pool, then others) that has any of it holds.

    Raises:
        TransientError: the node did not answer.
    """
    node = simulator.node
    code, head, *slots = node.batch(
        [
            ("eth_getCode", [token, "latest"]),
            ("eth_getBlockByNumber", ["latest", False]),
            *(("eth_getStorageAt", [token, slot, "latest"]) for slot in PROXY_SLOTS.values()),
        ]
    )
    codes = [bytes.fromhex(code[2:])]
    targets = [f"0x{int(slot, 16):040x}" for slot in slots if 0 < int(slot, 16) < 1 << 160]
    minimal = token_code.minimal_proxy_target(codes[0])
    targets += [] if minimal is None else [minimal]
    codes += [bytes.fromhex(node.request("eth_getCode", [to, "latest"])[2:]) for to in targets]
    whole = b"".join(codes)
    notes = tuple(f"its issuer's code has {name}" for name in token_code.compared_with(whole, token_code.ISSUER_POWERS))
    notes += ("it is a proxy: its owner can replace its code",) if targets else ()
    try:
        reasons, more = _tried_out(simulator, token, holders, int(head["timestamp"], 16))
    except NotSimulatedError:
        return TokenVerdict(token, "unknown", ("the node does not offer eth_simulateV1",), notes)
    except RpcError as error:
        if not reverts.is_refusal(error):
            raise
        return TokenVerdict(token, "unknown", (f"it cannot be simulated: {error}",), notes)
    named = token_code.compared_with(whole, token_code.REBASES)
    reasons = (*(f"its code has {name}: balances can change by themselves" for name in named), *(reasons or ()))
    if not reasons and more is None:
        return TokenVerdict(token, "unknown", ("nobody known holds any of it, so that it cannot be tried",), notes)
    return TokenVerdict(token, "refused" if reasons else "plain", reasons, notes + (more or ()))


def _tried_out(
    simulator: Simulator, token: str, holders: Sequence[str], timestamp: int
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Reasons against it, and notes; notes None: nobody holds any, so that nothing could be tried."""
    getters = token_code.COMPUTED_BALANCES
    words = codec.word(holders[0]) + codec.word(1)
    looks = [Trial(token_probe.ASKER, token, codec.call("balanceOf(address)", each)) for each in holders]
    asked = [Trial(token_probe.ASKER, token, selector + words) for selector in getters.values()]
    trials = tuple(Trial(each.sender, each.to, each.data, gas_units=_GETTER_GAS_UNITS) for each in (*looks, *asked))
    ((*answers,),), _ = simulator.run([TrialBlock(trials)])
    held, computed = answers[: len(holders)], answers[len(holders) :]
    found = tuple(
        f"it answers {name}: what it holds is computed, and can change without a transfer"
        for name, answer in zip(getters, computed, strict=True)
        if answer.number is not None
    )
    if not all(_is_word(each) for each in held):
        return (*found, "its balanceOf fails, or answers something else than a number"), ()
    holder, balance = max(zip(holders, held, strict=True), key=lambda pair: pair[1].number or 0)
    if (balance.number or 0) < 2:
        return found, None
    sent = token_probe.amount_to_send(balance.number or 0)
    (now, later), _ = simulator.run(
        token_probe.blocks(token, holder, sent, timestamp), codes={token_probe.PROBE: token_probe.PROBE_CODE}
    )
    seen = token_probe.read(sent, now, later)
    return (*found, *_reasons(seen)), tuple(_notes(seen))


def _is_word(tried: Tried) -> bool:
    return tried.succeeded and len(tried.data) == codec.WORD


def _reasons(seen: Seen) -> Iterator[str]:
    """Every way in which it is not plain. After a call that failed, what would follow from it is not looked at."""
    start, after, passed = seen.start, seen.after_transfer, seen.after_passing_on
    yield from _call_reasons("transfer", seen.transfer)
    if seen.transfer.succeeded:
        yield from _moves("a transfer", start, after, Balances(-seen.sent, seen.sent, 0))
        yield from _call_reasons("transfer on by the recipient", seen.passing_on)
        if seen.passing_on.succeeded:
            half = seen.passed_on
            yield from _moves("another holder's transfer", after, passed, Balances(0, -half, half))
            yield from _approval_reasons(seen)
        if seen.days_later != (seen.after_transfer_from if seen.transfer_from.succeeded else passed):
            yield f"balances change by themselves within {token_probe.DAYS_LATER} days (rebasing, or demurrage)"
    if seen.calls_to_probe != 0:
        yield "it calls the sender's or the recipient's code during a transfer"


def _approval_reasons(seen: Seen) -> Iterator[str]:
    half = seen.passed_on
    yield from _call_reasons("approve", seen.approval)
    if seen.approval.succeeded and seen.allowed != half:
        yield f"after an approval of {half} it allows {seen.allowed}"
    if not seen.approval.succeeded:
        return
    yield from _call_reasons("transferFrom", seen.transfer_from)
    if not seen.transfer_from.succeeded:
        return
    yield from _moves("transferFrom", seen.after_passing_on, seen.after_transfer_from, Balances(0, half, -half))
    if seen.left_allowed != 0:
        yield f"an allowance of {half} that was used up leaves {seen.left_allowed}"
    if not seen.taking_back.succeeded or seen.finally_allowed != 0:
        yield "an approval cannot be taken back to zero"


def _call_reasons(name: str, tried: Tried) -> Iterator[str]:
    if not tried.succeeded:
        yield f"{name} fails: {tried.reason}"
    elif tried.data and (len(tried.data) != codec.WORD or tried.number != 1):
        answer = f"0x{tried.data[:32].hex()}" if len(tried.data) <= codec.WORD else f"{len(tried.data)} bytes"
        yield f"{name} returns {answer}, neither true nor nothing"
    if tried.gas_used > MAX_TRANSFER_GAS_UNITS:
        yield f"{name} takes {tried.gas_used} gas"


def _moves(name: str, before: Balances, after: Balances, expected: Balances) -> Iterator[str]:
    for who in ("holder", "probe", "sink"):
        first, second, change = getattr(before, who), getattr(after, who), getattr(expected, who)
        if first is None or second is None:
            yield f"balanceOf fails around {name}"
        elif second - first != change:
            part = {"holder": "the pool", "probe": "the first recipient", "sink": "the second"}[who]
            yield f"{name} changes the balance of {part} by {second - first} instead of {change}"


def _notes(seen: Seen) -> Iterator[str]:
    if seen.approval.succeeded and not seen.reapproval.succeeded:
        yield "an approval must go to zero before it is changed"
    if seen.transfer.succeeded and not seen.transfer.data:
        yield "its transfer returns nothing"
