"""HTTP with the Transaction Service when it is ill: deadlines, retries, bounds, and a key that is never seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from keeper import redaction
from keeper.errors import ConfigError, ServiceRefusedError, TransientError
from keeper.world.safe import exchange as exchange_module
from keeper.world.safe.exchange import Exchange
from tests.safe import service_faults as faults
from tests.safe.transaction_service import Exchange as Served
from tests.safe.transaction_service import Fault, TransactionService

ABOUT = "/api/v1/about/"
KEY = "canary-api-key-4f1d"


def _no_rpc(method: str, /, *_params: object) -> object:
    raise AssertionError(method)


@pytest.fixture
def server() -> Iterator[TransactionService]:
    with TransactionService(_no_rpc, 31337) as server:
        yield server


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def _exchange(server: TransactionService, clock: Clock | None = None, **settings: object) -> Exchange:
    clock = clock or Clock()
    given = {
        "timeout_seconds": 3.0,
        "clock": lambda: clock.now,
        "sleep": clock.sleep,
        "random": lambda: 1.0,
        **settings,
    }
    return Exchange(server.url, **given)  # type: ignore[arg-type]


PASSING: dict[str, Fault] = {
    "hangs up": faults.down(),
    "429": faults.status(429, {"detail": "Request was throttled."}),
    "500": faults.status(500, {"detail": "oh"}),
    "502 page": faults.raw(b"<html>bad gateway</html>", 502),
    "503": faults.raw(b"", 503),
    "half JSON": faults.half_json(),
    "no JSON": faults.raw(b"<html>"),
    "deep JSON": faults.raw(b"[" * 100_000 + b"]" * 100_000),
    "not UTF-8": faults.raw(b'{"a": "\xff\xfe"}'),
    "digits": faults.raw(b"9" * 100_000),
    "compressed": faults.raw(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"}),
    "404 page": faults.raw(b"<html>nothing here</html>", 404),
    "more promised than sent": faults.raw(b"{}", 200, {"Content-Length": "2000", "Connection": "close"}),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_asked_again(server: TransactionService, fault: Fault) -> None:
    server.on(fault, times=2)
    reply = _exchange(server).ask("GET", ABOUT)
    assert (reply.status, reply.document["version"], len(server.asked)) == (200, "6.10.1", 3)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_stays_is_given_up(server: TransactionService, fault: Fault) -> None:
    server.on(fault)
    with pytest.raises(TransientError, match=r"the Safe service http://127\.0\.0\.1"):
        _exchange(server).ask("GET", ABOUT)
    assert len(server.asked) == 4


def test_nobody_listens() -> None:
    with pytest.raises(TransientError, match="did not answer"):
        Exchange("http://127.0.0.1:9", timeout_seconds=0.2, sleep=lambda _seconds: None).ask("GET", ABOUT)


def test_pauses_grow_and_the_service_may_ask_for_longer_ones(server: TransactionService) -> None:
    clock = Clock()
    server.on(faults.status(500))
    with pytest.raises(TransientError):
        _exchange(server, clock, timeout_seconds=10.0).ask("GET", ABOUT)
    assert clock.pauses == [0.5, 1.0, 2.0]
    clock = Clock()
    server.calm()
    server.on(faults.status(429, retry_after="7"), times=1)
    _exchange(server, clock, timeout_seconds=10.0).ask("GET", ABOUT)
    assert clock.pauses == [7.0]


@pytest.mark.parametrize("asked", ["30", "99999", "999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "٣"])
def test_a_pause_beyond_the_deadline_is_not_made(server: TransactionService, asked: str) -> None:
    clock = Clock()
    server.on(faults.status(429, retry_after=asked.encode("utf-8").decode("latin-1")))
    with pytest.raises(TransientError, match="asked less often"):
        _exchange(server, clock, timeout_seconds=5.0).ask("GET", ABOUT)
    assert clock.now < 15
    assert asked not in ("30", "99999") or clock.pauses == []


def _dripping_body() -> Fault:
    return faults.dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n")


@pytest.mark.parametrize(
    "fault", [faults.dripping(), _dripping_body(), faults.dripping(b"")], ids=["head", "body", "all"]
)
def test_a_service_that_drips_is_not_waited_for(server: TransactionService, fault: Fault) -> None:
    server.on(fault)
    began = time.monotonic()
    with pytest.raises(TransientError, match="did not answer in time"):
        Exchange(server.url, timeout_seconds=0.3, sleep=lambda _seconds: None).ask("GET", ABOUT)
    assert time.monotonic() - began < 5.0


def test_a_silent_service_is_not_waited_for(server: TransactionService) -> None:
    server.on(faults.dripping(b"", pause_seconds=30.0))
    began = time.monotonic()
    with pytest.raises(TransientError, match="did not answer in time"):
        Exchange(server.url, timeout_seconds=0.3, sleep=lambda _seconds: None).ask("GET", ABOUT)
    assert time.monotonic() - began < 5.0


def test_a_huge_body_is_not_read_to_its_end(server: TransactionService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "MOST_REPLY_BYTES", 100_000)
    server.on(faults.raw(b" " * 300_000 + b"{}"))
    with pytest.raises(TransientError, match="more than 100000 bytes"):
        _exchange(server).ask("GET", ABOUT)


def test_refusals_are_not_repeated(server: TransactionService) -> None:
    for code in (400, 401, 403, 405, 422):
        server.calm()
        server.asked.clear()
        server.on(faults.status(code, {"detail": "no"}))
        with pytest.raises(ServiceRefusedError) as caught:
            _exchange(server).ask("POST", ABOUT, body={})
        assert (caught.value.status, len(server.asked)) == (code, 1)


def test_a_post_whose_reply_was_lost_is_repeated(server: TransactionService) -> None:
    server.on(faults.lost_reply(), times=1)
    path = "/api/v1/safes/0x99ABcDef00000000000000000000000000000000/multisig-transactions/estimations/"
    with pytest.raises(ServiceRefusedError, match="Checksum address validation failed"):
        _exchange(server).ask("POST", path, body={"to": "x"})
    assert [each.body for each in server.asked] == [{"to": "x"}, {"to": "x"}]


# --- the key ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def forgotten() -> Iterator[None]:
    before = set(redaction._never_show)
    yield
    redaction._never_show.clear()
    redaction._never_show.update(before)


@pytest.mark.usefixtures("forgotten")
def test_the_key_goes_where_the_service_wants_it_and_nowhere_else(server: TransactionService) -> None:
    exchange = _exchange(server, api_key=KEY)
    exchange.ask("GET", ABOUT)
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in _headers_without_key(server)
    assert KEY not in repr(exchange)
    assert redaction.redact(f"x {KEY} y") == "x [hidden] y"


def _headers_without_key(server: TransactionService) -> dict[str, str]:
    server.asked.clear()
    _exchange(server).ask("GET", ABOUT)
    return server.asked[0].headers


def _echo(exchange: Served) -> None:
    """A service that repeats what it was told in its refusal."""
    exchange.reply(422, {"detail": str(exchange.asked.headers)})


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("fault", [_echo, *PASSING.values(), faults.status(401)])
def test_no_error_shows_the_key(server: TransactionService, fault: Callable[[Served], None]) -> None:
    server.on(fault)
    with pytest.raises((TransientError, ServiceRefusedError)) as caught:
        _exchange(server, api_key=KEY).ask("GET", ABOUT)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error) + repr(error)
        error = error.__cause__ if error.__suppress_context__ or error.__cause__ else error.__context__


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_could_break_a_header_is_refused(server: TransactionService, key: str) -> None:
    with pytest.raises(ConfigError, match="letters that no key has") as caught:
        _exchange(server, api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "api.safe.global", "ftp://a/b", "http://", "http://[", "https://a:b:c", "https://a/?k=v"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ConfigError, match=r"safe\.service_url is not a URL") as caught:
        Exchange(url)
    assert url == "" or url not in str(caught.value)


def test_what_stands_in_front_of_the_api_may_be_written_with_or_without_it(server: TransactionService) -> None:
    for url in (server.url, f"{server.url}/", f"{server.url}/api", f"{server.url}/api/"):
        assert Exchange(url).ask("GET", ABOUT).status == 200


def test_proxies_of_the_environment_are_not_used(server: TransactionService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert _exchange(server).ask("GET", ABOUT).status == 200
