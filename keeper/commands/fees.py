"""What a position would have earned between two points of a tape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import json_option, print_json

if TYPE_CHECKING:
    from keeper.model.price import Token
    from keeper.world.tape.range_fees import RangeFees, TapeSpan
    from keeper.world.tape.range_fees_tape import FeeTerms
    from keeper.world.tape.tape import EventTape, Tape

MOST_LIQUIDITY = (1 << 128) - 1
MOST_LISTED = 10
_END_OF_BLOCK = 1 << 62


@dataclass(frozen=True, slots=True)
class Place:
    """A block, or one log in it."""

    block: int
    log: int | None

    def __str__(self) -> str:
        return f"{self.block}" if self.log is None else f"{self.block}:{self.log}"


class PlaceParameter(click.ParamType[Place]):
    """``N`` or ``N:LOG``."""

    name = "N[:LOG]"

    def convert(self, value: str | Place, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        if isinstance(value, Place):
            return value
        block, colon, log = value.partition(":")
        if not (block.isascii() and block.isdigit() and (not colon or (log.isascii() and log.isdigit()))):
            self.fail(f"{value!r} is no block (23354033) and no log of one (23354033:144)", param, ctx)
        return Place(int(block), int(log) if colon else None)


@click.command(
    epilog="Example:  keeper fees --data tape --lower-tick 193890 --upper-tick 194040 --liquidity 60134336564964532 "
    "--from-block 23354033:144 --to-block 23354103:304"
)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="A tape with events: file or folder.")
@click.option("--lower-tick", type=int, required=True, help="Lower end of the range.")
@click.option("--upper-tick", type=int, required=True, help="Upper end of the range.")
@click.option("--liquidity", type=click.IntRange(1, MOST_LIQUIDITY), required=True, metavar="L",
              help="The position's liquidity, as the pool counts it.")  # fmt: skip
@click.option("--from-block", type=PlaceParameter(),
              help="N: from the start of block N. N:LOG: after that log, the mint's. Default: all.")  # fmt: skip
@click.option("--to-block", type=PlaceParameter(),
              help="N: to the end of block N. N:LOG: up to that log, the collect's. Default: all.")  # fmt: skip
@click.option("--fee-pips", type=click.IntRange(1, 999_999), metavar="F",
              help="The pool's fee in pips (500 is 0.05 %), where the tape does not tell it.")  # fmt: skip
@json_option
def command(
    data: Path,
    lower_tick: int,
    upper_tick: int,
    liquidity: int,
    from_block: Place | None,
    to_block: Place | None,
    fee_pips: int | None,
    as_json: bool,
) -> None:
    """Say what a position would have earned between two points of a tape, in exact raw units.

    The pool's opening book is found again from what the swaps crossed, and every swap that touched the range is walked
    through it as the contract does. Swaps that cannot be walked are named, with the most that they can have paid.
    """
    from keeper.world.tape.opening import open_tape
    from keeper.world.tape.range_fees_tape import book_of, fees_of, known_opening
    from keeper.world.tape.tape import TapePool

    tape = _events_of(open_tape(data, pool=None if fee_pips is None else TapePool(fee_pips=fee_pips)))
    terms = _terms(tape)
    _require_ticks(lower_tick, upper_tick, terms.tick_spacing)
    span = _span(tape, from_block, to_block)
    with _progress(tape) as progress:
        book = book_of(tape, terms, known_opening(tape), progress)
        fees = fees_of(tape, book, terms, (lower_tick, upper_tick), liquidity, span, progress)
    notes = _notes(tape, terms, fees, liquidity)
    if as_json:
        print_json(_mapping(tape, terms, fees, notes, (lower_tick, upper_tick, liquidity), (from_block, to_block)))
        return
    _for_people(tape, fees, notes)


def _events_of(tape: Tape) -> EventTape:
    from keeper.errors import ConfigError

    if tape.kind == "bars":
        raise ConfigError(
            "it holds bars, and what a range earned between two points is found from single events: give a tape that "
            "`keeper download` wrote",
            path=str(tape.path),
        )
    return tape


def _terms(tape: EventTape) -> FeeTerms:
    from keeper.errors import ConfigError
    from keeper.world.tape.range_fees_tape import FeeTerms, opening_protocol_fee

    pool = tape.pool
    if pool.fee_pips is None:
        raise ConfigError(
            "neither the file nor its amounts tell the pool's fee; give it with --fee-pips", path=str(tape.path)
        )
    if pool.tick_spacing is None:
        raise ConfigError(
            f"the tick spacing of a pool with a fee of {pool.fee_pips} pips is not known; write the tape again with "
            "`keeper download`, which reads it from the pool",
            path=str(tape.path),
        )
    return FeeTerms(pool.fee_pips, pool.tick_spacing, opening_protocol_fee(tape))


def _require_ticks(lower_tick: int, upper_tick: int, tick_spacing: int) -> None:
    from keeper.model.ticks import max_usable_tick

    if lower_tick >= upper_tick:
        raise click.UsageError(f"--lower-tick {lower_tick} must be below --upper-tick {upper_tick}")
    most = max_usable_tick(tick_spacing)
    for option, tick in (("--lower-tick", lower_tick), ("--upper-tick", upper_tick)):
        if tick % tick_spacing:
            below = tick // tick_spacing * tick_spacing
            raise click.UsageError(
                f"{option} {tick} is no multiple of the pool's tick spacing {tick_spacing}; the nearest are {below} "
                f"and {below + tick_spacing}"
            )
        if abs(tick) > most:
            raise click.UsageError(f"{option} {tick} is beyond the ticks of the pool, {-most} to {most}")


def _span(tape: EventTape, from_block: Place | None, to_block: Place | None) -> TapeSpan:
    from keeper.world.tape.range_fees import TapeSpan

    first, last = tape.span.from_block, tape.span.to_block
    for option, place in (("--from-block", from_block), ("--to-block", to_block)):
        if place is not None and not first <= place.block <= last:
            raise click.UsageError(f"{option} {place} is not on the tape, which covers blocks {first} to {last}")
    begin, end = from_block or Place(first, None), to_block or Place(last, None)
    after = (begin.block, -1 if begin.log is None else begin.log)
    until = (end.block, _END_OF_BLOCK if end.log is None else end.log)
    if after >= until:
        raise click.UsageError(f"--from-block {begin} must be before --to-block {end}")
    return TapeSpan(after, until)


@contextmanager
def _progress(tape: EventTape) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal; the tape is read up to three times."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _block: None
        return
    blocks = tape.span.to_block - tape.span.from_block + 1
    with click.progressbar(length=blocks, label="Reading the tape", file=sys.stderr) as bar:
        yield lambda block: bar.update(block - tape.span.from_block + 1 - bar.pos)


def _notes(tape: EventTape, terms: FeeTerms, fees: RangeFees, liquidity: int) -> list[str]:
    """What whoever uses the figures must know, a sentence each."""
    notes = [defect.sentence for defect in tape.defects]
    if terms.fee_protocol is None:
        notes.append("the tape does not tell the protocol's fee: it is taken to be off")
    if 0 < fees.least_liquidity < liquidity:
        notes.append(
            f"the pool had only {fees.least_liquidity} of liquidity at times, so this position was not there: the "
            "figures hold if the price had gone the same way with it"
        )
    return notes


def _mapping(
    tape: EventTape,
    terms: FeeTerms,
    fees: RangeFees,
    notes: list[str],
    asked: tuple[int, int, int],
    places: tuple[Place | None, Place | None],
) -> dict[str, Any]:
    """Integers that no reader of JSON may round are strings."""
    return {
        "fees0": str(fees.fees_0),
        "fees1": str(fees.fees_1),
        "fees0_at_most": str(fees.most_0),
        "fees1_at_most": str(fees.most_1),
        "lower_tick": asked[0],
        "upper_tick": asked[1],
        "liquidity": str(asked[2]),
        "from_block": None if places[0] is None else str(places[0]),
        "to_block": None if places[1] is None else str(places[1]),
        "tape": {"path": str(tape.path), "digest": tape.digest},
        "fee_pips": terms.fee_pips,
        "tick_spacing": terms.tick_spacing,
        "swaps_in_range": fees.swaps_in_range,
        "worst_difference": fees.worst_difference,
        "undetermined": [
            {"block": each.block_number, "log": each.log_index, "why": each.why} for each in fees.undetermined
        ],
        "notes": notes,
    }


def _for_people(tape: EventTape, fees: RangeFees, notes: list[str]) -> None:
    pool = tape.pool
    for name, token, least, most in (
        ("token0", pool.token0, fees.fees_0, fees.most_0),
        ("token1", pool.token1, fees.fees_1, fees.most_1),
    ):
        beyond = "" if most == least else f", at most {_amount(most, token, name)}"
        click.echo(f"Fees of {name}  {_amount(least, token, name)} ({least} raw units){beyond}")
    swaps = fees.swaps_in_range - len(fees.undetermined)
    click.echo(f"Swaps           {swaps:,} walked in the range, amounts within {fees.worst_difference} of the record")
    for each in fees.undetermined[:MOST_LISTED]:
        click.echo(f"Not walked      block {each.block_number}, log {each.log_index}: {each.why}")
    if len(fees.undetermined) > MOST_LISTED:
        click.echo(f"Not walked      and {len(fees.undetermined) - MOST_LISTED:,} more; --json names them all")
    for note in notes:
        click.echo(f"Note            {note}")


def _amount(raw: int, token: Token | None, name: str) -> str:
    from keeper.report import symbol, whole

    return f"{raw} of {name}" if token is None else f"{whole(raw, token.decimals):f} {symbol(token)}"
