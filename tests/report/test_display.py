"""Numbers as people read them."""

from __future__ import annotations

import pytest

from keeper.model.price import Token
from keeper.report import display
from keeper.report.charts import Frame, time_marks
from keeper.report.display import Money

USDC = Token("0x" + "1a" * 20, "USDC", 6)
WETH = Token("0x" + "2b" * 20, "WETH", 18)
DAY = 86_400
START = 1_763_164_800  # 2025-11-15


@pytest.mark.parametrize(
    ("token", "largest", "raw", "plain", "signed"),
    [
        (USDC, 10_000 * 10**6, 1_234_567_891, "1,234.57", "+1,234.57"),
        (USDC, 10_000 * 10**6, -5, "0.00", "0.00"),
        (USDC, 10**6, -123_456, "−0.12346", "−0.12346"),
        (WETH, 10 * 10**18, 312 * 10**14, "0.0312", "+0.0312"),
        (WETH, 10**12, 194, "0.000000000000000194"[:13], "+" + "0.000000000000000194"[:13]),
        (Token("0x" + "3c" * 20, "NONE", 0), 7, 7, "7", "+7"),
        (WETH, 10**50, -(10**50) - 1, "−" + f"{10**32:,}.00", "−" + f"{10**32:,}.00"),
        (Token("0x" + "3c" * 20, "MANY", 24), 10**24, 10**23, "0.10000", "+0.10000"),
    ],
)
def test_money(token: Token, largest: int, raw: int, plain: str, signed: str) -> None:
    money = Money.scaled(token, largest)
    if raw == 194:  # too small for the scale: shown as zero, and so without a sign
        plain = signed = f"{0:.{money.decimals}f}"
    assert (money.plain(raw), money.signed(raw)) == (plain, signed)


def test_dust_does_not_look_like_nothing() -> None:
    money = Money.scaled(WETH, 10**18, 7)
    assert [money.visible(raw) for raw in (0, 194, -194)] == ["0", "<0.000001", "−<0.000001"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("WETH", "WETH"), ("A\u202eB\x1b[31m\u200b", "AB[31m"), ("", "0x2b2b2b…"), ("X" * 40, "X" * 15 + "…")],
)
def test_symbols_from_strangers(given: str, shown: str) -> None:
    assert display.symbol(Token(WETH.address, given, 18)) == shown


def test_exact_keeps_every_digit() -> None:
    assert display.exact(-123, WETH) == "-0.000000000000000123"
    assert display.exact(10**30 + 1, USDC) == "1000000000000000000000000.000001"


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (3_600, "1 h"), (90_000, "1 d 1 h"), (7_260, "2 h 1 min")]
)
def test_durations(seconds: int, words: str) -> None:
    assert display.duration(seconds) == words


@pytest.mark.parametrize(
    ("price", "text"), [(2585.417, "2,585.42"), (0.000123456, "0.000123456"), (65_432_100.0, "65,432,100")]
)
def test_prices(price: float, text: str) -> None:
    assert display.price_text(price) == text


def test_ticks_are_round_and_inside() -> None:
    frame = Frame.around(0, 10, [1_790.0, 2_640.0])
    assert frame.ticks() == [1_800, 2_000, 2_200, 2_400, 2_600]
    assert Frame.around(0, 0, [0.0]).ticks()
    assert Frame.around(0, 10, [5.0, 5.0]).ticks()


@pytest.mark.parametrize(("days", "marks"), [(0.2, 5), (1, 5), (7, 8), (30, 7), (365, 7), (1_000, 6)])
def test_time_marks_stay_few_and_on_midnights(days: float, marks: int) -> None:
    found = time_marks(START, START + int(days * DAY))
    assert len(found) == marks
    assert all(mark % (DAY if days >= 2 else 3_600) == 0 for mark, _ in found)
