"""What every forecaster keeps to, whatever it is: found by its file, parametrised over all there are."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from keeper import plugins
from keeper.model import canonical
from keeper.model.observation import Bar, History, ImpliedQuote, Sample
from keeper.policy.strategy import Forecaster
from tests.policy.forecasters.walks import DAY, HOUR, NOW, from_logs, quote, walk

KINDS = plugins.available("forecaster")
# What lets every kind answer on 1,000 hours.
OWN: dict[str, dict[str, Any]] = {
    "har": {"month_days": 10, "min_days": 14},
    "blend": {"members": ({"kind": "har", "month_days": 10, "min_days": 14}, "ewma", "garch", "implied",
                          "range_based", "true_range")},
}  # fmt: skip
QUOTES = (quote(0.5),)
PAST = walk(hours=1_000, wobble=0.3)


def built(kind: str, **changes: Any) -> Forecaster:
    module = plugins.find("forecaster", kind)
    rule: Forecaster = module.build(module.Settings(**{**OWN.get(kind, {}), **changes}))
    return rule


def of_prices(kind: str) -> bool:
    return kind != "implied"


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_with_an_error_and_its_figures(kind: str) -> None:
    found = built(kind).forecast(PAST, QUOTES, NOW)
    assert found.refusal is None and found.kind == kind
    assert found.sigma_annual is not None and 0.2 < found.sigma_annual < 1.2
    assert found.standard_error is not None and 0 < found.standard_error < found.sigma_annual
    assert found.horizon_seconds == DAY and found.samples > 0 and found.figures
    assert canonical.decode(type(found), canonical.encode(found)) == found


@pytest.mark.parametrize("kind", KINDS)
def test_the_horizon_is_what_was_asked(kind: str) -> None:
    found = built(kind, horizon_hours=72.0).forecast(PAST, QUOTES, NOW)
    assert found.horizon_seconds == 3 * DAY and found.refusal is None
    assert all(member.horizon_seconds == 3 * DAY for member in found.members)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_input_gives_the_same_bytes(kind: str) -> None:
    """Also where nothing is remembered: a history with the same content is another object."""
    again = History("y", HOUR, tuple(replace(sample) for sample in PAST.samples))
    first = canonical.encode(built(kind).forecast(PAST, QUOTES, NOW))
    built(kind).forecast(walk(hours=900, seed=9), QUOTES, NOW)
    assert canonical.encode(built(kind).forecast(again, QUOTES, NOW)) == first


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    """Kind to the digest of its forecast, from a process that starts with the last kind."""
    program = (
        "from tests.policy.forecasters.test_contract import *\n"
        "for kind in reversed(KINDS): print(kind, canonical.digest(built(kind).forecast(PAST, QUOTES, NOW)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_process_gives_the_same_bytes(kind: str, elsewhere: dict[str, str]) -> None:
    assert elsewhere[kind] == canonical.digest(built(kind).forecast(PAST, QUOTES, NOW))


GARBAGE = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(-5, 2**161), st.booleans()), max_size=6
)  # seconds ahead, price, with a bar


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=GARBAGE, cut=st.integers(0, 40))
def test_what_comes_later_changes_nothing(kind: str, garbage: list[tuple[int, int, bool]], cut: int) -> None:
    """Cut or garble the future, of prices and of quotes: the same forecast."""
    newest = len(PAST.samples) - 1 - cut
    now = PAST.samples[newest].timestamp + 120
    known = PAST.samples[: newest + 1]
    bar = Bar(-800_000, 800_000, 1, 1, 1)
    later = tuple(Sample(now + ahead, price, None, None, bar if told else None) for ahead, price, told in garbage)
    rule = built(kind, weights="equal") if kind == "blend" else built(kind)
    quotes = (replace(QUOTES[0], observed_timestamp=now - 60),)
    wrong = (ImpliedQuote("dvol", math.nan, DAY, now + 1), ImpliedQuote("option_chain", 9.0, 30 * DAY, now + 1))
    cut_off = rule.forecast(History("a", HOUR, known), quotes, now)
    assert cut_off.refusal is None
    assert rule.forecast(History("b", HOUR, known + later), quotes + wrong, now) == cut_off
    assert rule.forecast(PAST, quotes, now) == cut_off


def test_the_training_of_a_blend_sees_nothing_later() -> None:
    rule = built("blend")
    now = PAST.samples[-31].timestamp
    quotes = (replace(QUOTES[0], observed_timestamp=now - 60),)
    wild = tuple(replace(s, sqrt_price_x96=s.sqrt_price_x96 * (1 + i % 2)) for i, s in enumerate(PAST.samples[-30:]))
    whole = rule.forecast(PAST, quotes, now)
    figures = {figure.name: figure.value for figure in whole.figures}
    assert int(figures["training_forecasts"]) >= 10
    garbled = History("g", HOUR, PAST.samples[:-30] + wild)
    assert canonical.encode(rule.forecast(garbled, quotes, now)) == canonical.encode(whole)


def _flat(hours: int) -> History:
    return from_logs([0.0] * (hours + 1), [Bar(0, 0, 0, 0, 0)] * (hours + 1))


def _swapped() -> History:
    rows = list(PAST.samples)
    rows[500], rows[501] = rows[501], rows[500]
    return History("x", HOUR, tuple(rows))


REFUSALS = [
    ("no sample", History("x", HOUR, ()), NOW, "needed"),
    ("a pool with three swaps", History("x", HOUR, PAST.samples[-3:]), NOW, "needed"),
    ("stale", PAST, NOW + 3 * HOUR + 1, "old"),
    ("constant", _flat(1_000), NOW, "not moved"),
    ("out of order", _swapped(), NOW, "out of order"),
    ("twice", History("x", HOUR, (*PAST.samples, PAST.samples[-1])), NOW, "twice"),
    ("price zero", History("x", HOUR, (*PAST.samples[:-1], replace(PAST.samples[-1], sqrt_price_x96=0))), NOW, "price"),
    ("price beyond", History("x", HOUR, (*PAST.samples[:-1], replace(PAST.samples[-1], sqrt_price_x96=2**400))), NOW,
     "no price"),
    ("volatility of 10,000 %", walk(sigma_annual=100.0), NOW, "came out"),
    ("volatility of 0.0001 %", walk(sigma_annual=1e-6), NOW, ""),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case[0])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if of_prices(kind)])
def test_bad_prices_are_refused_with_one_sentence(kind: str, case: tuple[str, History, int, str]) -> None:
    name, past, now, words = case
    rule = built(kind, members=("ewma", "range_based", "har")) if kind == "blend" else built(kind)
    found = rule.forecast(past, (), now)
    assert found.sigma_annual is None and found.standard_error is None, name
    assert found.refusal and "\n" not in found.refusal
    assert words in found.refusal or kind == "har"
    canonical.encode(found)


@pytest.mark.parametrize("kind", KINDS)
def test_any_mess_is_answered_or_refused_but_never_raised(kind: str) -> None:
    rule = built(kind)
    for hole in (3, 30, 300):
        rows = tuple(s for i, s in enumerate(PAST.samples) if i % hole)
        found = rule.forecast(History("x", HOUR, rows), (quote(math.inf), quote(-1.0)), rows[-1].timestamp)
        assert (found.sigma_annual is None) == (found.refusal is not None)
        canonical.encode(found)
    jump = from_logs([0.0] * 500 + [80.0] * 501)
    assert rule.forecast(jump, (), NOW).kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_its_settings_has_bounds(kind: str) -> None:
    model = plugins.find("forecaster", kind).Settings
    for name, field in model.model_fields.items():
        if field.annotation in (int, float):
            for value in (-(10**9), 10**9):
                with pytest.raises(ValidationError, match=name):
                    model(**{name: value})


def test_a_checked_configuration_loads_no_science() -> None:
    program = """
import sys
from keeper import plugins
for kind in plugins.available("forecaster"):
    plugins.find("forecaster", kind).Settings()
print([name for name in ("numpy", "pandas", "scipy", "arch", "statsmodels") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
