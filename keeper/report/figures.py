"""Numbers for people: amounts in whole tokens, prices in the operator's direction, times in UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

from keeper.model.decision import Figure
from keeper.model.observation import Observation
from keeper.model.price import Price, Token
from keeper.report.display import symbol, whole

_GWEI = Decimal(10**9)
_WEI = Decimal(10**18)


def quote_token(observation: Observation) -> Token:
    """The token that profit is counted in."""
    return observation.pool.token0 if observation.quote_is_token0 else observation.pool.token1


def base_token(observation: Observation) -> Token:
    """The other token: the one a price is for."""
    return observation.pool.token1 if observation.quote_is_token0 else observation.pool.token0


def price_now(observation: Observation) -> Price:
    """The pool's price, quote token for one base token."""
    pool = observation.pool
    return _oriented(Price.from_sqrt_price_x96(pool.sqrt_price_x96, pool.token0, pool.token1), observation)


def price_at(tick: int, observation: Observation) -> Price:
    """The price of a tick, quote token for one base token."""
    return _oriented(Price.from_tick(tick, observation.pool.token0, observation.pool.token1), observation)


def price_range(lower_tick: int, upper_tick: int, observation: Observation) -> str:
    """``1,900.12 to 2,100.34``: the lower price first, whichever way ticks run."""
    low, high = sorted((price_at(lower_tick, observation), price_at(upper_tick, observation)))
    return f"{number(low.to_decimal())} to {number(high.to_decimal())}"


def distance_pct(tick: int, observation: Observation) -> str:
    """How far a tick's price is from the price now, signed per cent."""
    ratio = price_at(tick, observation).ratio_to(price_now(observation)) - 1
    return f"{float(ratio) * 100:+.2f} %"


def amount(raw: int, token: Token) -> str:
    """``1,234.5 USDC`` for raw units."""
    return f"{number(whole(raw, token.decimals))} {symbol(token)}"


def number(value: Decimal | float, digits: int = 6) -> str:
    """Six significant digits and no exponent; integers above them are shown whole."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact:
        return "0"
    places = max(0, digits - 1 - exact.adjusted())
    text = f"{exact:,.{min(places, 24)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def when(timestamp: int) -> str:
    """``2026-11-21 09:37:41 UTC``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: int) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{number(Decimal(seconds) / size, 2)} {unit}"
    return f"{seconds} s"


# The field's names for what the profit check weighs; anything else is called by its own name.
_NAMES = {
    "sigma": "volatility σ",
    "phi": "fee intensity φ",
    "rho": "fees over loss to arbitrage ρ",
    "reward_phi": "rewards as fee intensity φ_r",
    "lvr_annual": "loss to arbitrage σ²/4 of the full range",
    "lvr": "loss to arbitrage at this width",
    "net_now": "N now, φ + φ_r − σ²/4",
    "net_mean": "N̄, the pool's long-run N",
    "shrinkage": "B, how much of N's distance from it is believed",
    "net_used": "N used, after shrinking and haircut",
    "net_hurdle": "which must exceed",
    "fee_history": "days of fees known",
    "dilution": "q, capital over others' depth",
    "carry_now": "what is held earns",
    "target_g": "g of the new ranges, counted up to max_g_per_year",
    "expected_fee": "of it fees",
    "expected_lvr": "less loss to arbitrage",
    "expected_recentring_cost": "less re-centring",
    "expected_drift_and_risk": "drift and risk",
    "expected_cycle": "expected cycle",
    "expected_in_range_share": "share of it in range",
}
# A share of the capital, and a rate of it by the year.
_RATES = ("_annual", "_per_year")
_FRACTIONS = ("_fraction_of_capital", "_share")


def figure(item: Figure, observation: Observation) -> str:
    """``cooldown 60 minutes``: a figure in words, by the unit in its name."""
    name, value = item.name, item.value
    if isinstance(value, str):
        return f"{_words(name)}: {value}"
    for suffix, unit in (("_quote_raw_per_year", " a year"), ("_quote_raw", "")):
        if name.endswith(suffix):
            return f"{_words(name.removesuffix(suffix))} {amount(round(value), quote_token(observation))}{unit}"
    if name.endswith("_wei"):
        small = "price" in name or "ceiling" in name or "fee" in name
        shown = f"{number(Decimal(value) / _GWEI)} gwei" if small else f"{number(Decimal(value) / _WEI)} native coin"
        return f"{_words(name.removesuffix('_wei'))} {shown}"
    for suffix in _RATES:
        if name.endswith(suffix):
            words = _NAMES.get(name) or _words(name.removesuffix(suffix))
            return f"{words} {value * 100:.2f} % a year"
    for suffix in _FRACTIONS:
        if name.endswith(suffix):
            words = _words(name) if name in _NAMES else _words(name.removesuffix(suffix))
            return f"{words} {number(value * 100, 4)} %" + (" of the capital" if "capital" in suffix else "")
    if name.endswith("_log"):
        return f"{_words(name.removesuffix('_log'))} {math.expm1(value) * 100:.2f} %"
    for unit in ("minutes", "hours", "days", "seconds", "ticks", "bps", "pct"):
        if name.endswith(f"_{unit}"):
            label = "%" if unit == "pct" else unit
            return f"{_words(name.removesuffix('_' + unit))} {number(value, 4)} {label}"
    if name.startswith("probability_"):
        return f"{_words(name)} {value:.0%}"
    return f"{_words(name)} {number(value, 4)}"


def _words(name: str) -> str:
    return _NAMES.get(name) or name.replace("_", " ")


def _oriented(price: Price, observation: Observation) -> Price:
    return price.invert() if observation.quote_is_token0 else price
