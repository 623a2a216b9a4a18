"""Training: what is learnt from and judged by is kept apart, and the daemon's arithmetic is PyTorch's.

What needs PyTorch is skipped where it is not installed, and pytest says so in its closing lines.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from keeper.backtest.hourly_prices import HourlyPrices
from keeper.backtest.training import train
from keeper.backtest.training_data import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    Examples,
    TrainingSettings,
    examples,
    folds,
    frequencies,
    normalisation,
    scored,
)
from keeper.errors import ConfigError
from keeper.policy.learning.lstm import CLASSES, forward, load
from keeper.policy.learning.tensors import read
from keeper.policy.signals.features import NAMES, WARMUP_HOURS

SMALL = TrainingSettings(horizon_hours=12, steps=8, hidden=4, epochs=2, folds=2, stride_hours=4)


def closes(hours: int = 1_500, seed: int = 1, period: float = 240.0) -> tuple[float, ...]:
    """A slow wave under noise: its direction can be learnt."""
    rng = random.Random(seed)
    return tuple(
        2_000 * math.exp(0.15 * math.sin(2 * math.pi * k / period) + rng.gauss(0, 0.002)) for k in range(hours)
    )


def prices(hours: int = 1_500) -> HourlyPrices:
    start = 1_704_067_200
    return HourlyPrices("made-up.csv", "ab" * 32, tuple(start + 3_600 * k for k in range(hours)), closes(hours))


def test_labels_by_hand() -> None:
    found = examples(closes(), SMALL)
    path = closes()
    for index in (0, 7, len(found) - 1):
        now = int(found.ends[index]) + WARMUP_HOURS
        moves = [math.log(path[k] / path[k - 1]) for k in range(now - 167, now + 1)]
        sigma = math.sqrt(math.fsum(m * m for m in moves) / 168)
        scaled = math.log(path[now + 12] / path[now]) / (sigma * math.sqrt(12))
        expected = POSITIVE if scaled > 0.5 else NEGATIVE if scaled < -0.5 else NEUTRAL
        assert found.labels[index] == expected
        assert found.moves[index] == pytest.approx(path[now + 12] / path[now] - 1)
    assert int(found.ends[0]) == SMALL.steps - 1
    assert int(found.ends[-1]) + WARMUP_HOURS + SMALL.horizon_hours < len(path)
    assert set(found.labels.tolist()) == {NEGATIVE, NEUTRAL, POSITIVE}


def test_folds_are_kept_apart_by_the_embargo() -> None:
    found = examples(closes(), SMALL)
    seen = list(folds(found, SMALL))
    assert len(seen) == 2
    for fold in seen:
        last_known = int(found.ends[fold.training[-1]])
        first_judged = int(found.ends[fold.judged[0]])
        assert last_known + SMALL.horizon_hours <= first_judged  # no label learnt reaches what is judged
        assert last_known + SMALL.horizon_hours + SMALL.stride_hours > first_judged  # and no more is given away
    assert seen[0].judged[-1] + 1 == seen[1].judged[0] and seen[1].judged[-1] == len(found) - 1


def test_normalisation_sees_the_training_window_alone() -> None:
    found = examples(closes(), SMALL)
    fold = next(iter(folds(found, SMALL)))
    known = found.at(fold.training)
    mean, deviation = normalisation(known, SMALL.steps)
    spoilt = found.rows.copy()
    spoilt[int(known.ends[-1]) + 1 :] = 1e6
    again = normalisation(Examples(spoilt, known.ends, known.labels, known.moves), SMALL.steps)
    assert (again[0] == mean).all() and (again[1] == deviation).all()
    spoilt[int(known.ends[-1])] = 1e6
    assert (normalisation(Examples(spoilt, known.ends, known.labels, known.moves), SMALL.steps)[0] != mean).all()


def test_scores_by_hand() -> None:
    count = 40
    labels = np.array([POSITIVE, NEGATIVE] * (count // 2))
    moves = np.where(labels == POSITIVE, 0.01, -0.01)
    judged = Examples(np.zeros((1, 1)), np.arange(count), labels, moves)
    right = np.full((count, 3), 0.1)
    right[np.arange(count), labels] = 0.8
    base = np.tile(frequencies(labels), (count, 1))
    settings = TrainingSettings(horizon_hours=4, stride_hours=4, switch_cost=0.001)
    found = scored(right, base, judged, settings)
    assert found.log_loss == pytest.approx(-math.log(0.8))
    assert found.log_loss_base == pytest.approx(-math.log(21 / 43))
    assert (found.accuracy, found.called_share, found.hit_rate) == (1.0, 1.0, 1.0)
    assert found.gain == pytest.approx(count * (0.2 * 0.01 - 0.001))
    wrong = scored(right, base, Examples(judged.rows, judged.ends, labels, -moves), settings)
    assert wrong.hit_rate == 0.0 and wrong.gain == pytest.approx(count * (-0.2 * 0.01 - 0.001))
    apart = scored(right, base, judged, TrainingSettings(horizon_hours=12, stride_hours=4, switch_cost=0.0))
    assert apart.gain == pytest.approx(14 * 0.2 * 0.01)  # every third: horizons must not overlap


def test_too_few_prices_are_told_with_the_need() -> None:
    with pytest.raises(ConfigError, match=r"300 hours of prices are too few to train on: 548 needed"):
        examples(closes(300), SMALL)
    assert len(examples(closes(548), SMALL)) >= 90


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch (extra [ml]) is not installed: training was NOT tested")


@pytest.fixture(scope="module")
def trained(torch: Any) -> bytes:  # noqa: ARG001 - skips where there is none
    said: list[str] = []
    result = train(prices(), SMALL, said.append)
    assert [line.split(":")[0] for line in said[:2]] == ["fold 1 of 2", "fold 2 of 2"] and "all" in said[2]
    return result.body


def test_a_wave_is_learnt(torch: Any) -> None:  # noqa: ARG001
    settings = TrainingSettings(horizon_hours=12, steps=8, hidden=8, epochs=12, folds=2, learning_rate=0.01)
    found = train(prices(2_500), settings, lambda _: None).scores
    assert found.log_loss < 0.8 * found.log_loss_base
    assert found.hit_rate > 0.85 and found.gain > 0 and found.gain_p_value < 0.05


def test_the_same_arguments_give_the_same_bytes(trained: bytes, torch: Any) -> None:
    torch.manual_seed(99)
    before = torch.rand(1).item()
    torch.manual_seed(99)
    assert train(prices(), SMALL, lambda _: None).body == trained
    assert torch.rand(1).item() == before  # the caller's own chance is left alone
    other = TrainingSettings(**{**SMALL_VALUES, "seed": 2})
    assert train(prices(), other, lambda _: None).body != trained


SMALL_VALUES = {"horizon_hours": 12, "steps": 8, "hidden": 4, "epochs": 2, "folds": 2, "stride_hours": 4}


def test_numpy_says_what_pytorch_says(trained: bytes, torch: Any) -> None:
    model = load(trained)
    arrays = read(trained).arrays
    network = torch.nn.LSTM(len(NAMES), model.hidden, batch_first=True, dtype=torch.float64)
    output = torch.nn.Linear(model.hidden, len(CLASSES), dtype=torch.float64)
    for part, module in (("lstm", network), ("output", output)):
        module.load_state_dict(
            {name: torch.from_numpy(arrays[f"{part}.{name}"].copy()) for name, _ in module.named_parameters()}
        )
    rows = np.random.default_rng(3).normal(0, 2, size=(50, model.steps, len(NAMES)))
    with torch.no_grad():
        expected = torch.softmax(output(network(torch.from_numpy(rows))[0][:, -1]), dim=1).numpy()
    found = np.stack([forward(model, each) for each in rows])
    assert found == pytest.approx(expected, abs=1e-12)
    single = network.float(), output.float()
    with torch.no_grad():
        expected = torch.softmax(single[1](single[0](torch.from_numpy(rows).float())[0][:, -1]), dim=1).numpy()
    assert found == pytest.approx(expected, abs=1e-6)
    assert found.std(axis=0).max() > 0.01  # it does tell one input from another


def test_the_file_says_what_it_is(trained: bytes) -> None:
    about = json.loads(read(trained).metadata["training"])
    assert (about["data"], about["data_sha256"], about["hours"]) == ("made-up.csv", "ab" * 32, 1_500)
    assert (about["from"], about["until"]) == ("2024-01-01", "2024-03-03")
    assert about["embargo_hours"] == 12 and about["settings"]["seed"] == 1 and about["versions"]["torch"]
    assert about["out_of_sample"]["examples"] > 100 and "log_loss_base" in about["out_of_sample"]
    found = examples(closes(), SMALL)
    mean, deviation = normalisation(found, SMALL.steps)
    model = load(trained)
    assert (model.mean == mean).all() and (model.deviation == deviation).all()


def test_the_safetensors_library_reads_the_same(trained: bytes) -> None:
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed: the peer was NOT asked")
    theirs, ours = library.load(trained), read(trained).arrays
    assert theirs.keys() == ours.keys()
    assert all((theirs[name] == ours[name]).all() for name in ours)


def test_without_pytorch_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ConfigError, match=r"needs PyTorch: pip install 'range-keeper\[ml\]'"):
        train(prices(), SMALL, lambda _: None)
