"""The technical detector: rules, votes, and what a clear market gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from keeper.model.decision import Regime
from keeper.policy.regimes import trend
from keeper.policy.regimes.trend import DEFAULT_RULES, Rule, Settings
from tests.policy.regimes.prices import FORECAST, NOW, history, walk


def detect(closes: list[float], settings: Settings | None = None, reach: list[tuple[int, int]] | None = None) -> Regime:
    one = trend.build(settings or Settings(), quote_is_token0=False)
    return one.detect(history(closes, reach=reach or ()), FORECAST, None, NOW)


def test_a_clear_trend_is_seen_by_the_default_rules() -> None:
    up = [0.0005 * 1.001**k for k in range(200)]
    found = detect(up)
    assert (found.label, found.probability_positive) == ("positive", 1.0)
    assert "rules that hold: 4 of 4 positive, 0 of 4 negative" in found.reason
    found = detect([0.0005 * 0.999**k for k in range(200)])
    assert (found.label, found.probability_negative) == ("negative", 1.0)
    figures = {figure.name: figure.value for figure in detect(up).figures}
    assert figures["rsi_14"] == 100.0 and figures["adx_14"] == pytest.approx(100.0)
    assert float(figures["sma_24_over_close"]) < 1


def test_a_market_to_and_fro_is_neutral() -> None:
    found = detect([0.0005 * (1 + 0.004 * (k % 2)) for k in range(200)])
    assert found.label == "neutral" and found.probability_positive < 0.6 > found.probability_negative


def rules(*texts: tuple[str, str]) -> Settings:
    return Settings(rules=tuple(Rule(when=when, regime=regime) for when, regime in texts), confirm_bars=1)  # type: ignore[arg-type]


UP = [1.0 + k / 100 for k in range(60)]
TRUE, FALSE = "close > sma(5)", "close < sma(5)"


@pytest.mark.parametrize(
    ("given", "positive", "negative"),
    [
        ([(TRUE, "positive")], 1.0, 0.0),
        ([(TRUE, "positive"), (FALSE, "positive")], 0.5, 0.0),
        ([(TRUE, "positive"), (TRUE, "negative")], 0.0, 0.0),  # they contradict each other
        ([(TRUE, "positive"), (TRUE, "negative"), (FALSE, "negative")], 0.5, 0.0),
        ([(TRUE, "positive"), (TRUE, "neutral"), (FALSE, "neutral")], 0.5, 0.0),
        ([(FALSE, "positive"), (TRUE, "negative")], 0.0, 1.0),
    ],
)
def test_votes(given: list[tuple[str, str]], positive: float, negative: float) -> None:
    found = detect(UP, rules(*given))
    assert (found.probability_positive, found.probability_negative) == (positive, negative)


def test_weights_count() -> None:
    loud = Rule(when=TRUE, regime="positive", weight=3)
    quiet = Rule(when=FALSE, regime="positive")
    assert detect(UP, Settings(rules=(loud, quiet), confirm_bars=1)).probability_positive == 0.75


def test_every_confirming_bar_is_asked() -> None:
    """The last hour alone says otherwise: not confirmed, and no label yet."""
    turned = [*[2.0 - k / 100 for k in range(60)], 5.0]
    found = detect(turned, Settings(rules=rules((TRUE, "positive")).rules, confirm_bars=2))
    assert found.probability_positive == 1.0 and found.label == "neutral"
    assert detect(turned, rules((TRUE, "positive"))).label == "positive"


def test_bars_reach_the_rules() -> None:
    inside = rules(("high < 1.01 * close", "positive"))
    assert detect(UP, inside, [(-10, 5)] * 60).probability_positive == 1.0
    assert detect(UP, inside, [(-10, 80_000)] * 60).probability_positive == 0.0


def test_too_little_is_told_with_the_need() -> None:
    needed = 8 * 14 + 1 + 2  # Wilder's means over 14 hours, at each of three bars
    assert "124 hours" not in detect(walk(400)).reason
    found = detect(walk(100))
    assert found.reason == f"100 hours of prices without a hole, {max(needed, 121 + 2)} needed by the rules"
    assert detect(walk(max(needed, 123))).reason.startswith("rules that hold")


def test_the_default_rules_stand_in_the_settings() -> None:
    assert Settings().rules == DEFAULT_RULES
    assert Settings.model_validate(Settings().model_dump(mode="json")) == Settings()
    with pytest.raises(ValidationError, match="no indicator 'smma'; did you mean 'sma'"):
        Rule(when="smma(3) > close", regime="positive")
    with pytest.raises(ValidationError, match="no rule speaks for"):
        Settings(rules=(Rule(when=TRUE, regime="neutral"),))


def test_one_unit_of_price_is_as_good_as_another() -> None:
    """Raw ratios of a pool may be 1e-12 or 1e12."""
    closes = walk(300, drift=0.0005)
    found = [detect([value * scale for value in closes]) for scale in (1e-9, 1.0, 1e9)]
    bare = [replace(each, figures=()) for each in found]
    assert bare[0] == bare[1] == bare[2]
