"""Decisions in words: human prices in the operator's direction, exact amounts, every objection with its figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from keeper.model.decision import Figure
from keeper.model.observation import Account
from keeper.model.plan import Addition, Approve, Batch, Collect, Exit, Increase, Mint, MintRange, Step, Swap, Withdrawal
from keeper.model.price import Token
from keeper.report import amount, answer, distance_pct, duration, explain, figure, lines, number, price_range, when
from keeper.report.words import step_in_words
from tests.policy.test_decide import LEFT_BEHIND, RICH, run
from tests.policy.world import ADDRESS_0, OWNER, held, memory, observation

USDC = Token("0x" + "11" * 20, "USDC", 6)


def said(*paragraphs: str, **options: object) -> str:
    """The text of the named paragraphs of a decision about idle capital."""
    decision = run(observation(balances=RICH, **options))  # type: ignore[arg-type]
    return "\n".join("\n".join(p.lines) for p in explain(decision) if p.title in paragraphs)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234567.891"), "1,234,568"),
        (Decimal("2063.2249"), "2,063.22"),
        (Decimal("0.000484680305"), "0.00048468"),
        (Decimal("1e-18"), "0.000000000000000001"),
        (Decimal(0), "0"),
        (Decimal("100"), "100"),
        (0.1, "0.1"),
        (-12.5, "-12.5"),
        (1e30, "1,000,000,000,000,000,000,000,000,000,000"),
    ],
)
def test_numbers_have_six_digits_and_no_exponent(value: Decimal | float, shown: str) -> None:
    assert number(value) == shown


def test_amounts_times_and_durations() -> None:
    assert amount(1_234_567_890, USDC) == "1,234.57 USDC"
    assert amount(1, USDC) == "0.000001 USDC"
    assert amount(2**256, Token("0x" + "22" * 20, "BIG", 0)).endswith(" BIG")
    assert when(1_800_000_000) == "2027-01-15 08:00:00 UTC"
    assert [duration(s) for s in (45, 600, 3_600, 86_400, 172_800)] == ["45 s", "10 min", "1 h", "24 h", "2 days"]


def test_prices_follow_the_quote_and_the_lower_one_comes_first() -> None:
    by_token0, by_token1 = observation(quote_is_token0=True), observation(quote_is_token0=False)
    assert price_range(198_600, 201_360, by_token0) == "1,800.87 to 2,373.25"
    assert price_range(198_600, 201_360, by_token1) == "0.000421364 to 0.000555286"
    # A higher tick is a lower price where the quote is token0.
    assert distance_pct(201_360, by_token0).startswith("-") and distance_pct(201_360, by_token1).startswith("+")


def test_what_was_seen_and_chosen() -> None:
    seen = said("Seen")
    assert "price 2,063.22 AAA for one BBB (tick 200000)" in seen
    assert "idle in the wallet 20,000 AAA and 1 BBB, 10 native coin for gas" in seen
    assert "no position is open" in seen
    chosen = said("Chosen")
    assert "1,855.72 to 2,303.11 AAA for one BBB (-10.06 % / +11.63 %; ticks 198900 to 201060)" in chosen
    assert "0.000434196 to 0.000538875 BBB for one AAA" in said("Chosen", quote_is_token0=False)


@pytest.mark.parametrize(
    ("account", "told"),
    [
        (
            "safe",
            "idle in the Safe 20,000 AAA and 1 BBB, 10 native coin; whoever executes its transactions pays the gas",
        ),
        ("delegated", f"{OWNER} can do several things in one transaction, by a batch account"),
        ("multicall", f"{OWNER} can do several things of the position manager in one transaction"),
    ],
)
def test_it_is_said_what_the_owner_can_do_at_once(account: Account, told: str) -> None:
    seen = observation(balances=RICH)
    decision = run(replace(seen, wallet=replace(seen.wallet, account=account)))
    text = "\n".join(lines(decision))
    assert told in text and (", paid by whoever executes" in text) == (account == "safe")


def test_a_batch_is_shown_step_by_step() -> None:
    seen = observation(balances=RICH)
    decision = run(replace(seen, wallet=replace(seen.wallet, account="safe")))
    (batch,) = decision.plan.steps
    assert isinstance(batch, Batch)
    (plan,) = (paragraph.lines for paragraph in explain(decision) if paragraph.title == "Plan")
    inner = [f"   1.{at} {step_in_words(each, seen)}" for at, each in enumerate(batch.steps, 1)]
    assert plan[: len(inner) + 1] == ("1. in one transaction, all of it or nothing:", *inner) and len(inner) > 3


def test_a_position_out_of_range_stands_out() -> None:
    text = "\n".join(lines(run(observation(positions=(LEFT_BEHIND,)), memory(held(LEFT_BEHIND)))))
    assert "position 7: 1,468.56 to 1,866.88, OUT OF range" in text
    assert "YES, rebalance" in text and "costs " in text


def test_every_objection_has_its_words_code_and_figures() -> None:
    decision = run(observation(positions=(LEFT_BEHIND,), base_fee_wei=10**15), memory(held(LEFT_BEHIND)))
    assert len(decision.verdict.objections) > 1
    text = "\n".join(lines(decision))
    for objection in decision.verdict.objections:
        assert f"- {objection.message} [{objection.code}]" in text
        for item in objection.figures:
            assert figure(item, decision.observation) in text
    assert answer(decision).startswith("no rebalance: ")


def test_no_forecast_says_why() -> None:
    short = observation(balances=RICH)
    short = replace(short, history=replace(short.history, samples=short.history.samples[:2]))
    text = "\n".join(lines(run(short)))
    assert "no forecast, 2 price samples" in text and "NO, nothing is done" in text


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Figure("gain_quote_raw", 1_500_000), "gain 1.5 AAA"),
        (Figure("carry_now_quote_raw_per_year", 2e6), "what is held earns 2 AAA a year"),
        (Figure("sigma_annual", 0.625), "volatility σ 62.50 % a year"),
        (Figure("lvr_annual", 0.09), "loss to arbitrage σ²/4 of the full range 9.00 % a year"),
        (Figure("lvr_per_year", 2.5), "loss to arbitrage at this width 250.00 % a year"),
        (Figure("gas_price_wei", 2 * 10**9), "gas price 2 gwei"),
        (Figure("native_wei", 10**18), "native 1 native coin"),
        (Figure("cooldown_minutes", 60), "cooldown 60 minutes"),
        (Figure("half_width_log", 0.1), "half width 10.52 %"),
        (Figure("rho", 1.25), "fees over loss to arbitrage ρ 1.25"),
        (Figure("model", "ewma"), "model: ewma"),
    ],
)
def test_figures_are_read_by_the_unit_in_their_name(item: Figure, expected: str) -> None:
    assert figure(item, observation()) == expected


def test_every_kind_of_step_has_words() -> None:
    seen = observation()
    rung = MintRange(198_600, 201_360, 10**6, 10**18, 0, 0, 1_000_000)
    steps: dict[Step, str] = {
        Approve(ADDRESS_0, "router", 5 * 10**6): "allow the router contract 5 AAA",
        Approve(ADDRESS_0, "router", 0): "take back what the router contract may take of AAA",
        Exit(
            (Withdrawal(7, 1, 10**6, 2 * 10**18, True),)
        ): "withdraw and collect position 7 for at least 1 AAA and 2 BBB",
        Collect((7, 8)): "collect the fees of position 7, 8",
        Swap(True, 10**6, 10**17, 10**18, 1): "swap 1 AAA for 1 BBB (at least 0.1 BBB)",
        Swap(False, 10**18, 1, 10**6, 1): "swap 1 BBB for 1 AAA (at least 0.000001 AAA)",
        Mint((rung,), 0, 1): "open 1,800.87 to 2,373.25 with 1 AAA and 1 BBB",
        Increase((Addition(7, 10**6, 10**18, 0, 0),)): "add 1 AAA and 1 BBB to position 7",
    }
    for step, words in steps.items():
        assert step_in_words(step, seen) == words


def test_amounts_keep_every_digit_and_symbols_cannot_steer_a_terminal() -> None:
    evil = Token("0x" + "11" * 20, "\x1b[2J\u202eUSD", 0)
    assert amount(10**35 + 1, evil) == f"{10**35 + 1:,} [2JUSD"
