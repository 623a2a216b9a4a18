"""The page of a study as text: its sums, its words, what it must never contain, its size."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.model.observation import Observation
from keeper.report import Lived, Run, profit_and_loss, render_backtest_page, write_backtest_page
from keeper.report.backtest_charts import waterfall_bar
from keeper.report.backtest_heat import best_words, place, shade
from keeper.report.backtest_moves import moves
from keeper.report.backtest_series import full_range_worths, thinned
from keeper.report.backtest_verdict import backtest_verdict
from keeper.report.display import Money
from keeper.report.figures import quote_token
from keeper.report.holdings import valued, worth
from tests.report import studies
from tests.report.synthetic import Market, month
from tests.report.test_page import HOSTILE, parsed


def explain(_decision: object) -> list[str]:
    return ["a line"]


@pytest.fixture(scope="module")
def run() -> Run:
    return month()


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return render_backtest_page(studies.comparison(studies.life(run)), explain)


def test_it_is_one_file_without_any_outside_asset(text: str) -> None:
    for tag, attributes in parsed(text):
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"https?://|@import|url\(", text.replace("http://www.w3.org/2000/svg", ""))
    policy = next(a["content"] for _, a in parsed(text) if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert len(text) < 1_000_000


def test_every_section_is_there_and_no_fee_stands_alone(text: str) -> None:
    for words in (
        "Worth beside holding", "v2 full range", "Price and ranges", "Fees, LVR, costs and hedged alpha so far",
        "Where the result came from", "Lost to arbitrage (LVR)", "Moves, their reasons", "Methods side by side",
        "Worth by method", "In sample and out of sample", "Its best is luck.", "Width against trigger",
        "sum of fees &lt;t&gt;", "loss versus rebalancing", "Nobody reacts to fills.", "An hour is missing.",
        "SHA-256 ab12", "Every unit is accounted for",
    ):  # fmt: skip
        assert words in text, words


def test_a_page_has_the_sections_of_its_data(run: Run) -> None:
    alone = render_backtest_page(studies.life(run), explain)
    assert "Methods side by side" not in alone and "Width against trigger" not in alone
    table = render_backtest_page(
        replace(studies.life(run), lived=None, methods=studies.methods(), headline="All lost.")
    )
    assert "Methods side by side" in table and "Price and ranges" not in table and "All lost." in table
    parsed(table)


def test_the_waterfall_sums_to_the_raw_unit_and_its_bars_meet(text: str, run: Run) -> None:
    outcome = profit_and_loss(run)[-1]
    tables = re.findall(r'<table class="figures split waterfall">.*?</table>', text, re.S)
    for table, total in zip(tables, (outcome.total, outcome.hedged_alpha), strict=True):
        *causes, result = [int(value) for value in re.findall(r'<data value="(-?\d+)">', table)]
        assert sum(causes) == result == total
        ends = list(accumulate(causes, initial=0))
        low, span = min(ends), max(ends) - min(ends)
        bars = re.findall(r'<rect class="\w+" x="([\d.]+)%" width="([\d.]+)%"', table)
        for (left, width), begin, end in zip(bars[:-1], ends[:-1], ends[1:], strict=True):
            assert float(left) == pytest.approx(100 * (min(begin, end) - low) / span, abs=0.01)
            assert float(width) == pytest.approx(100 * max(abs(end - begin) / span, 0.004), abs=0.02)


def test_a_bar_of_the_waterfall_lies_between_its_totals() -> None:
    assert 'x="25.00%" width="50.00%"' in waterfall_bar(3.0, 1.0, 0.0, 4.0, "fees")
    assert 'x="0.00%" width="100.00%"' in waterfall_bar(-1.0, 1.0, -1.0, 1.0, "fees")


def test_moves_account_for_every_cost_and_all_lvr(run: Run) -> None:
    series = profit_and_loss(run)
    found = moves(Lived(run, series))
    assert sum(move.cost + move.upkeep for move in found) == series[-1].costs > 0
    assert sum(move.lvr for move in found) == series[-1].lvr
    assert sum(move.fees for move in found) == pytest.approx(series[-1].fees, abs=2 * len(found))
    assert sum(move.action != "enter" for move in found) == series[-1].rebalances
    assert sum(move.seconds_in_range for move in found) == series[-1].seconds_in_range
    at_once = month(account="delegated")
    assert len(moves(Lived(at_once, profit_and_loss(at_once)))) == profit_and_loss(at_once)[-1].rebalances + 1


def test_a_range_left_as_soon_as_it_was_opened_is_a_move_of_its_own() -> None:
    market = Market()
    market.decide("hold", None, "no history", "no_fee_history")
    market.move(2_010.0, 3_600)
    market.enter()
    market.leave()
    market.enter(action="rebalance")
    market.move(2_020.0, 3_600)
    run = market.run()
    found = moves(Lived(run, profit_and_loss(run)))
    assert [move.action for move in found] == ["enter", "rebalance"]


@pytest.mark.parametrize(
    ("turnover", "beats", "tone"), [(0.1, "It lost to holding by", "loss"), (30.0, "It beat holding by", "gain")]
)
def test_the_headline_says_who_lost(turnover: float, beats: str, tone: str) -> None:
    page = render_backtest_page(studies.life(month(turnover=turnover)), explain)
    assert f'<section class="verdict {tone}"' in page
    headline = re.search(r'<p class="headline">(.*?)</p>', page)
    assert headline is not None and headline[1].startswith(beats) and "hedged alpha" in headline[1]


def test_a_profit_that_the_price_made_is_no_gain(run: Run) -> None:
    outcome = profit_and_loss(month(turnover=0.1))[-1]
    money = Money.scaled(quote_token(run.observations[-1]), outcome.value)
    risen = replace(outcome, value=outcome.value + 10**10, hodl_change=outcome.hodl_change + 10**10)
    assert risen.total > 0 > risen.against_hodl
    tone, said = backtest_verdict(risen, money)
    assert tone == "loss" and said.headline.startswith("It lost to holding by") and "did not pay" in said.headline
    assert not any("mostly that of the tokens" in sentence for sentence in said.sentences)
    span = outcome.timestamp - outcome.start_timestamp
    _, said = backtest_verdict(replace(risen, seconds_in_position=span // 50, seconds_in_range=span // 50), money)
    assert "in a position for 2 % of the time only" in said.sentences[0], "idle tokens won, not a range"
    tone, said = backtest_verdict(replace(outcome, seconds_in_position=0), money)
    assert tone == "" and "never provided liquidity" in said.headline


def grown(at: Observation, growth_0: int, growth_1: int) -> Observation:
    pool = replace(at.pool, fee_growth_global_0_x128=growth_0 % 2**256, fee_growth_global_1_x128=growth_1 % 2**256)
    return replace(at, pool=pool)


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_a_full_range_follows_the_root_of_the_price_and_takes_its_fees(quote_is_token0: bool) -> None:
    market = Market(quote_is_token0=quote_is_token0)
    begin = grown(market.observe(), 2**256 - 5, 7)  # the counter passes its end in between
    market.move(3_000.0, 3_600)
    plain = grown(market.observe(), 2**256 - 5, 7)
    start = worth(begin)
    assert full_range_worths([begin, plain]) == [start, pytest.approx(start * math.sqrt(1.5), rel=1e-5)]
    growth = (2**128 // 10**4, 2**128 // 10**5)
    more = grown(plain, growth[0] - 5, growth[1] + 7)
    root = begin.pool.sqrt_price_x96 / 2**96
    liquidity = start / 2 * (root if quote_is_token0 else 1 / root)  # V = 2·L·√P in token1, 2·L/√P in token0
    fees = valued(more, *(round(liquidity * each / 2**128) for each in growth))
    assert full_range_worths([begin, more])[1] - full_range_worths([begin, plain])[1] == pytest.approx(fees, rel=1e-5)


def test_thinning_keeps_every_extreme_and_the_ends() -> None:
    times = [1_000 + 3_600 * hour for hour in range(8_760)]
    wave = [math.sin(hour / 50) for hour in range(8_760)]
    spike = [0.0] * 8_760
    spike[4_321], spike[77] = 9.0, -9.0
    kept = thinned(times, [wave, spike])
    assert kept[0] == 0 and kept[-1] == 8_759 and {77, 4_321} <= set(kept) and len(kept) < 3_000
    assert max(wave[index] for index in kept) == max(wave) and min(wave[index] for index in kept) == min(wave)
    assert thinned(times[:500], [wave[:500]]) == list(range(500))


def test_the_map_has_its_shades_its_frame_and_its_best(text: str) -> None:
    found = studies.heat()
    assert shade(0.0, 1.0) == "flat" and shade(math.nan, 1.0) == "none"
    assert [shade(value, 10.0) for value in (0.1, 10.0, 99.0, -4.0)] == ["up1", "up5", "up5", "down2"]
    assert place(found) == (2, 1) and place(replace(found, written=None)) is None
    assert best_words(found).startswith("3 of 12 pairs paid; the best: ±16 %, trigger 2: hedged alpha +5.5 % a year")
    losing = replace(found, alpha_apr_pct=tuple(tuple(-1.0 for _ in row) for row in found.alpha_apr_pct))
    assert best_words(losing).startswith("No pair paid; the least bad")
    cells = re.findall(r'<td class="((?:up|down|flat)\d?)( written)?" tabindex="(-?\d)" data-words="([^"]+)"', text)
    assert len(cells) == 12 and [cell[2] for cell in cells].count("0") == 1
    assert [cell[3][:8] for cell in cells if cell[1]] == ["±8 %, tr"]
    assert all("fees" in cell[3] and "LVR" in cell[3] for cell in cells)


def test_the_script_gets_the_figures_that_are_drawn(text: str, run: Run) -> None:
    found = re.search(r'<script type="application/json" id="series">(.*?)</script>', text)
    assert found is not None
    series, outcome = json.loads(found[1])["run"], profit_and_loss(run)[-1]
    assert series["times"][-1] == outcome.timestamp
    last = {name: values[-1] for name, values in series["values"].items()}
    assert last["alpha"] == pytest.approx(last["fees"] + last["lvr"] + last["costs"], abs=0.03)
    assert (
        last["worth"] - last["hodl"]
        == pytest.approx(last["net"], abs=0.03)
        == pytest.approx(outcome.against_hodl / 10**6, abs=0.02)
    )


def test_nobody_writes_into_the_page() -> None:
    def page(word: str) -> str:
        hostile = month(hours=200, symbols=("USDC", word[:16] or "WETH"))
        named = Run(word, hostile.decisions, hostile.entries, hostile.closing, hostile.decision_ids)
        whole = replace(
            studies.comparison(studies.life(named)), kicker=word, title=word, facts=(word,), terms={word: word},
            provenance=((word, word),), caveats=(word,), defects=(word,), sentences=(word,),
            methods=replace(studies.methods(word), note=word, heads=(word, word)), method_words=((word, word),),
            searched=replace(studies.searched(word), objective=word, sentences=(word,), latest=(word,),
                             map=replace(studies.heat(), notes=(word,), place_words=word)),
        )  # fmt: skip
        return render_backtest_page(whole, lambda _decision: [word])

    bad = page(HOSTILE)
    assert "<script>alert" not in bad
    plain = [(tag, sorted(names)) for tag, names in parsed(page("plain words"))]
    assert [(tag, sorted(names)) for tag, names in parsed(bad)] == plain


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_backtest_page(tmp_path / "file" / "page.html", studies.life(run), explain)


@pytest.mark.soak
def test_a_year_of_hours_is_a_small_page() -> None:
    assert len(render_backtest_page(studies.life(month(hours=8_760)))) < 1_500_000
