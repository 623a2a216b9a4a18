"""What a price range means: amplification, token split, impermanent loss, delta and gamma over a price grid."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import click

from keeper.model import range_curve
from keeper.model.full_math import MathError
from keeper.model.price import Price, Token
from keeper.model.ticks import max_usable_tick, tick_at_sqrt_price

GRID_POINTS: Final = 25
MAX_DECIMALS: Final = 77
MAX_TICK_SPACING: Final = 16383  # the factory's own bound
_QUOTES: Final = ("token0", "token1")


def human_price(text: str) -> Decimal:
    """A price as typed by a person, kept exact."""
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is not a number; write it like 1850.25") from None
    if not price.is_finite() or price <= 0:
        raise click.BadParameter(f"{text} is not a price; it must be a finite number above zero")
    return price


@click.command(epilog="Example:  keeper range --price 2000 --lower 1800 --upper 2200 --decimals1 6 --tick-spacing 10")
@click.option(
    "--price", required=True, type=human_price, metavar="P", help="Price now, in the quote token for one base token."
)
@click.option("--lower", required=True, type=human_price, metavar="P", help="Lower bound of the range, same unit.")
@click.option("--upper", required=True, type=human_price, metavar="P", help="Upper bound of the range, same unit.")
@click.option("--decimals0", default=18, show_default=True, type=click.IntRange(0, MAX_DECIMALS))
@click.option("--decimals1", default=18, show_default=True, type=click.IntRange(0, MAX_DECIMALS))
@click.option("--tick-spacing", default=1, show_default=True, type=click.IntRange(1, MAX_TICK_SPACING))
@click.option(
    "--quote", default="token1", show_default=True, type=click.Choice(_QUOTES), help="The token prices are in."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
def command(
    price: Decimal,
    lower: Decimal,
    upper: Decimal,
    decimals0: int,
    decimals1: int,
    tick_spacing: int,
    quote: str,
    as_json: bool,
) -> None:
    """Show what a price range means, as asked and as snapped to the pool's ticks.

    Value, delta and gamma are for a liquidity of one in whole tokens; shares and impermanent loss are fractions.
    """
    if lower >= upper:
        raise click.UsageError(f"--lower {lower} must be below --upper {upper}")
    if float(lower) == float(upper):
        raise click.UsageError(f"--lower {lower} and --upper {upper} are too close together to tell apart")
    token0 = Token("0x" + "0" * 39 + "1", "token0", decimals0)
    token1 = Token("0x" + "0" * 39 + "2", "token1", decimals1)
    try:
        report = describe(price, lower, upper, token0, token1, tick_spacing, quote)
    except (MathError, ValueError):
        raise click.UsageError(
            f"--price {price}, --lower {lower} and --upper {upper} must lie within what a pool's ticks can hold; "
            "check --decimals0, --decimals1 and --quote"
        ) from None
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print_tables(report)


def describe(
    price: Decimal, lower: Decimal, upper: Decimal, token0: Token, token1: Token, tick_spacing: int, quote: str
) -> dict[str, Any]:
    """Everything the command shows, as JSON holds it.

    Raises:
        MathError, ValueError: a price is outside what the pool's ticks can hold.
    """
    base, quote_token = (token0, token1) if quote == "token1" else (token1, token0)
    exact = [Price.from_decimal(base, quote_token, value) for value in (price, lower, upper)]
    tick_at_sqrt_price(exact[0].to_sqrt_price_x96())
    ticks = snap(exact[1], exact[2], tick_spacing)
    low, high = sorted(_in_quote(Price.from_tick(tick, token0, token1), quote) for tick in ticks)
    now, asked_lower, asked_upper = float(price), float(lower), float(upper)
    grid = range_curve.price_grid(now, asked_lower, asked_upper, GRID_POINTS)
    return {
        "price": now,
        "quote": quote,
        "decimals0": token0.decimals,
        "decimals1": token1.decimals,
        "tick_spacing": tick_spacing,
        **figures(now, asked_lower, asked_upper, quote),
        "lower_tick": ticks[0],
        "upper_tick": ticks[1],
        "snapped": figures(now, low, high, quote),
        "liquidity": 1,
        "grid": [asdict(point) for point in range_curve.curve(grid, now, asked_lower, asked_upper)],
    }


def snap(lower: Price, upper: Price, tick_spacing: int) -> tuple[int, int]:
    """The nearest usable ticks, (lower, upper) in the pool's order; at least one spacing apart.

    Raises:
        MathError: a bound is outside the prices that ticks can hold.
    """
    low, high = sorted((lower.to_usable_tick(tick_spacing), upper.to_usable_tick(tick_spacing)))
    if low == high:
        # Both bounds are nearest to one tick: give the one-spacing range that holds the middle of the asked one.
        first, last = sorted((lower.to_sqrt_price_x96(), upper.to_sqrt_price_x96()))
        tick_price = Price.from_tick(low, *sorted((lower.base, lower.quote), key=lambda token: token.sort_key))
        if tick_price.to_sqrt_price_x96() ** 2 > first * last or high == max_usable_tick(tick_spacing):
            return low - tick_spacing, high
        return low, high + tick_spacing
    return low, high


def figures(price: float, lower: float, upper: float, quote: str) -> dict[str, Any]:
    """The figures of one range at one price; amplification is null where the price is outside it."""
    weight = range_curve.base_weight(price, lower, upper)
    base_name, quote_name = ("token0", "token1") if quote == "token1" else ("token1", "token0")
    in_range = lower <= price <= upper
    return {
        "lower": lower,
        "upper": upper,
        "in_range": in_range,
        "amplification": range_curve.amplification(price, lower, upper) if in_range else None,
        "token_split": {base_name: weight, quote_name: 1 - weight},
        "impermanent_loss": {
            "at_lower": range_curve.impermanent_loss(lower, price, lower, upper),
            "at_upper": range_curve.impermanent_loss(upper, price, lower, upper),
        },
        "value": range_curve.value(price, lower, upper),
        "delta": range_curve.delta(price, lower, upper),
        "gamma": range_curve.gamma(price, lower, upper),
    }


def _in_quote(pool_price: Price, quote: str) -> float:
    return float(pool_price.to_decimal() if quote == "token1" else pool_price.invert().to_decimal())


def _print_tables(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    snapped = report["snapped"]
    summary = Table(title=f"Range at price {report['price']:.8g} ({report['quote']} is the quote)")
    summary.add_column("")
    summary.add_column("as asked", justify="right")
    summary.add_column(f"as snapped, ticks {report['lower_tick']} to {report['upper_tick']}", justify="right")
    for title, pick in _SUMMARY_ROWS:
        summary.add_row(title, pick(report), pick(snapped))
    console.print(summary)
    grid = Table(title="Along the price (asked range, liquidity 1)")
    for title in ("price", "value", "base share", "impermanent loss", "delta", "gamma"):
        grid.add_column(title, justify="right")
    for point in report["grid"]:
        grid.add_row(
            f"{point['price']:.8g}",
            f"{point['value']:.6g}",
            f"{point['base_weight']:.2%}",
            f"{point['impermanent_loss']:.4%}",
            f"{point['delta']:.6g}",
            f"{point['gamma']:.6g}",
        )
    console.print(grid)


_SUMMARY_ROWS: Final[tuple[tuple[str, Callable[[dict[str, Any]], str]], ...]] = (
    ("lower", lambda part: f"{part['lower']:.8g}"),
    ("upper", lambda part: f"{part['upper']:.8g}"),
    ("amplification", lambda part: f"{part['amplification']:.2f}" if part["in_range"] else "none: out of range"),
    ("token0 share", lambda part: f"{part['token_split']['token0']:.2%}"),
    ("token1 share", lambda part: f"{part['token_split']['token1']:.2%}"),
    ("impermanent loss at lower", lambda part: f"{part['impermanent_loss']['at_lower']:.4%}"),
    ("impermanent loss at upper", lambda part: f"{part['impermanent_loss']['at_upper']:.4%}"),
    ("delta", lambda part: f"{part['delta']:.6g}"),
    ("gamma", lambda part: f"{part['gamma']:.6g}"),
)
