"""The learned detector: inference by numpy against the formulas written out, its file, and what is refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from keeper.model.decision import Regime
from keeper.policy.learning import tensors
from keeper.policy.learning.lstm import CLASSES, Model, classify, forward, load
from keeper.policy.regimes import lstm
from keeper.policy.regimes.lstm import Settings
from keeper.policy.signals.features import NAMES, WARMUP_HOURS, feature_rows, hourly_sigma
from tests.policy.regimes.prices import FORECAST, NOW, history, walk
from tests.policy.regimes.weights import arrays, metadata, opinionated, pack, weights


def detect(body: bytes, closes: list[float], settings: Settings | None = None) -> Regime:
    one = lstm.build(settings or Settings(weights="x"), quote_is_token0=False, weights=body)
    return one.detect(history(closes), FORECAST, None, NOW)


def by_hand(model: Model, rows: list[list[float]]) -> list[float]:
    """The recursion, number by number, with nothing but the standard library."""
    size = model.hidden
    h, c = [0.0] * size, [0.0] * size
    for row in rows:
        gates = [
            math.fsum(w * x for w, x in zip(model.input_weights[k].tolist(), row, strict=True))
            + math.fsum(w * x for w, x in zip(model.hidden_weights[k].tolist(), h, strict=True))
            + float(model.bias[k])
            for k in range(4 * size)
        ]
        i, f, o = ([1 / (1 + math.exp(-g)) for g in gates[k * size : (k + 1) * size]] for k in (0, 1, 3))
        g = [math.tanh(each) for each in gates[2 * size : 3 * size]]
        c = [f[k] * c[k] + i[k] * g[k] for k in range(size)]
        h = [o[k] * math.tanh(c[k]) for k in range(size)]
    scores = [
        math.fsum(w * x for w, x in zip(model.output_weights[k].tolist(), h, strict=True)) + float(model.output_bias[k])
        for k in range(len(CLASSES))
    ]
    weights_of = [math.exp(score) for score in scores]
    return [each / sum(weights_of) for each in weights_of]


@pytest.mark.parametrize("hidden", [1, 5])
def test_inference_is_the_recursion_written_out(hidden: int) -> None:
    model = load(weights(hidden=hidden, steps=7))
    rows = np.random.default_rng(1).normal(size=(7, len(NAMES)))
    found = forward(model, rows)
    assert found == pytest.approx(by_hand(model, rows.tolist()), abs=1e-12)
    assert found.sum() == pytest.approx(1.0) and found.std() > 0.02  # not merely a third each


def test_a_golden_case() -> None:
    """One unit with all weights ½ after two inputs of one: i = f = o = σ(1), g = tanh(1)."""
    flat = {name: np.zeros_like(array) for name, array in arrays(1).items()}
    flat["lstm.weight_ih_l0"][:, 0] = 0.5
    flat["lstm.bias_ih_l0"] += 0.25
    flat["lstm.bias_hh_l0"] += 0.25
    flat["output.weight"][CLASSES.index("positive")] = 2.0
    flat["normalisation.deviation"] += 1
    rows = np.zeros((2, len(NAMES)))
    rows[:, 0] = 1.0
    gate, squashed = 1 / (1 + math.exp(-1)), math.tanh(1)
    c = gate * squashed
    c = gate * c + gate * squashed
    score = 2 * gate * math.tanh(c)
    expected = math.exp(score) / (2 + math.exp(score))
    found = forward(load(pack(flat, metadata(1, 2))), rows)
    assert found[CLASSES.index("positive")] == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(0.598_097_7, abs=1e-6)


def test_a_row_is_the_same_whatever_stands_around_it() -> None:
    closes = walk(500)
    whole = feature_rows(closes)
    assert whole.shape == (500 - WARMUP_HOURS, len(NAMES)) and np.isfinite(whole).all()
    assert (feature_rows(closes[100:400]) == whole[100 : 400 - WARMUP_HOURS]).all()
    scaled = feature_rows([value * 1e12 for value in closes])
    assert scaled == pytest.approx(whole, abs=1e-9)
    with pytest.raises(ValueError, match="169 needed"):
        feature_rows(closes[:168])


def test_features_by_hand() -> None:
    closes = walk(400, sigma=0.01)
    logs = [math.log(value) for value in closes]
    moves = [after - before for before, after in pairwise(logs)]
    row = dict(zip(NAMES, feature_rows(closes)[-1].tolist(), strict=True))
    sigma = math.sqrt(math.fsum(m * m for m in moves[-168:]) / 168)
    assert hourly_sigma(closes)[-1] == pytest.approx(sigma)
    assert row["return_1h"] == pytest.approx(moves[-1] / sigma)
    assert row["return_24h"] == pytest.approx((logs[-1] - logs[-25]) / sigma / math.sqrt(24))
    assert row["distance_mean_120h"] == pytest.approx(
        (logs[-1] - math.fsum(logs[-120:]) / 120) / sigma / math.sqrt(120)
    )
    assert row["efficiency_24h"] == pytest.approx((logs[-1] - logs[-25]) / math.fsum(map(abs, moves[-24:])))
    day = math.sqrt(math.fsum(m * m for m in moves[-24:]) / 24)
    assert row["volatility_24h_over_168h"] == pytest.approx(math.log(day / sigma))
    mean = math.fsum(logs[-20:]) / 20
    spread = 2 * math.sqrt(math.fsum((v - mean) ** 2 for v in logs[-20:]) / 20)
    assert row["percent_b_20h"] == pytest.approx((logs[-1] - mean) / (2 * spread))
    still = feature_rows([5.0] * 300)
    assert still == pytest.approx(np.zeros_like(still), abs=1e-6)


def test_the_detector_says_what_the_model_says() -> None:
    closes = walk(400)
    found = detect(weights(), closes)
    model = load(weights())
    newest = classify(model, closes, 3)[-1]
    assert found.probability_positive == pytest.approx(newest[CLASSES.index("positive")], abs=1e-6)
    assert found.probability_negative == pytest.approx(newest[CLASSES.index("negative")], abs=1e-6)
    assert "trained on made-up.csv up to 2024-01-31" in found.reason
    assert {figure.name: figure.value for figure in found.figures} == {"trained_accuracy": 0.41}
    assert detect(opinionated(5.0), closes).label == "positive"
    assert detect(opinionated(-5.0), closes).label == "negative"
    assert detect(opinionated(0.0), closes).label == "neutral"


def test_too_little_is_told_with_the_need() -> None:
    needed = WARMUP_HOURS + 6 + 2
    assert detect(weights(), walk(needed - 1)).reason == (
        f"{needed - 1} hours of prices without a hole, {needed} needed by the model"
    )
    assert "trained on" in detect(weights(), walk(needed)).reason


GOOD = weights()
HEADER = int.from_bytes(GOOD[:8], "little")
NOT_FINITE = {**arrays(), "output.bias": np.array([0.0, np.nan, 0.0])}
NARROW = {**arrays(), "output.bias": np.zeros(2)}
FLAT_DEVIATION = {**arrays(), "normalisation.deviation": np.zeros(len(NAMES))}
LESS = {name: array for name, array in arrays().items() if name != "output.weight"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a safetensors file"),
        (b"\x80\x04pickle me", "not a safetensors file"),
        (GOOD[: HEADER // 2], "not a safetensors file"),
        (GOOD[:-1], "it was cut"),
        ((4).to_bytes(8, "little") + b"[1] ", "names nothing"),
        ((4).to_bytes(8, "little") + b"{{{{", "not JSON"),
        ((40_000).to_bytes(8, "little") + b"[" * 40_000, "not a safetensors file"),
        ((2**62).to_bytes(8, "little") + b"{}", "not a safetensors file"),
        (pack(arrays(), {}), "not a model of this version"),
        (pack(arrays(), metadata(model="{}")), "do not describe the model"),
        (pack(arrays(), metadata(model=json.dumps({"steps": 3, "hidden": 3, "features": ["x"]}))), "other features"),
        (pack(arrays(), metadata(hidden=3, steps=0)), "out of bounds"),
        (pack(arrays(), metadata(hidden=4)), "has the shape"),
        (pack(NARROW, metadata()), "has the shape"),
        (pack(NOT_FINITE, metadata()), "not finite"),
        (pack(FLAT_DEVIATION, metadata()), "not positive"),
        (pack(LESS, metadata()), "no tensor 'output.weight'"),
        (GOOD.replace(b'"F32"', b'"I32"'), "only F32 and F64"),
        (GOOD.replace(b'"data_offsets"', b'"data_OFFSETS"'), "not described"),
        (GOOD.replace(b'"shape": [3]', b'"shape": [-3'), "not"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lstm.build(Settings(weights="x"), quote_is_token0=False, weights=body)


def test_other_weights_than_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="SHA-256 is"):
        lstm.build(Settings(weights="x", weights_sha256="0" * 64), quote_is_token0=False, weights=GOOD)
    with pytest.raises(ValueError, match="was not read"):
        lstm.build(Settings(weights="x"), quote_is_token0=False)


def test_text_may_hold_anything_but_numbers_are_read_as_they_are() -> None:
    found = tensors.read(pack({"a": np.array([[1.5, -2.0]])}, {"note": "ünïcode \n"}))
    assert found.metadata == {"note": "ünïcode \n"} and found.arrays["a"].tolist() == [[1.5, -2.0]]
