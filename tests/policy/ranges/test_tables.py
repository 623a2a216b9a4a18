"""Each rule with ticks worked out by hand. A tick is ln 1.0001 of the price; the price stands at tick 0."""

from __future__ import annotations

import math

import pytest

from keeper.model.decision import Figure, Ladder, Regime
from keeper.policy.ranges import asymmetric, bands, bollinger, fixed, full, sigma, tau_reset
from keeper.policy.scene import NoRange, Scene, Stance
from keeper.policy.strategy import RangeRule
from tests.policy.ranges.worlds import at, priced, quote_distances, ticks, triggers
from tests.policy.world import NOW, carry, scene

# ln(1.1) / ln(1.0001) = 953.15, ln(1/0.9) / ln(1.0001) = 1053.66
ORDERS = pytest.mark.parametrize("quote_is_token0", [False, True])
BULL, BEAR = Stance("positive", 1.0, "view"), Stance("negative", 1.0, "view")


def placed(rule: RangeRule, asked: Scene) -> Ladder:
    chosen = rule.choose(asked)
    assert isinstance(chosen, Ladder)
    return chosen


def test_fixed_snaps_to_the_nearest_usable_tick() -> None:
    rule = fixed.build(fixed.Settings(lower_pct=10, upper_pct=10))
    assert ticks(placed(rule, scene(at(0, 1)))) == [(-1054, 953)]
    assert ticks(placed(rule, scene(at(0, 10)))) == [(-1050, 950)]
    assert ticks(placed(rule, scene(at(0, 60)))) == [(-1080, 960)]
    assert ticks(placed(rule, scene(at(0, 200)))) == [(-1000, 1000)]
    assert ticks(placed(rule, scene(at(0, 10, quote_is_token0=True)))) == [(-950, 1050)]
    assert ticks(placed(rule, scene(at(-12_345, 10)))) == [(-13_400, -11_390)]


def test_sigma_is_k_deviations_over_the_horizon_on_each_side() -> None:
    # sigma 0.73 a year over 1 day is 0.73/sqrt(365) = 0.038210; twice that is 764.2 ticks, three times 1146.3
    rule = sigma.build(sigma.Settings(k=2, horizon_days=1, min_width_pct=1))
    assert ticks(placed(rule, scene(at(0, 1), carry=carry(0.73)))) == [(-764, 764)]
    skewed = sigma.build(sigma.Settings(k=2, k_above=3, horizon_days=1, min_width_pct=1))
    assert ticks(placed(skewed, scene(at(0, 1), carry=carry(0.73)))) == [(-764, 1146)]
    assert ticks(placed(skewed, scene(at(0, 1, quote_is_token0=True), carry=carry(0.73)))) == [(-1146, 764)]


def test_sigma_keeps_to_its_bounds_on_each_side() -> None:
    rule = sigma.build(sigma.Settings(k_below=0.01, k_above=20, horizon_days=1, min_width_pct=3, max_width_pct=10))
    chosen = placed(rule, scene(at(0, 1), carry=carry(0.73)))
    assert ticks(chosen) == [(-296, 953)]  # ln 1.03 / ln 1.0001 = 295.6
    assert "your floor" in chosen.reason and "your ceiling" in chosen.reason


def test_bounds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="min_width_pct 5 is above max_width_pct 4"):
        sigma.Settings(min_width_pct=5, max_width_pct=4)


def test_tau_reset_counts_ticks_and_its_trigger_is_the_edge() -> None:
    rule = tau_reset.build(tau_reset.Settings(tau_ticks=600))
    assert ticks(placed(rule, scene(at(7, 10)))) == [(-590, 610)]
    assert triggers(placed(rule, scene(at(7, 10)))) == (-590, 610)
    wide = tau_reset.build(tau_reset.Settings(tau_ticks=600, trigger_scale=1.5))
    assert triggers(placed(wide, scene(at(0, 10)))) == (-900, 900)


@pytest.mark.parametrize(("spacing", "most"), [(1, 887_272), (10, 887_270), (60, 887_220), (200, 887_200)])
def test_full_is_every_usable_tick(spacing: int, most: int) -> None:
    chosen = placed(full.build(full.Settings()), scene(at(5, spacing)))
    assert ticks(chosen) == [(-most, most)] and triggers(chosen) == (-most, most)


# Ten hours at 0.98 and nine at 1.02; the price of the hour that runs comes last.
SWAYING = (0.98,) * 10 + (1.02,) * 9


@ORDERS
def test_bollinger_is_the_mean_and_two_deviations(quote_is_token0: bool) -> None:
    # mean (9.8 + 9.18 + 1)/20, mean square (9.604 + 9.3636 + 1)/20 = 0.99838
    prices = (*SWAYING, 1.0)
    mean = sum(prices) / 20
    deviation = math.sqrt(0.99838 - 0.999**2)
    seen = at(0, 1, quote_is_token0=quote_is_token0, past=priced(*prices, quote_is_token0=quote_is_token0))
    chosen = placed(bollinger.build(bollinger.Settings()), scene(seen))
    ((below, above),) = quote_distances(chosen, seen)
    assert below == pytest.approx(-math.log(mean - 2 * deviation), abs=1e-4)
    assert above == pytest.approx(math.log(mean + 2 * deviation), abs=1e-4)
    assert below > above, "the mean lies under the price, so there is more of the band below"


@ORDERS
def test_a_band_that_does_not_hold_the_price_is_shifted(quote_is_token0: bool) -> None:
    prices = (*SWAYING, 1.2)  # as multiples of the price at tick 0
    top = round(math.log(1.2) / math.log(1.0001)) * (-1 if quote_is_token0 else 1)
    past = priced(*prices, quote_is_token0=quote_is_token0)
    seen = at(top, 1, quote_is_token0=quote_is_token0, past=past)
    chosen = placed(bollinger.build(bollinger.Settings(min_room_pct=0.5)), scene(seen))
    ((below, above),) = quote_distances(chosen, seen)
    mean, deviation = sum(prices) / 20, 0.047948  # sqrt(1.02038 - 1.009²), of the price at tick 0
    width = math.log((mean + 2 * deviation) / (mean - 2 * deviation))
    assert above == pytest.approx(math.log(1.005), abs=1e-4)
    assert below + above == pytest.approx(width, abs=5e-4)
    assert "shifted" in chosen.reason


def test_a_band_of_a_price_that_stands_still_has_room_on_both_sides() -> None:
    seen = at(0, 1, past=priced(*(1.0,) * 30))
    assert ticks(placed(bollinger.build(bollinger.Settings(min_room_pct=1)), scene(seen))) == [(-100, 100)]


def test_bollinger_refuses_on_too_few_hours_and_counts_each_once() -> None:
    rule = bollinger.build(bollinger.Settings(window_hours=20))
    short = rule.choose(scene(at(0, past=priced(*(1.0,) * 15))))
    assert isinstance(short, NoRange)
    assert short.figures == (Figure("hours", 15), Figure("needed_hours", 16))
    assert isinstance(rule.choose(scene(at(0, past=priced(*(1.0,) * 16)))), Ladder)
    assert isinstance(rule.choose(scene(at(0, past=priced()))), NoRange)


def test_hours_before_the_window_do_not_count() -> None:
    seen = at(0, 1, past=priced(*(5.0,) * 50, *SWAYING, 1.0))
    bare = at(0, 1, past=priced(*SWAYING, 1.0))
    rule = bollinger.build(bollinger.Settings())
    assert ticks(placed(rule, scene(seen))) == ticks(placed(rule, scene(bare)))


# sigma 0.73 over 7 days is 0.73·sqrt(7/365) = 0.101095; times 2·1.5 the total width is 0.303284, 3033.0 ticks.
@pytest.mark.parametrize(
    ("stance", "below", "above"),
    [(Stance("neutral", 0.0, "neutral"), 1516.5, 1516.5), (BULL, 909.9, 2123.1), (BEAR, 2123.1, 909.9)],
    ids=["neutral", "bull", "bear"],
)
@ORDERS
def test_asymmetric_by_hand(stance: Stance, below: float, above: float, quote_is_token0: bool) -> None:
    seen = at(0, 1, quote_is_token0=quote_is_token0)
    rule = asymmetric.build(asymmetric.Settings())
    chosen = placed(rule, scene(seen, carry=carry(0.73), stance=stance))
    ((down, up),) = quote_distances(chosen, seen)
    assert down / math.log(1.0001) == pytest.approx(below, abs=0.6)
    assert up / math.log(1.0001) == pytest.approx(above, abs=0.6)
    assert triggers(chosen) == ticks(chosen)[0]


def test_asymmetric_width_is_bounded_and_its_mode_beats_the_stance() -> None:
    # Half of the total between ln 1.03 and ln 1.1; 30 % of 2·953.1 ticks is 571.9, 70 % is 1334.4
    rule = asymmetric.build(asymmetric.Settings(max_width_pct=10, mode="bull"))
    assert ticks(placed(rule, scene(at(0, 1), carry=carry(5.0), stance=BEAR))) == [(-572, 1334)]
    narrow = asymmetric.build(asymmetric.Settings(min_width_pct=3, mode="neutral"))
    chosen = placed(narrow, scene(at(0, 1), carry=carry(0.01), stance=BULL))
    assert ticks(chosen) == [(-296, 296)] and "your floor" in chosen.reason
    skewed = asymmetric.build(asymmetric.Settings(max_width_pct=10, mode="bear", skew_pct=90))
    assert ticks(placed(skewed, scene(at(0, 1), carry=carry(5.0)))) == [(-1716, 191)]


def test_asymmetric_is_replaced_when_an_acting_regime_has_turned() -> None:
    turned = Regime("trend", "positive", 0.8, 0.1, 0.1, NOW - 500)
    rule = asymmetric.build(asymmetric.Settings())

    def since(stance: Stance, **settings: str) -> int | None:
        built = asymmetric.build(asymmetric.Settings(**settings)) if settings else rule  # type: ignore[arg-type]
        return placed(built, scene(at(0), stance=stance, regime=turned)).replaces_before_timestamp

    assert since(Stance("positive", 0.7, "regime")) == NOW - 500
    assert since(Stance("neutral", 0.0, "regime")) == NOW - 500
    assert since(BULL) is None, "a view has no moment at which it turned"
    assert since(Stance("neutral", 0.0, "neutral")) is None, "a regime that may not act replaces nothing"
    assert since(Stance("positive", 0.7, "regime"), mode="bull") is None


def test_bands_by_progression() -> None:
    def widths(**settings: object) -> list[tuple[int, int, int]]:
        rule = bands.build(bands.Settings(**settings))  # type: ignore[arg-type]
        chosen = placed(rule, scene(at(0, 1), carry=carry(0.73)))
        return [(each.lower_tick, each.upper_tick, each.share_ppm) for each in chosen.ranges]

    # ln 1.05, 1.10, 1.20 over ln 1.0001: 487.9, 953.1, 1823.3; then 1.15: 1397.7
    geometric = widths(first_width_pct=5, step=2, share_ratio=0.5)
    assert geometric == [(-488, 488, 571_429), (-953, 953, 285_714), (-1823, 1823, 142_857)]
    linear = widths(first_width_pct=5, step=1, progression="linear")
    assert linear == [(-488, 488, 333_334), (-953, 953, 333_333), (-1398, 1398, 333_333)]
    # one deviation over a day is 0.0382097: 382.1 ticks
    in_sigma = widths(first_width_sigmas=1, count=2, horizon_days=1)
    assert in_sigma == [(-382, 382, 500_000), (-764, 764, 500_000)]
    named = [{"width_pct": 10, "share_pct": 25}, {"width_pct": 5, "share_pct": 75}]
    mixed = [{"width_sigmas": 1, "share_pct": 40}, {"width_pct": 5, "share_pct": 60}]
    assert widths(bands=mixed, horizon_days=1) == [(-382, 382, 400_000), (-488, 488, 600_000)]
    assert widths(bands=named) == [(-488, 488, 750_000), (-953, 953, 250_000)]


def test_the_trigger_of_bands_counts_from_the_narrowest() -> None:
    for number, tick in ((1, 488), (2, 953), (3, 1823)):
        chosen = placed(bands.build(bands.Settings(trigger_band=number)), scene(at(0, 1)))
        assert triggers(chosen) == (-tick, tick)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bands": [{"width_pct": 5, "share_pct": 90}]}, "sum to 90 %"),
        ({"bands": [{"share_pct": 100}]}, "either width_pct or width_sigmas"),
        ({"bands": [{"width_pct": 1, "width_sigmas": 1, "share_pct": 100}]}, "either width_pct or width_sigmas"),
        ({"step": 1}, "step 1 makes no band wider"),
        ({"count": 2, "trigger_band": 3}, "trigger_band 3 is beyond the 2 bands"),
    ],
)
def test_bands_that_make_no_sense_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bands.Settings(**wrong)  # type: ignore[arg-type]
