"""Candles from samples: orientation, holes, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.observation import Bar, Sample
from keeper.policy.signals.candles import Candles, candles
from tests.policy.regimes.prices import HOUR, NOW, history, of

LAST = NOW // HOUR * HOUR


def seen(samples: list[Sample], now: int = NOW, *, quote_is_token0: bool = False) -> Candles:
    found = candles(of(samples), now, quote_is_token0=quote_is_token0)
    assert isinstance(found, Candles), found
    return found


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_the_base_token_rises_whichever_token_is_the_quote(quote_is_token0: bool) -> None:
    past = history([1.0, 2.0, 4.0, 3.0], quote_is_token0=quote_is_token0)
    found = candles(past, NOW, quote_is_token0=quote_is_token0)
    assert isinstance(found, Candles)
    assert found.close == pytest.approx((1.0, 2.0, 4.0, 3.0))
    assert found.hours == tuple(LAST - k * HOUR for k in (3, 2, 1, 0))
    # Without bars the reach is that from close to close.
    assert found.high == pytest.approx((1.0, 2.0, 4.0, 4.0)) and found.low == pytest.approx((1.0, 1.0, 2.0, 3.0))


def test_bars_give_the_reach() -> None:
    reach = [(0, 0), (-100, 2_000)]
    up = candles(history([1.0, 1.05], reach=reach), NOW, quote_is_token0=False)
    down = candles(history([1.0, 1.05], reach=reach, quote_is_token0=True), NOW, quote_is_token0=True)
    assert isinstance(up, Candles) and isinstance(down, Candles)
    assert (up.low[-1], up.high[-1]) == pytest.approx((1.0001**-100, 1.0001**2_000))
    assert (down.low[-1], down.high[-1]) == pytest.approx((1.0001**-2_000, 1.05))  # the close counts too


def test_a_short_hole_is_filled_and_a_long_one_begins_anew() -> None:
    samples = list(history([float(k) for k in range(1, 21)]).samples)
    found = seen(samples[:8] + samples[11:])
    assert len(found) == 20 and found.close[7:12] == pytest.approx((8.0, 8.0, 8.0, 8.0, 12.0))
    assert found.high[8:11] == found.low[8:11] == found.close[8:11]
    found = seen(samples[:8] + samples[12:])
    assert found.close == pytest.approx(tuple(range(13, 21))) and found.low[0] == found.high[0]


def test_samples_within_the_hour_belong_to_its_end() -> None:
    samples = [replace(each, timestamp=each.timestamp - 50) for each in history([1.0, 2.0, 3.0]).samples]
    assert seen(samples).hours == (LAST - 2 * HOUR, LAST - HOUR, LAST)


def test_what_lies_after_now_is_not_looked_at() -> None:
    samples = list(history([1.0, 2.0, 3.0]).samples)
    junk = [Sample(NOW + 1, -5, None, None), Sample(NOW - 1, 0, None, None, Bar(5, -5, 0, 0, 0))]
    assert seen([*samples, *junk]) == seen(samples)  # the second would close after now


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: [], "no price sample"),
        (lambda s: [*s[:3], replace(s[3], sqrt_price_x96=0), *s[4:]], "not a positive number"),
        (lambda s: [*s[:3], replace(s[3], sqrt_price_x96=float("nan")), *s[4:]], "not a positive number"),
        (lambda s: [*s[:3], s[2], *s[3:]], "in order of time"),
        (lambda s: [s[1], s[0], *s[2:]], "in order of time"),
        (lambda s: [*s[:-1], replace(s[-1], bar=Bar(10, 9, 0, 0, 1))], "lowest tick lies above"),
        (lambda s: [*s[:-1], replace(s[-1], bar=Bar(0, 900_000, 0, 0, 1))], "beyond what a pool"),
        (lambda s: s[:-4], "s old"),
    ],
)  # fmt: skip
def test_bad_samples_are_refused_in_words(change: object, words: str) -> None:
    samples = change(list(history([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).samples))  # type: ignore[operator]
    past = replace(history([1.0]), samples=tuple(samples))
    found = candles(past, NOW, quote_is_token0=False)
    assert isinstance(found, str) and words in found


def test_no_more_than_enough_are_the_same_candles() -> None:
    past = history([1.0, 2.0, 4.0, 3.0, 5.0, 2.0])
    whole = candles(past, NOW, quote_is_token0=False)
    part = candles(past, NOW, quote_is_token0=False, most=3)
    assert isinstance(whole, Candles) and isinstance(part, Candles)
    assert part == whole.last(3) and part.low[0] == pytest.approx(3.0)
    assert candles(past, NOW, quote_is_token0=False, most=60) == whole
