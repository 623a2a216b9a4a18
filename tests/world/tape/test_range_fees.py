"""What a range earned is what the real pool's own position was owed, to the raw unit; bounds hold the truth."""

from __future__ import annotations

from random import Random

import pytest

from keeper.model.full_math import Q128
from keeper.model.observation import TickState
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.range_fees import RangeFees, RangeReckoner, TapeSpan
from keeper.world.tape.range_fees_tape import FeeTerms, book_of, fees_of, known_opening, opening_protocol_fee
from keeper.world.tape.tape import Opening
from keeper.world.tape.tick_book import LOGS_MISSING, SEED, KnownOpening, TickBook, infer_book
from tests.world.tape.made_tape import MadeTape, RecordedPool

LOW, HIGH = 193_800, 194_060
BASE = 1_700_000_000_000_000_000
ALL = TapeSpan((0, -1), (1 << 62, 0))
OWN = 10**17 + 12_345
# Wider than what `wander` mints and burns, so that nobody else puts anything into these positions.
RANGES = ((193_900, 193_970), (LOW, HIGH), (193_810, 193_880), (193_870, 193_930))


def made(seed: int, fee_protocol: tuple[int, int] = (0, 0)) -> RecordedPool:
    rng = Random(seed)
    pool = RecordedPool(193_925, fee_protocol=fee_protocol)
    pool.levels({tick: rng.randrange(1, 4) * BASE + rng.randrange(10**12) for tick in range(LOW, HIGH, 10)}, HIGH)
    return pool


def owed(pool: RecordedPool, ticks: tuple[int, int]) -> tuple[int, int]:
    """What the pool itself says it owes the position, brought up to date."""
    poke = pool.real.poke(*ticks)
    assert poke is not None
    return poke.tokens_owed_after


def reckoned(
    events: list[TapeEvent],
    book: TickBook,
    ticks: tuple[int, int],
    liquidity: int,
    span: TapeSpan = ALL,
    fee_protocol: int = 0,
) -> RangeFees:
    reckoner = RangeReckoner(book, 500, ticks, span, fee_protocol=fee_protocol)
    for index, event in enumerate(events):
        reckoner.see(event, index)
    return reckoner.result(liquidity)


@pytest.mark.parametrize(("seed", "fee_protocol"), [(1, (0, 0)), (2, (4, 0)), (3, (7, 10))])
def test_positions_earn_what_the_real_pool_owes_them(seed: int, fee_protocol: tuple[int, int]) -> None:
    """From each position's mint on, in the book that was found again from a tape that begins long after the others."""
    pool = made(seed, fee_protocol)
    pool.forget()
    pool.wander(Random(seed), 60, LOW + 10, HIGH - 10)
    minted = {}
    for ticks in RANGES:
        pool.change(*ticks, OWN)
        minted[ticks] = (pool.events[-1].block_number, 1)
    pool.wander(Random(seed + 50), 250, LOW + 10, HIGH - 10)
    book = infer_book(pool.events, 500, 10)
    terms = FeeTerms(500, 10, pool.fee_protocol)
    for ticks, place in minted.items():
        span = TapeSpan(place, (1 << 62, 0))
        fees = fees_of(MadeTape(pool.events), book, terms, ticks, OWN, span)
        assert (fees.fees_0, fees.fees_1) == owed(pool, ticks) == (fees.most_0, fees.most_1)
        assert fees.fees_0 > 1_000 and fees.fees_1 > 10**11 and fees.undetermined == ()
        assert fees == reckoned(pool.events, book, ticks, OWN, span, pool.fee_protocol)


def test_an_opening_that_was_read_from_the_pool_leaves_nothing_undetermined() -> None:
    """Ticks, price and the protocol's fee are the pool's own; a pool not born yet has none of them."""
    pool = made(5, (4, 10))
    ticks = (193_870, 193_930)
    pool.change(*ticks, OWN)
    born = MadeTape(list(pool.events), opening=Opening(0, 0, 0, 0, 0, 0, 0, 0, ()))
    assert known_opening(born) == KnownOpening(()) and opening_protocol_fee(born) == 0
    state = pool.real.state()
    rows = tuple(TickState(tick, pool.book.gross[tick], net, 0, 0) for tick, net in sorted(pool.book.net.items()))
    there = (state.sqrt_price_x96, state.tick, state.liquidity)
    pool.forget()
    pool.wander(Random(5), 80, LOW + 10, HIGH - 10)
    tape = MadeTape(pool.events, opening=Opening(99, 198, *there, 0, 0, pool.fee_protocol, rows))
    terms = FeeTerms(500, 10, opening_protocol_fee(tape))
    fees = fees_of(tape, book_of(tape, terms, known_opening(tape)), terms, ticks, OWN, ALL)
    assert (fees.fees_0, fees.fees_1) == owed(pool, ticks) and fees.undetermined == ()
    bare = MadeTape(pool.events)
    assert known_opening(bare) is None and opening_protocol_fee(bare) is None


def test_the_span_leaves_its_start_out_and_takes_its_end_in() -> None:
    """A position of one swap: minted before it, owed after it; a log earlier or later is nothing, or more."""
    pool = made(3)
    pool.visit(193_921)
    pool.change(193_900, 193_950, OWN)
    pool.visit(193_932)
    once = owed(pool, (193_900, 193_950))
    pool.visit(193_925)
    twice = owed(pool, (193_900, 193_950))
    book, block = infer_book(pool.events, 500, 10), pool.events[-2].block_number
    for after, until, wanted in (
        ((block - 1, 1), (block, 1), once),
        ((block, 0), (block, 1), once),
        ((block, 1), (block, 9), (0, 0)),
        ((block - 1, 1), (block, 0), (0, 0)),
        ((block - 1, 1), (block + 1, 1), twice),
    ):
        fees = reckoned(pool.events, book, (193_900, 193_950), OWN, TapeSpan(after, until))
        assert (fees.fees_0, fees.fees_1) == wanted
    assert once != twice and once[1] > 0


def test_a_range_that_was_not_there_is_cut_where_its_edge_lies() -> None:
    """Ranges side by side earn together what the whole earns; each by its part of the path."""
    pool = made(4)
    pool.forget()
    pool.visit(193_841, 194_035, 193_860, 194_020)
    book = infer_book(pool.events, 500, 10)
    whole = reckoned(pool.events, book, (193_860, 194_000), OWN)
    parts = [reckoned(pool.events, book, (193_860, 193_905), OWN), reckoned(pool.events, book, (193_905, 194_000), OWN)]
    for token in ("fees_0", "fees_1"):
        together = sum(getattr(part, token) for part in parts)
        assert together == pytest.approx(getattr(whole, token), abs=3) and together > 0
        assert getattr(parts[0], token) == pytest.approx(together * 45 / 140, rel=0.01)


def test_the_seed_is_bounded_closely_where_its_way_back_is_known() -> None:
    """The true start is known here: what the position was really owed lies between the bounds."""
    for seed in range(6):
        pool = made(seed)
        pool.change(193_850, 194_000, OWN)
        pool.wander(Random(seed), 15, 193_900, 193_950)
        before = owed(pool, (193_850, 194_000))
        pool.forget()
        pool.visit(193_876 if seed % 2 else 193_971)
        first = owed(pool, (193_850, 194_000))
        truth = tuple(after - earlier for after, earlier in zip(first, before, strict=True))
        pool.visit(193_885, *range(193_840, 194_020, 7))
        book = infer_book(pool.events, 500, 10)
        until = TapeSpan((0, -1), (pool.events[0].block_number, 1))
        fees = reckoned(pool.events, book, (193_850, 194_000), OWN, until)
        assert [each.why for each in fees.undetermined] == [SEED]
        assert fees.fees_0 - 1 <= truth[0] <= fees.most_0 and fees.fees_1 - 1 <= truth[1] <= fees.most_1
        paid = 0 if seed % 2 else 1
        assert truth[1 - paid] == 0 and truth[paid] > 0
        assert (fees.fees_0, fees.fees_1)[paid] == pytest.approx(truth[paid], rel=1e-4)


def test_a_seed_whose_way_back_is_not_known_may_have_paid_all_of_its_fee() -> None:
    pool = made(7)
    pool.forget()
    pool.visit(194_005, 194_003)
    book = infer_book(pool.events, 500, 10)
    fees = reckoned(pool.events[:1], book, (193_990, 194_000), OWN)
    assert fees.fees_1 == 0 and len(fees.undetermined) == 1
    assert fees.most_1 == -(-pool.events[0].amount_1 * 500 // 1_000_000) + 1


@pytest.mark.parametrize("fee_protocol", [(0, 0), (4, 10)])
def test_a_swap_over_an_unknown_stretch_is_bounded_by_its_path(fee_protocol: tuple[int, int]) -> None:
    pool = RecordedPool(5, fee_protocol=fee_protocol)
    pool.levels({-120: BASE, 20: 2 * BASE, 30: 3 * BASE, 40: 5 * BASE}, 120)
    pool.change(10, 40, OWN)
    pool.forget()
    pool.visit(1)
    before = owed(pool, (10, 40))
    pool.visit(65, 2, 7, 66, 3, 85, 67)
    truth = tuple(now - then for now, then in zip(owed(pool, (10, 40)), before, strict=True))
    book = infer_book(pool.events, 500, 10)
    assert book.unknown
    fees = reckoned(pool.events, book, (10, 40), OWN, fee_protocol=pool.fee_protocol)
    assert len(fees.undetermined) == 5 and fees.swaps_in_range == 5
    assert fees.fees_0 - 1 <= truth[0] <= fees.most_0 and fees.fees_1 - 1 <= truth[1] <= fees.most_1
    assert fees.fees_0 == pytest.approx(truth[0], rel=1e-9) and truth[0] > 10**11
    assert fees.most_0 - fees.fees_0 < 100


def test_where_logs_are_missing_a_swap_paid_between_nothing_and_its_fee() -> None:
    pool = made(8)
    pool.forget()
    pool.visit(193_921, 193_941, 193_901, 193_951, 193_931)
    book = infer_book(pool.events, 500, 10)
    events = [event for index, event in enumerate(pool.events) if index != 2]
    fees = reckoned(events, book, (193_930, 193_960), OWN)
    (missed,) = (each for each in fees.undetermined if each.why != SEED)
    assert missed.why == LOGS_MISSING or "raw units off" in missed.why
    assert missed.index == 2 and fees.most_1 - fees.fees_1 >= pool.events[3].amount_1 * 500 // 1_000_000


def test_flash_fees_and_a_changed_protocol_fee() -> None:
    """By the contract's own terms: what was paid, less the cut, over the liquidity in range."""
    pool = made(9)
    pool.visit(193_921)
    last = pool.events[-1]

    def later(log: int, kind: EventKind, amount_0: int, amount_1: int) -> TapeEvent:
        return TapeEvent(kind, last.block_number, last.timestamp, log, amount_0, amount_1)

    events = [
        *pool.events,
        later(2, EventKind.FLASH, 10**9, 10**18),
        later(3, EventKind.SET_FEE_PROTOCOL, 0, 4 | 10 << 4),
        later(4, EventKind.FLASH, 10**9 + 3, 10**18 + 9),
    ]
    book = infer_book(events, 500, 10)
    span = TapeSpan((last.block_number, 1), (last.block_number, 9))
    fees = reckoned(events, book, (193_900, 193_950), OWN, span)
    growth = [
        10**9 * Q128 // last.liquidity + (10**9 + 3 - (10**9 + 3) // 4) * Q128 // last.liquidity,
        10**18 * Q128 // last.liquidity + (10**18 + 9 - (10**18 + 9) // 10) * Q128 // last.liquidity,
    ]
    assert (fees.fees_0, fees.fees_1) == (growth[0] * OWN // Q128, growth[1] * OWN // Q128)
    assert reckoned(events, book, (193_930, 193_950), OWN, span).fees_0 == 0


@pytest.mark.parametrize(("wrong_fee", "wrong_net"), [(499, 0), (500, 1)])
def test_a_wrong_fee_or_net_does_not_pass_unseen(wrong_fee: int, wrong_net: int) -> None:
    pool = made(1)
    pool.wander(Random(1), 60, LOW + 10, HIGH - 10)
    book = infer_book(pool.events[26:], 500, 10)
    rows = tuple((tick, net + (wrong_net if tick == 193_930 else 0), gross) for tick, net, gross in book.opening)
    broken = TickBook(10, rows, book.known_lower, book.known_upper, book.unknown)
    reckoner = RangeReckoner(broken, wrong_fee, (LOW + 10, HIGH - 10), ALL)
    for index, event in enumerate(pool.events[26:]):
        reckoner.see(event, index)
    assert len(reckoner.result(OWN).undetermined) > 3
