"""What holds for every regime detector, whichever file it is."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper import plugins
from keeper.model import canonical
from keeper.model.decision import Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import Bar, History
from tests.policy.regimes.prices import DAY, FORECAST, HOUR, NOW, history, of, walk
from tests.policy.regimes.weights import opinionated, weights

KINDS = plugins.available("regime")
EVERY_HOUR: dict[str, Any] = {"confirm_bars": 1, "min_hours": 0}
# Down for a while, then up: every detector has something to see.
LONG = walk(210, drift=-0.004, sigma=0.005)
LONG += walk(211, drift=0.004, sigma=0.005, seed=2, start=LONG[-1])[1:]


def detector(kind: str, *, quote_is_token0: bool = False, body: bytes | None = None, **changes: Any) -> Any:
    module = plugins.find("regime", kind)
    body = weights() if body is None else body
    digest = hashlib.sha256(body).hexdigest()
    values: dict[str, Any] = {"kind": kind, **changes}
    if plugins.artifacts(module):
        values |= {"weights": "made-up.safetensors", "weights_sha256": digest}
    known = {name: value for name, value in values.items() if name in module.Settings.model_fields}
    return plugins.build(module, known, quote_is_token0=quote_is_token0, artifact={digest: body}.__getitem__)


def ask(one: Any, past: History, memory: RegimeMemory | None = None, now: int = NOW) -> Regime:
    found = one.detect(past, FORECAST, memory, now)
    assert isinstance(found, Regime)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_it_says(kind: str) -> None:
    module = plugins.find("regime", kind)
    fields = module.Settings.model_fields
    assert fields["kind"].default == kind
    assert fields["act"].default is False  # no detector acts unless it is told to
    found = ask(detector(kind), history(LONG))
    assert found.kind == kind and found.reason
    chances = (found.probability_positive, found.probability_negative, found.probability_neutral)
    assert math.fsum(chances) == pytest.approx(1.0, abs=1e-12) and all(0 <= each <= 1 for each in chances)
    assert canonical.decode(Regime, canonical.encode(found)) == found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", ["positive", "negative", "neutral"])
def test_since_changes_with_the_label_alone(kind: str, label: Any) -> None:
    memory = RegimeMemory(label, NOW - 90 * HOUR)
    for past in (history(LONG), history(walk(420, drift=0.003, sigma=0.002)), history([1.0])):
        found = ask(detector(kind, **EVERY_HOUR), past, memory)
        assert found.since_timestamp == (memory.since_timestamp if found.label == label else NOW)


BAD: list[tuple[str, History, int]] = [
    ("no samples", of([]), NOW),
    ("one sample", history([1.0]), NOW),
    ("few samples", history(LONG[:50]), NOW),
    ("a price that stands still", history([0.0005] * 420), NOW),
    ("an old newest sample", history(LONG), NOW + DAY),
    ("a hole", of([*history(LONG).samples[:300], *history(LONG).samples[-50:]]), NOW),
    ("a price of nought", of([*history(LONG).samples[:-1], replace(history(LONG).samples[-1], sqrt_price_x96=0)]), NOW),
    (
        "no number",
        replace(history(LONG), samples=(replace(history(LONG).samples[0], sqrt_price_x96=float("nan")),)),  # type: ignore[arg-type]
        NOW,
    ),
    ("unordered samples", of(tuple(reversed(history(LONG).samples))), NOW),
    ("a sample twice", of([*history(LONG).samples, history(LONG).samples[-1]]), NOW),
    ("an impossible bar", of([replace(each, bar=Bar(9, -9, 0, 0, 1)) for each in history(LONG).samples]), NOW),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("past", "now"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_data_give_neutral_with_the_reason(kind: str, past: History, now: int) -> None:
    memory = RegimeMemory("positive", now - 2 * HOUR)
    found = ask(detector(kind, body=opinionated(9.0)), past, memory, now)
    assert (found.label, found.probability_neutral, found.since_timestamp) == ("neutral", 1.0, now)
    assert found.reason and ";" not in found.reason  # the refusal itself, not a verdict on probabilities


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_every_time(kind: str) -> None:
    found = {canonical.encode(ask(detector(kind), history(list(LONG)))) for _ in range(3)}
    assert len(found) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_tokens_changes_nothing(kind: str) -> None:
    """The base token in the quote token is what rises, whichever of them is token0."""
    for seed in range(3):
        closes = walk(420, drift=0.001 * (seed - 1), sigma=0.004, seed=seed)
        one = ask(detector(kind), history(closes))
        other = ask(detector(kind, quote_is_token0=True), history(closes, quote_is_token0=True))
        assert one.label == other.label
        assert one.probability_positive == pytest.approx(other.probability_positive, abs=1e-6)
        assert one.probability_negative == pytest.approx(other.probability_negative, abs=1e-6)


MODULES = {kind: detector(kind, **EVERY_HOUR) for kind in KINDS}
SAMPLES = history(LONG).samples


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(cut=st.integers(300, 418), junk=st.lists(st.integers(-(2**60), 2**100), min_size=1, max_size=5))
def test_the_future_changes_nothing(kind: str, cut: int, junk: list[int]) -> None:
    """Cut off or garbled after now, the answer is the same bytes."""
    now = SAMPLES[cut - 1].timestamp + 600
    garbled = [
        replace(each, sqrt_price_x96=junk[index % len(junk)], bar=Bar(5, -5, -1, -1, -1))
        for index, each in enumerate(SAMPLES[cut:])
    ]
    answers = {
        canonical.encode(ask(MODULES[kind], of(samples), None, now))
        for samples in (SAMPLES, SAMPLES[:cut], (*SAMPLES[:cut], *garbled), (*SAMPLES[:cut], *reversed(garbled)))
    }
    assert len(answers) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "neutral"])
def test_the_past_changes_something(kind: str) -> None:
    """The property above would hold of a detector that looks at nothing."""
    samples = list(SAMPLES)
    for k in range(1, 13):
        last = samples[k - 13]
        samples[k - 13] = replace(last, sqrt_price_x96=round(last.sqrt_price_x96 * 0.985**k))
    one, other = ask(MODULES[kind], of(SAMPLES)), ask(MODULES[kind], of(samples))
    assert one.probability_positive != other.probability_positive


def test_asking_for_settings_loads_no_heavy_library() -> None:
    """``keeper check`` imports every detector that a strategy names, and must stay quick."""
    heavy = {"numpy", "torch", "pandas", "scipy", "numba"}
    code = f"import sys; {'; '.join(f'import keeper.policy.regimes.{kind}' for kind in KINDS)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert f"keeper.policy.regimes.{KINDS[0]}" in loaded and not heavy & set(loaded)
