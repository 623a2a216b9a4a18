"""Deribit's public methods on a local server that answers as documented, and as no server should."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from keeper.model.observation import ImpliedQuote
from keeper.world.feeds.deribit import DeribitFeed
from keeper.world.feeds.option_chain import OptionMark, at_the_money
from tests.world.chain import hostile
from tests.world.chain.hostile import Answer, Exchange, HostileServer

NOW = 1_700_000_000
DAY = 86_400
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # noqa: SIM905 - twelve quotes are no clearer


def smile(tenor_days: float) -> float:
    """The volatility at the money, per cent, that the made-up market has."""
    return 60 + 5 * math.sqrt(tenor_days)


def options() -> list[dict[str, Any]]:
    """Instruments and summaries in one: four expiries, strikes around a forward that is no strike itself."""
    found = []
    for days in (1, 7, 28, 91):
        stamp = time.gmtime(NOW + days * DAY)
        name = f"ETH-{stamp.tm_mday}{MONTHS[stamp.tm_mon - 1]}{stamp.tm_year % 100}"
        forward = 2_010.0 + days
        for strike in (1_800, 1_900, 2_000, 2_100, 2_200):
            tilt = 20 * math.log(strike / forward)  # per cent: linear in variance only nearly, and odd about the money
            for side in ("C", "P"):
                found.append(
                    {
                        "instrument_name": f"{name}-{strike}-{side}",
                        "expiration_timestamp": (NOW + days * DAY) * 1_000,
                        "strike": float(strike),
                        "mark_iv": smile(days) + tilt,
                        "underlying_price": forward,
                        "creation_timestamp": (NOW + 3) * 1_000 + 123,
                    }
                )
    return found


def documented(exchange: Exchange) -> None:
    call = exchange.call
    params, method = call["params"], call["method"]
    assert exchange.path == f"/api/v2/{method}"
    assert params["currency"] == "ETH"
    if method == "public/get_volatility_index_data":
        end = params["end_timestamp"]
        assert params["resolution"] == "60" and params["start_timestamp"] < end
        last = end // 60_000 * 60_000
        rows = [[last - 60_000 * back, 55.0, 56.0, 54.0, 55.5 - back] for back in range(5, -1, -1)]
        return exchange.reply({"result": {"data": rows, "continuation": None}})
    assert params["kind"] == "option"
    if method == "public/get_instruments":
        keys = ("instrument_name", "expiration_timestamp", "strike")
        return exchange.reply({"result": [{key: each[key] for key in keys} for each in options()]})
    shown = ("instrument_name", "mark_iv", "underlying_price", "creation_timestamp")
    rest = {"volume": 0.55, "bid_price": None, "ask_price": 0.34, "open_interest": 0.55}
    return exchange.reply({"result": [{key: each[key] for key in shown} | rest for each in options()]})


@pytest.fixture
def serve() -> Iterator[Callable[..., HostileServer]]:
    running: list[HostileServer] = []

    def start(*script: Answer) -> HostileServer:
        running.append(HostileServer(*script).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__(None, None, None)


def feed(server: HostileServer, *sources: Any, **settings: Any) -> DeribitFeed:
    return DeribitFeed("ETH", sources or ("dvol",), url=server.url, **{"timeout_seconds": 1.0, **settings})


def test_the_index(serve: Callable[..., HostileServer]) -> None:
    quotes, missing = feed(serve(documented)).quotes(NOW)
    assert missing == ()
    assert quotes == (ImpliedQuote("dvol", 0.555, 30 * DAY, NOW // 60 * 60),)


def test_the_option_chain_at_the_money_by_tenor(serve: Callable[..., HostileServer]) -> None:
    quotes, missing = feed(serve(documented), "option_chain").quotes(NOW)
    assert missing == ()
    by_days = {quote.tenor_seconds // DAY: quote.sigma_annual * 100 for quote in quotes}
    assert set(by_days) == {1, 2, 3, 7, 14, 30, 60, 90}
    assert {quote.observed_timestamp for quote in quotes} == {NOW}  # made while the block was on its way
    assert by_days[1] == pytest.approx(smile(1), abs=0.02)
    assert by_days[7] == pytest.approx(smile(7), abs=0.02)
    between = (smile(7) ** 2 * 7 + (smile(28) ** 2 * 28 - smile(7) ** 2 * 7) / 3) / 14  # total variance, linear in time
    assert by_days[14] == pytest.approx(math.sqrt(between), abs=0.02)


def test_both_are_asked_once_and_again_when_it_is_time(serve: Callable[..., HostileServer]) -> None:
    server = serve(documented)
    clock = [1_000.0]
    both = feed(server, "dvol", "option_chain", refresh_seconds=300, clock=lambda: clock[0])
    assert {quote.source for quote in both.quotes(NOW)[0]} == {"dvol", "option_chain"}
    assert len(server.seen) == 3
    clock[0] += 299
    both.quotes(NOW + 299)
    assert len(server.seen) == 3
    clock[0] += 2
    both.quotes(NOW + 301)
    assert len(server.seen) == 5  # the list of instruments is known


def broken(result: Any) -> Answer:
    return lambda exchange: exchange.reply({"result": result})


def raw(text: str) -> Answer:
    """JSON text with the call's own number in it."""
    return lambda exchange: exchange.send(text.replace("ID", str(exchange.call["id"])).encode())


FAULTS: dict[str, tuple[Answer, str]] = {
    "busy": (hostile.status(429), "too many requests"),
    "down": (hostile.status(500), "HTTP 500"),
    "half JSON": (hostile.half_json, "not JSON"),
    "cut off": (hostile.cut_off, "not JSON"),
    "another's answer": (hostile.wrong_id, "another request"),
    "hung": (hostile.hang, "in time"),
    "dripping": (hostile.drip, "in time"),
    "hung up": (hostile.hang_up, "closed"),
    "huge": (hostile.body(b" " * 200_000), "more than 100000 bytes"),
    "deep": (hostile.body(b"[" * 90_000), "belongs to another"),
    "refusal": (hostile.error(13_009, "unauthorized"), "unauthorized"),
    "empty": (broken({"data": [], "continuation": None}), "no figure"),
    "no data": (broken({}), "form that is documented"),
    "not a number": (raw('{"jsonrpc":"2.0","id":ID,"result":{"data":[[1699999980000,NaN,NaN,NaN,NaN]]}}'), "form"),
    "infinite": (raw('{"jsonrpc":"2.0","id":ID,"result":{"data":[[1699999980000,1,1,1,1e999]]}}'), "form"),
    "text": (broken({"data": [[NOW * 1_000, "a", "b", "c", "d"]]}), "form"),
    "short row": (broken({"data": [[NOW * 1_000, 55.0]]}), "form"),
    "a fraction": (broken({"data": [[NOW * 1_000, 0.21, 0.21, 0.21, 0.21]]}), "beyond belief"),
    "nothing": (lambda exchange: exchange.reply({}), "neither result nor error"),
    "a number of 400 digits": (raw('{"id":ID,"result":{"data":[[1699999980000,1,1,1,1' + "0" * 400 + "]]}}"), "form"),
    "terminal codes": (hostile.error(1, "no\x1b[31m such\ncurrency"), "refused: no\ufffd[31m such currency"),
    "the future": (broken({"data": [[(NOW + 60) * 1_000, 55.0, 55.0, 55.0, 55.0]]}), "no figure"),
    "old": (broken({"data": [[(NOW - 7 * 3_600) * 1_000, 55.0, 55.0, 55.0, 55.0]]}), "old, more than"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_a_missing_input(serve: Callable[..., HostileServer], fault: str) -> None:
    answer, words = FAULTS[fault]
    began = time.monotonic()
    quotes, missing = feed(serve(answer), most_bytes=100_000).quotes(NOW)
    assert time.monotonic() - began < 2.5
    assert quotes == ()
    ((name, reason),) = [(each.name, each.reason) for each in missing]
    assert name == "deribit" and words in reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mark_iv": math.nan}, "no two expiries"),
        ({"mark_iv": None}, "no two expiries"),
        ({"mark_iv": 0.0}, "no two expiries"),
        ({"underlying_price": -1.0}, "no two expiries"),
        ({"instrument_name": "ETH-NEVER-1-C"}, "no two expiries"),
        ({"instrument_name": ["ETH"]}, "no two expiries"),
        ({"underlying_price": 1e300, "strike": 1e-300}, "no two expiries"),
        ({"mark_iv": 10**400}, "no two expiries"),
        ({"creation_timestamp": None}, "nothing of their time"),
        ({"creation_timestamp": (NOW + 500) * 1_000}, "newer than the block"),
        ({"creation_timestamp": (NOW - 8 * 3_600) * 1_000}, "old, more than"),
    ],
)
def test_a_chain_that_cannot_be_used(serve: Callable[..., HostileServer], changes: dict[str, Any], words: str) -> None:
    def spoilt(exchange: Exchange) -> None:
        if exchange.call["method"] == "public/get_instruments" and "strike" not in changes:
            return documented(exchange)
        return exchange.reply({"result": [each | changes for each in options()]})

    quotes, missing = feed(serve(spoilt), "option_chain").quotes(NOW)
    assert quotes == ()
    assert words in missing[0].reason


def test_the_last_good_figure_serves_while_it_is_young(serve: Callable[..., HostileServer]) -> None:
    server = serve(documented, hostile.status(500))
    clock = [0.0]
    asked = feed(server, max_age_seconds=3_600, refresh_seconds=60, clock=lambda: clock[0], timeout_seconds=50.0)
    (first,) = asked.quotes(NOW)[0]
    clock[0] += 61
    assert asked.quotes(NOW + 3_000) == ((first,), ())  # under its own timestamp
    assert len(server.seen) == 2
    quotes, missing = asked.quotes(NOW + 3_700)
    assert quotes == ()
    assert "HTTP 500" in missing[0].reason
    quotes, missing = asked.quotes(NOW - 600)  # a block of before it was known
    assert quotes == () and "HTTP 500" in missing[0].reason


def test_a_figure_that_grew_old_or_is_newer_than_the_block_says_so(serve: Callable[..., HostileServer]) -> None:
    asked = feed(serve(documented), max_age_seconds=3_600, refresh_seconds=10**6)
    ((first,), _) = asked.quotes(NOW)
    age = NOW + 4_000 - first.observed_timestamp
    assert f"is {age} s old, more than 3600 s" in asked.quotes(NOW + 4_000)[1][0].reason
    newer = first.observed_timestamp - (NOW - 600)
    assert f"is {newer} s newer than the block" in asked.quotes(NOW - 600)[1][0].reason


def test_one_source_may_fail_alone(serve: Callable[..., HostileServer]) -> None:
    def half(exchange: Exchange) -> None:
        if "book" in exchange.call["method"]:
            return exchange.send(b"", 503)
        return documented(exchange)

    quotes, missing = feed(serve(half), "dvol", "option_chain").quotes(NOW)
    assert [quote.source for quote in quotes] == ["dvol"]
    assert missing[0].reason.startswith("option_chain: ")


def test_nobody_there() -> None:
    gone = DeribitFeed("ETH", ("dvol",), url="http://127.0.0.1:9", timeout_seconds=1.0)
    quotes, missing = gone.quotes(NOW)
    assert quotes == () and "cannot be reached" in missing[0].reason


def test_nothing_is_extrapolated_at_the_money() -> None:
    def mark(days: float, strike: float, sigma: float, forward: float = 100.0) -> OptionMark:
        return OptionMark(NOW + int(days * DAY), strike, forward, sigma)

    chain = [mark(5, 90, 0.5), mark(5, 110, 0.5), mark(20, 90, 0.7), mark(20, 110, 0.7)]
    assert set(at_the_money(chain, NOW)) == {7 * DAY, 14 * DAY}
    assert (
        at_the_money([mark(5, 110, 0.5), mark(5, 120, 0.5), mark(20, 90, 0.5)], NOW) == {}
    )  # the forward lies outside
    exact = at_the_money([mark(7, 100, 0.6), mark(7, 90, 0.9), mark(7, 110, 0.3)], NOW)
    assert exact == {7 * DAY: pytest.approx(0.6)}
    assert at_the_money([mark(0.1, 100, 0.6)], NOW) == {}
