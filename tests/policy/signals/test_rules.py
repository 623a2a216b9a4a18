"""The rule grammar: what it reads, what it refuses and where it points, and what a rule means."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.policy.signals.candles import Candles
from keeper.policy.signals.grammar import Call, GrammarError, calls
from keeper.policy.signals.parser import parse
from keeper.policy.signals.rules import columns, holds

COLUMNS = {
    Call("close"): [100.0], Call("sma", 24): [90.0], Call("sma", 120): [80.0], Call("adx", 14): [30.0],
    Call("rsi", 14): [math.nan], Call("momentum", 5): [-0.02], Call("plus_di", 14): [0.0],
}  # fmt: skip

MEANINGS = [
    ("sma(24) > sma(120)", True),
    ("sma(24) < sma(120)", False),
    ("sma(24) > sma(120) and adx(14) > 30", False),
    ("sma(24) > sma(120) and adx(14) >= 30", True),
    ("adx(14) > 99 and adx(14) > 99 or adx(14) > 1", True),  # and binds before or
    ("adx(14) > 99 and (adx(14) > 99 or adx(14) > 1)", False),
    ("not adx(14) > 99 and adx(14) < 99", True),  # not binds before and
    ("not (adx(14) < 99 and adx(14) > 1)", False),
    ("2 + 3 * 4 - 6 / 2 <= 11", True),
    ("2 + 3 * 4 - 6 / 2 < 11", False),
    ("10 - 4 - 3 <= 3 and 10 - 4 - 3 >= 3", True),  # from the left
    ("close / sma(24) - 1 > 0.11", True),
    ("1.05 * sma(24) < close", True),
    ("sma(24) * 2 - sma(120) > 0.5 * close", True),
    ("-momentum(5) > 0.01", True),
    ("--3 > 2", True),
    ("rsi(14) > 50", False),
    ("not rsi(14) > 50", False),  # what is not known speaks for nothing, not even denied
    ("rsi(14) > 50 or adx(14) > 1", False),
    ("adx(14) / plus_di(14) > 1", False),
    ("not adx(14) / plus_di(14) > 1", False),
    ("  close>sma(24)  ", True),
]


@pytest.mark.parametrize(("text", "meant"), MEANINGS)
def test_meaning(text: str, meant: bool) -> None:
    assert holds(parse(text), COLUMNS, 0) is meant


REFUSED = [
    ("", "expected a number, an indicator or a parenthesis, at the end"),
    ("smaa(24) > sma(3)", "there is no indicator 'smaa'; did you mean 'sma'?, at column 1"),
    ("xyzzy > 1", "there are adx, close"),
    ("close > 2000", "a price cannot be compared with a number; prices are known by their ratios only"),
    ("sma(24) > sma(120) and", "expected a number, an indicator or a parenthesis, at the end"),
    ("sma(24)", "is a price and not a condition"),
    ("adx(14) > 25 adx(14)", "expected `and`, `or` or the end, at column 14: 'adx(14)'"),
    ("adx > 25", "adx needs a window in bars"),
    ("adx() > 25", "the window of adx is a whole number of bars from 2 to 500, at column 5"),
    ("adx(1) > 25", "from 2 to 500"),
    ("adx(501) > 25", "from 2 to 500"),
    ("adx(2.5) > 25", "from 2 to 500"),
    ("adx(14, 2) > 25", "adx takes one number"),
    ("percent_b(20, 0) > 1", "standard deviations from above 0"),
    ("close(3) > close", "close takes no window"),
    ("1 < adx(14) < 3", "write `a < b and b < c`"),
    ("adx(14) > 25 and 3", "what stands after `and` is a number"),
    ("3 or adx(14) > 25", "what stands before `or` is a number"),
    ("not 3", "what stands after `not` is a number"),
    ("(adx(14) > 1) + 1 > 2", "`+` does not go between a truth and a number"),
    ("(adx(14) > 1) > 2", "a truth cannot be compared"),
    ("close * close > close", "`*` does not go between a price and a price"),
    ("1 / close > 1", "`/` does not go between a number and a price"),
    ("-close > close", "what stands after `-` is a price"),
    ("(adx(14) > 1", "expected `)`"),
    ("adx(14) == 3", "a rule has no such sign"),
    ("__import__('os')", "there is no indicator '__import__'"),
    ("adx(14) > 1; 2", "a rule has no such sign"),
    ("(" * 30 + "1 > 0" + ")" * 30, "nested more than 20 deep"),
    ("not " * 30 + "1 > 0", "nested more than 20 deep"),
    ("-" * 30 + "1 > 0", "nested more than 20 deep"),
    ("1 > 0 or " * 80 + "1 > 0", "a rule may have 500 characters"),
    ("٣ > 1", "a rule has no such sign"),
    ("adx(٣) > 1", "a rule has no such sign"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_refusal_points_at_the_place(text: str, said: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(text)
    assert said in str(caught.value)


@given(st.text(alphabet="smadx()<>=+-*/ 0123456789.,ornt", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = parse(text)
    except GrammarError:
        return
    values = {call: [1.0] for call in calls(node)}
    assert holds(node, values, 0) in (True, False)


def test_columns_are_of_the_newest_bars_and_no_older_than_needed() -> None:
    """However far back the history reaches, the value at a bar is the same."""
    close = tuple(100 + (7 * i % 13) + i / 9 for i in range(400))
    candles = Candles(tuple(range(400)), close, tuple(v + 1 for v in close), tuple(v - 1 for v in close))
    wanted = calls(parse("ema(5) > sma(9) and rsi(6) > 1 and adx(7) > 1 and percent_b(20, 1.5) > 0 and close > low"))
    short, long = columns(wanted, candles.last(90), 3), columns(wanted, candles, 3)
    assert short == long and {len(values) for values in long.values()} == {3}
    assert long[Call("close")] == list(close[-3:])
    assert long[Call("sma", 9)][-1] == pytest.approx(math.fsum(close[-9:]) / 9)
    scarce = columns(wanted, candles.last(5), 3)
    assert len(scarce[Call("adx", 7)]) == 3 and math.isnan(scarce[Call("adx", 7)][-1])
