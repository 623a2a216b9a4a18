"""The named methods: each is the first strategy's YAML with other values at a few keys, and nothing else."""

from __future__ import annotations

import pytest

from keeper.backtest.methods import BENCHMARK, METHODS, chosen, method_names, settings_of
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings

OWN = StrategySettings.model_validate(
    {
        "name": "a" * 63,
        "chain": "polygon",
        "pool": "0x45dDa9cb7c25131DF268515131f647d726f50608",
        "quote": "token0",
        "capital": {"max_quote": "12345"},
        "schedule": {"every_seconds": 777, "price_trigger_bps": 33},
        "forecaster": {"kind": "ewma", "half_life_hours": 50},
        "regime": {"kind": "trend", "act": True},
        "view": "bearish",
        "range": {"kind": "sigma"},
        "limits": {"cooldown_minutes": 90, "max_slippage_bps": 77},
        "rewards": [{"apr_pct_full_range": 4, "until": "2030-01-01"}],
    }
)
RUN = [method for method in METHODS if method.kind in ("run", "hedged")]
CHANGED = {"name", "range", "regime", "view", "profit", "rewards", "limits"}


@pytest.mark.parametrize("method", RUN, ids=lambda method: method.name)
def test_everything_else_is_the_strategys_own(method: object) -> None:
    made = settings_of(method, OWN)  # type: ignore[arg-type]
    assert {key for key in type(OWN).model_fields if getattr(made, key) != getattr(OWN, key)} <= {
        *CHANGED,
        "forecaster",  # completed with its defaults
    }
    assert made.forecaster["half_life_hours"] == 50 and made.capital == OWN.capital and made.schedule == OWN.schedule
    assert made.limits.max_slippage_bps == 77 and made.regime["kind"] == "neutral"
    assert len(made.name) <= 63


def test_they_are_what_they_are_called() -> None:
    made = {method.name: settings_of(method, OWN) for method in RUN}
    ranges = {name: each.range for name, each in made.items()}
    assert [name for name, each in made.items() if each.profit.gate == "pays"] == ["optimal"]
    assert made["optimal"].profit.model_copy(update={"gate": "pays"}) == OWN.profit
    for name, view in (("das-bull", "bullish"), ("das-neutral", "neutral"), ("das-bear", "bearish")):
        assert (made[name].view, ranges[name]["kind"], ranges[name]["mode"]) == (view, "asymmetric", "auto")
        assert (ranges[name]["c"], ranges[name]["horizon_days"], ranges[name]["skew_pct"]) == (1.5, 7.0, 70.0)
        assert made[name].limits.cooldown_minutes == 1_440
    for pct in (2, 10, 20):
        of = ranges[f"fixed-{pct}"]
        assert (of["kind"], of["lower_pct"], of["upper_pct"]) == ("fixed", pct, pct)
        assert made[f"fixed-{pct}"].limits.cooldown_minutes == 90, "the strategy's own"
    assert (ranges["bollinger"]["window_hours"], ranges["bollinger"]["deviations"]) == (20, 2.0)
    assert ranges["tau-reset"]["kind"] == "tau_reset" and ranges["full"]["kind"] == "full"
    assert all(made[name].view == "neutral" for name in made if name not in ("das-bull", "das-bear"))
    assert [method.name for method in METHODS if method.kind in ("half", "base")] == [BENCHMARK, "hodl-100"]


def test_a_method_that_is_not_there_names_the_nearest() -> None:
    assert [method.name for method in chosen(["full", "optimal"])] == ["optimal", "full"]
    assert tuple(method.name for method in chosen([])) == method_names()
    with pytest.raises(ConfigError, match="no method 'das-bul'; did you mean das-bull"):
        chosen(["das-bul"])
    with pytest.raises(ConfigError, match="there are optimal, optimal-always"):
        chosen(["xyz!"])
