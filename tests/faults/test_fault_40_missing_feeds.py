"""Row 40: an oracle, an options feed or the tape is gone or stale. The decision names what is missing and falls back by
rule; no figure is made up in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.model.decision import Decision
from keeper.model.outcome import Done, Held
from keeper.policy.decide import decide
from keeper.world.chain.node import HttpNode
from keeper.world.feeds.deribit import DeribitFeed
from keeper.world.feeds.pool_events import PoolTape
from keeper.world.feeds.swap_logs import SwapLogs
from keeper.world.observer import ChainObserver
from tests.faults.oracle_desk import OracleDesk, with_oracle
from tests.policy.conftest import warm
from tests.policy.desk import CHAIN_ID, NAME, Desk, Warm, at_desk
from tests.world.chain import hostile
from tests.world.chain.hostile import Exchange, HostileServer

__all__ = ["warm"]

AT_ONCE = {"cooldown_minutes": 0}
GAME = {"gate": "none", "min_fee_history_hours": 2}
DAY = 86_400
BLEND = {"kind": "blend", "members": ["ewma", "implied"], "weights": "equal"}


def gone(beside: OracleDesk) -> None:
    beside.desk.warm.anvil.rpc("anvil_setCode", beside.feed, "0x")


def stale(beside: OracleDesk) -> None:
    beside.push(age_seconds=DAY + 3_600)


def nothing_yet(_: OracleDesk) -> None:
    """A feed without a round: its call reverts."""


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (gone, "there is no contract at the feed's address"),
        (stale, "s old, more than 86400 s"),
        (nothing_yet, "does not answer latestRoundData()"),
        (lambda beside: beside.push(answer=0), "which is no price"),
        (lambda beside: beside.push(answer=-1), "which is no price"),
        (lambda beside: beside.push(rounds_behind=1), "has not finished round"),
        (lambda beside: beside.push(age_seconds=-3_600), "its clock is wrong"),
    ],
    ids=["gone", "stale", "empty", "zero", "negative", "unfinished", "future"],
)
def test_40_no_oracle_no_act_but_the_way_out(
    warm: Warm, tmp_path: Path, harm: Callable[[OracleDesk], None], words: str
) -> None:
    beside = with_oracle(warm, tmp_path, limits=AT_ONCE, profit=GAME)
    desk = beside.desk
    if harm is not nothing_yet:
        beside.push()
        desk.run()
        assert desk.observe().positions
        desk.whale_moves(desk.tick + 700)
        harm(beside)
    outcome = desk.cycle()
    assert isinstance(outcome, Held)
    (found,) = (each for each in outcome.objections if each.code == "oracle_missing")
    assert words in found.message
    (missing,) = desk.last_decision().observation.missing
    assert missing.name == "oracle" and words in missing.reason
    assert desk.last_decision().observation.oracle is None, "no number in its place"
    if harm is nothing_yet:
        return
    desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
    assert isinstance(desk.cycle(), Done) and desk.observe().positions == ()


def options(exchange: Exchange) -> None:
    """Deribit's index as documented: 55.5 % and less, by the minute."""
    end = exchange.call["params"]["end_timestamp"] // 60_000 * 60_000
    rows = [[end - 60_000 * back, 55.0, 56.0, 54.0, 55.5 - back] for back in range(5, -1, -1)]
    exchange.reply({"result": {"data": rows, "continuation": None}})


def with_implied(warm: Warm, folder: Path, server: HostileServer, **changes: Any) -> Desk:
    desk = at_desk(warm, folder, limits=AT_ONCE, profit=GAME, **changes)
    feed = DeribitFeed("ETH", ("dvol",), url=server.url, max_age_seconds=21_600, refresh_seconds=300)
    desk.observer = _observer(desk, implied=feed)
    return desk


def _observer(desk: Desk, **more: Any) -> ChainObserver:
    settings, seen = desk.strategy.settings, desk.observe()
    return ChainObserver(
        desk.observer._node, desk.venue, desk.owner, desk.journal.samples, chain_id=CHAIN_ID,
        quote_is_token0=seen.quote_is_token0, twap_windows_seconds=settings.limits.twap_windows_seconds, **more,
    )  # fmt: skip


def figures(decision: Decision) -> dict[str, Any]:
    return {figure.name: figure.value for figure in decision.forecast.figures}


@pytest.mark.parametrize(
    "answer",
    [hostile.body(b"<html>down</html>"), hostile.body(b'{"result": {"data": [[1, 2'), hostile.body(b"{}")],
    ids=["page", "half", "empty"],
)
def test_40_a_blend_goes_without_options_and_says_so(warm: Warm, tmp_path: Path, answer: hostile.Answer) -> None:
    with HostileServer(answer) as server:
        desk = with_implied(warm, tmp_path, server, forecaster=BLEND)
        assert isinstance(desk.cycle(), Done)
    decision = desk.last_decision()
    assert [each.name for each in decision.observation.missing] == ["implied"] or any(
        "deribit" in each.name or "dvol" in each.name for each in decision.observation.missing
    ), decision.observation.missing
    assert decision.observation.implied == () and figures(decision)["went_without"] == "implied"
    # The rule: what is left of the blend, and nothing else.
    alone = decide(desk.strategy, replace(decision.observation, missing=()), decision.memory)
    assert alone.forecast == decision.forecast and alone.plan == decision.plan


def test_40_a_forecaster_of_options_alone_holds_without_them(warm: Warm, tmp_path: Path) -> None:
    with HostileServer(hostile.status(503)) as server:
        desk = with_implied(warm, tmp_path, server, forecaster={"kind": "implied"})
        outcome = desk.cycle()
    assert isinstance(outcome, Held) and [each.code for each in outcome.objections] == ["no_forecast"]
    decision = desk.last_decision()
    assert decision.forecast.sigma_annual is None and decision.forecast.refusal == "no implied volatility was given"
    assert decision.observation.missing and desk.receipts() == []


def test_40_options_that_were_there_serve_until_they_are_old(warm: Warm, tmp_path: Path) -> None:
    """The chain's time counts: six hours later the last good quote is no quote."""
    with HostileServer(options) as server:
        desk = with_implied(warm, tmp_path, server, forecaster=BLEND)
        seen = desk.observe()
        assert [quote.source for quote in seen.implied] == ["dvol"] and seen.missing == ()
        server.script[:] = [hostile.status(503)]
        for hours, there in ((3, True), (4, False)):
            desk.wait(hours * 3_600)
            later = desk.observe()
            assert bool(later.implied) is there
            assert all(quote.observed_timestamp <= later.block.timestamp for quote in later.implied)
    assert [each.name for each in later.missing] == ["implied"] or later.missing


def test_40_the_tape_is_gone_and_the_samples_stay(warm: Warm, tmp_path: Path) -> None:
    """Logs cannot be read: the hourly samples that the keeper took itself carry the decision, and it says so."""
    desk = at_desk(warm, tmp_path, limits=AT_ONCE, profit=GAME)
    plain = decide(desk.strategy, desk.observe(), desk.journal.memory(NAME))
    started = time.monotonic()
    with HostileServer(hostile.status(503)) as server:
        node = HttpNode([server.url], timeout_seconds=2, retries=0)
        tape = PoolTape(
            desk.journal.tape(CHAIN_ID, warm.deployment.pool), SwapLogs(node, warm.deployment.pool), days=90
        )
        desk.observer = _observer(desk, tape=tape)
        assert isinstance(desk.cycle(), Done)
    assert time.monotonic() - started < 20
    decision = desk.last_decision()
    assert [each.name for each in decision.observation.missing] == ["tape"]
    assert decision.forecast.sigma_annual == pytest.approx(plain.forecast.sigma_annual, rel=0.2)
    assert decision.observation.history.samples
