"""The page as text: what it says, what it must never contain, its size."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.model.decision import Decision
from keeper.report import page, timeline
from keeper.report.page import render_page, write_page
from keeper.report.run import Run
from tests.report.synthetic import month

HOSTILE = '<script>alert("x")</script>'


def explain(decision: Decision) -> list[str]:
    figures = [f"objection: {each.message}" for each in decision.verdict.objections]
    return [f"tick {decision.observation.pool.tick} & <block {decision.observation.block.number}>", *figures]


class Elements(HTMLParser):
    """Every element with its attributes, and whether they nest."""

    VOID = frozenset({"meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(text)
    assert parser.open == []
    return parser.found


@pytest.fixture(scope="module")
def text() -> str:
    return render_page(month(), explain)


def test_it_is_one_file_without_any_outside_asset(text: str) -> None:
    for tag, attributes in parsed(text):
        assert "style" not in attributes, tag  # the policy would refuse it
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    outside = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|@import|url\(", outside)
    policy = next(a["content"] for t, a in parsed(text) if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_it_is_well_formed_and_says_the_whole(text: str) -> None:
    parsed(text)
    for words in (
        "Against holding", "Hedged alpha", "Lost to arbitrage (LVR)", "Divergence against holding", "Own swaps", "Gas",
        "Every unit is accounted for", "Difference, in raw units (wei)", "Linear from 30.0 days", "Hold WETH alone",
        "held 12 times: no fee history", "the price left the trigger", "Price, USDC per WETH",
    ):  # fmt: skip
        assert words in text, words


def test_every_act_opens_into_its_explanation_and_its_transaction(text: str) -> None:
    run = month()
    for act in run.acts:
        assert act.transaction_hash in text
        block = run.decisions[act.decision_index].observation.block.number
        assert f"&lt;block {block}&gt;" in text
    assert text.count('<li class="acted">') == len({act.decision_index for act in run.acts})


@pytest.mark.parametrize("symbols", [(HOSTILE, "WETH"), ("USDC", HOSTILE), ("</script><b>", "</style><i>")])
def test_a_token_cannot_write_into_the_page(symbols: tuple[str, str]) -> None:
    plain = parsed(render_page(month(hours=200), explain))
    hostile = parsed(render_page(month(hours=200, symbols=symbols), explain))
    assert [(tag, sorted(names)) for tag, names in hostile] == [(tag, sorted(names)) for tag, names in plain]


def test_data_cannot_end_its_script_element() -> None:
    assert "<" not in page.script_json({"values": ["</script><script>", "<!--"]})


def test_a_strategy_or_a_reason_cannot_write_into_the_page() -> None:
    run = month(hours=120)
    bad = [
        replace(d, verdict=replace(d.verdict, action=d.verdict.action, reason=HOSTILE, objections=tuple(
            replace(o, code=HOSTILE, message=HOSTILE) for o in d.verdict.objections)))
        for d in run.decisions
    ]  # fmt: skip
    hostile = Run(HOSTILE, tuple(bad), run.entries, run.closing, run.decision_ids)
    text = render_page(hostile, lambda _decision: [HOSTILE])
    assert "<script>alert" not in text
    assert sum(tag == "script" for tag, _ in parsed(text)) == 2


def test_a_loss_is_called_a_loss() -> None:
    text = render_page(month(turnover=0.1), explain)
    assert 'class="verdict loss"' in text
    assert "worse than doing nothing" in text
    assert "the fees did not pay for the losses" in text


def test_a_ledger_that_differs_is_said_first_in_its_section() -> None:
    run = month(hours=100)
    assert run.closing is not None
    wallet = replace(run.closing.wallet, balance_0=run.closing.wallet.balance_0 + 3)
    text = render_page(replace(run, closing=replace(run.closing, wallet=wallet)), explain)
    assert "The journal and the chain DIFFER" in text
    assert '<td class="loss"><data value="-3">-3</data></td>' in text
    assert "Every unit is accounted for" not in text


def test_a_thousand_observations_are_quick_and_small() -> None:
    run = month(hours=1_000)
    lines = ["x" * 90] * 30
    started = time.perf_counter()
    text = render_page(run, lambda _decision: lines)
    assert time.perf_counter() - started < 1.0
    assert len(text.encode()) < 1_000_000


def test_many_observations_are_thinned_but_not_the_accounts() -> None:
    run = month(hours=1_500)
    line = timeline.timeline(run)
    assert len(line.times) == timeline.MOST_POINTS
    assert line.times[0] == run.observations[0].block.timestamp
    assert line.times[-1] == run.observations[-1].block.timestamp
    assert line.accounts[-1].gas_native_wei == -sum(e.amount for e in run.entries if e.kind == "gas")


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_ranges_lie_around_the_price_they_were_opened_at(quote_is_token0: bool) -> None:
    run = month(quote_is_token0=quote_is_token0)
    line = timeline.timeline(run)
    assert len(line.bands) == sum(act.has("mint") for act in run.acts)
    for band in line.bands:
        price = next(p for t, p in zip(line.times, line.prices, strict=True) if t >= band.start - 60)
        assert band.lower < price < band.upper
        assert band.trigger_lower is not None and band.trigger_upper is not None
        assert band.trigger_lower < band.lower and band.upper < band.trigger_upper
        assert band.start < band.end
    for earlier, later in zip(line.bands, line.bands[1:], strict=False):
        assert earlier.end <= later.start
    assert set(line.states) == {"inside", "outside", "idle"}


def test_one_single_decision_makes_a_page() -> None:
    run = month(hours=1)
    text = render_page(replace(run, closing=None), explain)
    parsed(text)
    assert "Made 0.00 USDC" in text


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="choose another place"):
        write_page(tmp_path / "file" / "report.html", month(hours=2), explain)


def test_the_assets_ship_beside_the_code() -> None:
    for name in ("page.html", "page.css", "page.js"):
        assert Path(page.__file__).with_name(name).is_file()


def test_a_busy_run_stays_small_and_explains_what_matters_first() -> None:
    """Long explanations and hundreds of routine acts: the acts that matter keep theirs."""
    run = month(hours=1_000, volatility=1.6)
    routine = {act.decision_index for act in run.acts if act.action == "enter"}
    busy = tuple(
        replace(
            d, verdict=replace(d.verdict, action="compound" if index in routine else d.verdict.action, objections=())
        )
        if index in routine or index % 3
        else d
        for index, d in enumerate(run.decisions)
    )
    text = render_page(replace(run, decisions=busy), lambda d: [f"b{d.observation.block.number}", *["y" * 100] * 60])
    assert len(text.encode()) < 1_000_000
    assert "No room for it here: <code>keeper explain" in text
    rebalances = [act for act in run.acts if act.action == "rebalance"]
    newest = run.decisions[rebalances[-1].decision_index].observation.block.number
    assert f"<pre>b{newest}\n" in text


def test_routine_acts_share_a_row_with_the_holds_around_them() -> None:
    run = month(hours=60)
    routine = {act.decision_index for act in run.acts}
    calm = tuple(
        replace(d, verdict=replace(d.verdict, action="compound")) if index in routine else d
        for index, d in enumerate(run.decisions)
    )
    text = render_page(replace(run, decisions=calm), explain)
    assert f"; compound in {len(routine)} steps</span>" in text
    for act in run.acts:
        assert act.transaction_hash in text
