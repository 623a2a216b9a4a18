"""Volatility that Deribit's options imply: its DVOL index (30 days) and its option chain at the money.

JSON-RPC over HTTPS, public methods only: ``get_volatility_index_data``, ``get_instruments`` and
``get_book_summary_by_currency``. Volatilities come in per cent a year. Whatever goes wrong is said, never raised; the
last good answer is used while it is young enough, under its own timestamp.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from keeper.errors import KeeperError
from keeper.model.observation import ImpliedQuote, MissingInput
from keeper.redaction import printable
from keeper.world.chain.endpoint import Endpoint
from keeper.world.chain.replies import is_too_deep
from keeper.world.feeds.option_chain import OptionMark, at_the_money

Source = Literal["dvol", "option_chain"]

DVOL_TENOR_SECONDS: Final = 30 * 86_400
TIMEOUT_SECONDS: Final = 5.0
MOST_BYTES: Final = 8 << 20
_LEAST_WINDOW_SECONDS: Final = 2 * 3_600
_MOST_WINDOW_SECONDS: Final = 12 * 3_600  # in minutes, less than the 1,000 figures that one answer holds
_CLOCK_SLACK_SECONDS: Final = 120  # a quote made while the newest block was on its way is not from the future
_LOWEST_PCT: Final = 2.0
_HIGHEST_PCT: Final = 1_000.0


class _UnusableError(Exception):
    """Why an answer cannot be used."""


@dataclass(slots=True)
class _Cache:
    quotes: tuple[ImpliedQuote, ...] = ()
    reason: str = "it has not been asked yet"
    asked: float = -math.inf


class DeribitFeed:
    """Implements ``ImpliedFeed`` for one currency (ETH, BTC); a source is asked at most every ``refresh_seconds``."""

    def __init__(
        self,
        currency: str,
        sources: Sequence[Source],
        *,
        url: str = "https://www.deribit.com",
        max_age_seconds: int = 6 * 3_600,
        refresh_seconds: int = 300,
        timeout_seconds: float = TIMEOUT_SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._currency = currency
        self._max_age_seconds = max_age_seconds
        self._refresh_seconds = refresh_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._ids = itertools.count(1)
        methods = "get_volatility_index_data", "get_instruments", "get_book_summary_by_currency"
        root = url.rstrip("/") + "/api/v2/public/"
        self._endpoints = {name: Endpoint(root + name, max_reply_bytes=most_bytes, clock=clock) for name in methods}
        self._caches: dict[Source, _Cache] = {source: _Cache() for source in sources}
        self._instruments: dict[str, tuple[int, float]] = {}

    def quotes(self, now_timestamp: int) -> tuple[tuple[ImpliedQuote, ...], tuple[MissingInput, ...]]:
        """What was known by then, and what is missing."""
        found: list[ImpliedQuote] = []
        missing: list[MissingInput] = []
        for source, cache in self._caches.items():
            if self._clock() - cache.asked >= self._refresh_seconds:
                self._refresh(source, cache, now_timestamp)
            young = [quote for quote in cache.quotes if self._is_young(quote, now_timestamp)]
            found += young
            if not young:
                missing.append(
                    MissingInput("deribit", f"{source}: {cache.reason or self._why_not(cache, now_timestamp)}")
                )
        return tuple(found), tuple(missing)

    def close(self) -> None:
        """Closes idle connections."""
        for endpoint in self._endpoints.values():
            endpoint.close()

    def _is_young(self, quote: ImpliedQuote, now: int) -> bool:
        return 0 <= now - quote.observed_timestamp <= self._max_age_seconds

    def _why_not(self, cache: _Cache, now: int) -> str:
        age = now - max(quote.observed_timestamp for quote in cache.quotes)
        if age < 0:
            return f"the newest figure is {-age} s newer than the block"
        return f"the newest figure is {age} s old, more than {self._max_age_seconds} s"

    def _refresh(self, source: Source, cache: _Cache, now: int) -> None:
        cache.asked = self._clock()
        try:
            quotes = self._index(now) if source == "dvol" else self._chain(now)
        except (_UnusableError, KeeperError) as error:
            cache.reason = str(error)
            return
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # No server can be imagined to its end: what its answer leads to is its fault, and never the cycle's.
            cache.reason = f"the answer makes no sense ({type(error).__name__})"
            return
        cache.reason, cache.quotes = "", quotes

    def _index(self, now: int) -> tuple[ImpliedQuote, ...]:
        """DVOL: the close of the last minute that began by then."""
        window = min(max(_LEAST_WINDOW_SECONDS, self._max_age_seconds), _MOST_WINDOW_SECONDS)
        times = {"start_timestamp": (now - window) * 1_000, "end_timestamp": now * 1_000}
        result = self._ask("get_volatility_index_data", {"currency": self._currency, **times, "resolution": "60"})
        rows = result.get("data") if isinstance(result, dict) else None
        if not isinstance(rows, list):
            raise _UnusableError("the index data are not in the form that is documented")
        candles = [(moment, close) for moment, close in map(_candle, rows) if moment <= now]
        if not candles:
            raise _UnusableError(f"no figure of the {self._currency} index in the last {window // 3_600} h")
        moment, close = max(candles)
        return (ImpliedQuote("dvol", _per_cent(close), DVOL_TENOR_SECONDS, moment),)

    def _chain(self, now: int) -> tuple[ImpliedQuote, ...]:
        summaries = self._ask("get_book_summary_by_currency", {"currency": self._currency, "kind": "option"})
        if not isinstance(summaries, list) or not all(isinstance(each, dict) for each in summaries):
            raise _UnusableError("the book summaries are not in the form that is documented")
        if any(str(each.get("instrument_name")) not in self._instruments for each in summaries):
            self._instruments = self._expiries_and_strikes()
        stamps = [stamp for each in summaries if (stamp := _number(each.get("creation_timestamp"))) is not None]
        if not stamps:
            raise _UnusableError("the book summaries say nothing of their time")
        observed = int(min(stamps)) // 1_000
        if observed > now + _CLOCK_SLACK_SECONDS:
            raise _UnusableError(f"the option chain is {observed - now} s newer than the block")
        observed = min(observed, now)
        volatilities = at_the_money(self._marks(summaries), observed)
        if not volatilities:
            raise _UnusableError("no two expiries of the option chain have usable volatilities at the money")
        return tuple(ImpliedQuote("option_chain", sigma, tenor, observed) for tenor, sigma in volatilities.items())

    def _expiries_and_strikes(self) -> dict[str, tuple[int, float]]:
        asked = {"currency": self._currency, "kind": "option", "expired": False}
        result = self._ask("get_instruments", asked)
        found: dict[str, tuple[int, float]] = {}
        for each in result if isinstance(result, list) else ():
            if not isinstance(each, dict):
                continue
            expiry, strike = _number(each.get("expiration_timestamp")), _number(each.get("strike"))
            if expiry is not None and strike is not None:
                found[str(each.get("instrument_name"))] = int(expiry) // 1_000, strike
        return found

    def _marks(self, summaries: Sequence[dict[str, Any]]) -> list[OptionMark]:
        marks = []
        for each in summaries:
            known = self._instruments.get(str(each.get("instrument_name")))
            sigma_pct, forward = _number(each.get("mark_iv")), _number(each.get("underlying_price"))
            if known is not None and sigma_pct is not None and forward is not None:
                marks.append(OptionMark(*known, forward, sigma_pct / 100))
        return marks

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of one call.

        Raises:
            _UnusableError: the server answered with an error or nonsense.
            TransientError: it did not answer.
        """
        number = next(self._ids)
        call = {"jsonrpc": "2.0", "id": number, "method": f"public/{method}", "params": params}
        reply = self._endpoints[method].post(json.dumps(call).encode(), self._timeout_seconds)
        try:
            document = None if is_too_deep(reply) else json.loads(reply)
        except (ValueError, RecursionError):
            raise _UnusableError(f"the answer to {method} is not JSON") from None
        if not isinstance(document, dict) or document.get("id", number) != number:
            raise _UnusableError(f"the answer to {method} belongs to another request")
        error = document.get("error")
        if error is not None:
            words = error.get("message") if isinstance(error, dict) else error
            said = self._endpoints[method].redact(" ".join(printable(str(words)[:200]).split()))
            raise _UnusableError(f"{method} was refused: {said}")
        if "result" not in document:
            raise _UnusableError(f"the answer to {method} holds neither result nor error")
        return document["result"]


def _number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _candle(row: Any) -> tuple[int, float]:
    """(seconds, close) of ``[milliseconds, open, high, low, close]``."""
    figures = [_number(each) for each in row] if isinstance(row, list) else []
    if len(figures) != 5 or None in figures:
        raise _UnusableError("the index data are not in the form that is documented")
    return int(figures[0] or 0) // 1_000, figures[4] or 0.0


def _per_cent(value: float) -> float:
    if not _LOWEST_PCT <= value <= _HIGHEST_PCT:
        raise _UnusableError(f"a volatility of {value:g} % a year is beyond belief")
    return value / 100
