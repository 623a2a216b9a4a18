"""What is done with a token to see how it behaves: it is sent about in a simulation, from the pool that holds it, to
and from a contract that counts how often it is called. Nothing of this leaves the node that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.world.chain import codec
from keeper.world.chain.simulation import Trial, TrialBlock, Tried

DAYS_LATER: Final = 30
_DAY_SECONDS: Final = 86_400
# Addresses without a known key: the first 20 bytes of keccak-256 of "range keeper token check probe" (sink, asker).
PROBE: Final = "0x72872e3b4f7a14c723408b18e8d01729b7f607e9"
SINK: Final = "0xbd8bf64e3107d0a360e7de2cc1b0a99d29f4a029"
ASKER: Final = "0x443b99577f0d74351e718ebb084a3d070a0cb211"
_ERC1820: Final = "0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24"
# keccak-256 of the interface names of ERC-777.
_HOOKS: Final = (
    bytes.fromhex("b281fc8c12954d22544db45de3159a39272895b169a852b314f9cc762e44c53b"),  # ERC777TokensRecipient
    bytes.fromhex("29ddb589b1fb5fc7cf394961c1adf5f8c6454761adf795e67fe149f658abe895"),  # ERC777TokensSender
)
_REGISTER: Final = bytes.fromhex("29965a1d")  # setInterfaceImplementer(address,bytes32,address)
_TRANSFER: Final = bytes.fromhex("a9059cbb")  # transfer(address,uint256)
_MAX_GAS_UNITS: Final = 2_000_000  # of each call, so that a token which burns all it is given leaves some to the rest
_TRANSFER_FROM: Final = bytes.fromhex("23b872dd")  # transferFrom(address,address,uint256)

# The contract at PROBE. Asked by ASKER it returns how often anybody else has called it; anybody else is counted and
# answered "true". Counting writes, so that a token which calls it in a static call fails, and is seen that way.
PROBE_CODE: Final = bytes.fromhex(
    f"33 73{ASKER[2:]} 14 602d 57"  # CALLER, PUSH20 asker, EQ, PUSH1 0x2d, JUMPI
    "6001 6000 54 01 6000 55"  # storage 0 += 1
    "6001 6000 52 6020 6000 f3"  # return 1
    "5b 6000 54 6000 52 6020 6000 f3"  # 0x2d: return storage 0
)


@dataclass(frozen=True, slots=True)
class Balances:
    """What holder, probe and sink have, raw units; None where the token does not say."""

    holder: int | None
    probe: int | None
    sink: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a probing showed. ``sent`` raw units went from the holder to the probe, half of them on to the sink and
    back again by ``transferFrom``."""

    sent: int
    passed_on: int
    start: Balances
    after_transfer: Balances
    after_passing_on: Balances
    after_transfer_from: Balances
    days_later: Balances
    transfer: Tried
    passing_on: Tried
    approval: Tried
    allowed: int | None
    transfer_from: Tried
    left_allowed: int | None
    reapproval: Tried
    taking_back: Tried
    finally_allowed: int | None
    calls_to_probe: int | None


def amount_to_send(balance: int) -> int:
    """A hundredth of what the holder has; more of a small balance, for a fee must not round down to nothing."""
    return max(2, balance // 100, min(balance // 4, 10_000))


def blocks(token: str, holder: str, sent: int, timestamp: int) -> tuple[TrialBlock, TrialBlock]:
    """What is to be simulated: all of it now, and a look ``DAYS_LATER``; ``timestamp`` is the newest block's."""
    passed_on = sent // 2
    allowance = _trial(ASKER, token, codec.call("allowance(address,address)", SINK, PROBE))
    look = tuple(_trial(ASKER, token, codec.call("balanceOf(address)", each)) for each in (holder, PROBE, SINK))
    now = (
        *(_trial(PROBE, _ERC1820, _call(_REGISTER, PROBE, hook, PROBE)) for hook in _HOOKS),
        *look,
        _trial(holder, token, _call(_TRANSFER, PROBE, sent)),
        *look,
        _trial(PROBE, token, _call(_TRANSFER, SINK, passed_on)),
        *look,
        _approve(token, passed_on),
        allowance,
        _trial(PROBE, token, _call(_TRANSFER_FROM, SINK, PROBE, passed_on)),
        allowance,
        *look,
        _approve(token, 5),
        _approve(token, 7),
        _approve(token, 0),
        allowance,
        _trial(ASKER, PROBE, b""),
    )
    return TrialBlock(now), TrialBlock(look, timestamp + DAYS_LATER * _DAY_SECONDS)


def read(sent: int, now: list[Tried], later: list[Tried]) -> Seen:
    """What the simulation of :func:`blocks` showed."""
    after = iter(now[len(_HOOKS) :])

    def balances() -> Balances:
        return Balances(next(after).number, next(after).number, next(after).number)

    start = balances()
    transfer, after_transfer = next(after), balances()
    passing_on, after_passing_on = next(after), balances()
    approval, allowed = next(after), next(after).number
    transfer_from, left_allowed, after_transfer_from = next(after), next(after).number, balances()
    _first, reapproval, taking_back, finally_allowed, calls = (next(after) for _ in range(5))
    return Seen(
        sent, sent // 2, start, after_transfer, after_passing_on, after_transfer_from,
        Balances(*(each.number for each in later)), transfer, passing_on, approval, allowed, transfer_from,
        left_allowed, reapproval, taking_back, finally_allowed.number, calls.number,
    )  # fmt: skip


def _trial(sender: str, to: str, data: bytes) -> Trial:
    return Trial(sender, to, data, gas_units=_MAX_GAS_UNITS)


def _approve(token: str, amount: int) -> Trial:
    return _trial(SINK, token, codec.call("approve(address,uint256)", PROBE, amount))


def _call(selector: bytes, *words: int | bytes | str) -> bytes:
    return selector + b"".join(codec.word(each) for each in words)
