"""Training the learned regime detector with PyTorch: walk-forward scores first, then a model of all that is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from keeper import __version__
from keeper.backtest.hourly_prices import HourlyPrices
from keeper.backtest.training_data import (
    Array,
    Examples,
    Scores,
    TrainingSettings,
    examples,
    folds,
    frequencies,
    normalisation,
    scored,
)
from keeper.errors import ConfigError
from keeper.policy.learning.lstm import CLASSES, FORMAT
from keeper.policy.learning.tensors import write
from keeper.policy.signals.features import NAMES, WARMUP_HOURS

MISSING = "training needs PyTorch: pip install 'range-keeper[ml]' (running what was trained does not)"


@dataclass(frozen=True, slots=True)
class Trained:
    """The bytes of a safetensors file, and how the same settings did on what they had not seen."""

    body: bytes
    scores: Scores


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A trained network (torch's own objects) with its normalisation."""

    lstm: Any
    output: Any
    mean: Array
    deviation: Array


def train(prices: HourlyPrices, settings: TrainingSettings, progress: Callable[[str], None]) -> Trained:
    """Judge the settings walk-forward, then train on every example. The same arguments give the same bytes.

    ConfigError where PyTorch is not installed, or there are too few prices. ``progress`` is told each step in words.
    """
    torch = _torch()
    found = examples(prices.closes, settings)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    try:
        scores = _walk(torch, found, settings, progress)
        progress(f"training on all {len(found)} examples")
        fitted = _fit(torch, found, settings)
    finally:
        torch.set_num_threads(threads)
    return Trained(_packed(torch, fitted, prices, settings, scores), scores)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ConfigError(MISSING) from error
    return torch


def _walk(torch: Any, found: Examples, settings: TrainingSettings, progress: Callable[[str], None]) -> Scores:
    said, base, judged = [], [], []
    for number, fold in enumerate(folds(found, settings), start=1):
        known = found.at(fold.training)
        progress(f"fold {number} of {settings.folds}: {len(known)} examples, judged by {len(fold.judged)}")
        fitted = _fit(torch, known, settings)
        said.append(_classified(torch, fitted, found.at(fold.judged), settings))
        base.append(np.tile(frequencies(known.labels), (len(fold.judged), 1)))
        judged.append(fold.judged)
    return scored(np.concatenate(said), np.concatenate(base), found.at(np.concatenate(judged)), settings)


def _fit(torch: Any, known: Examples, settings: TrainingSettings) -> _Fitted:
    mean, deviation = normalisation(known, settings.steps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        lstm = torch.nn.LSTM(len(NAMES), settings.hidden, batch_first=True)
        output = torch.nn.Linear(settings.hidden, len(CLASSES))
        parameters = [*lstm.parameters(), *output.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
        loss_of = torch.nn.CrossEntropyLoss()
        labels = torch.from_numpy(known.labels.astype(np.int64))
        rows = torch.from_numpy(((known.rows - mean) / deviation).astype(np.float32))
        for _ in range(settings.epochs):
            for chosen in torch.randperm(len(known)).split(settings.batch):
                optimiser.zero_grad()
                inputs = _windows(torch, rows, known.ends[chosen.numpy()], settings.steps)
                loss = loss_of(output(lstm(inputs)[0][:, -1]), labels[chosen])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimiser.step()
    return _Fitted(lstm, output, mean, deviation)


def _windows(torch: Any, rows: Any, ends: Any, steps: int) -> Any:
    index = np.asarray(ends)[:, None] + np.arange(1 - steps, 1)
    return rows[torch.from_numpy(index)]


def _classified(torch: Any, fitted: _Fitted, judged: Examples, settings: TrainingSettings) -> Array:
    rows = torch.from_numpy(((judged.rows - fitted.mean) / fitted.deviation).astype(np.float32))
    with torch.no_grad():
        states = [
            fitted.lstm(_windows(torch, rows, part, settings.steps))[0][:, -1]
            for part in np.array_split(judged.ends, -(-len(judged) // 512))
        ]
        result: Array = torch.softmax(fitted.output(torch.cat(states)), dim=1).numpy().astype(np.float64)
    return result


def _packed(torch: Any, fitted: _Fitted, prices: HourlyPrices, settings: TrainingSettings, scores: Scores) -> bytes:
    parts = {"lstm": fitted.lstm, "output": fitted.output}
    arrays = {
        f"{part}.{name}": value.detach().numpy().astype(np.float64)
        for part, module in parts.items()
        for name, value in module.named_parameters()
    }
    arrays |= {"normalisation.mean": fitted.mean, "normalisation.deviation": fitted.deviation}
    about = {"steps": settings.steps, "hidden": settings.hidden, "features": NAMES}
    history = _history(torch, prices, settings, scores)
    texts = {"format": FORMAT, "model": _text(about), "training": _text(history)}
    return write(arrays, texts)


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _history(torch: Any, prices: HourlyPrices, settings: TrainingSettings, scores: Scores) -> dict[str, Any]:
    """What the model was trained on, and what may be expected of it: all that the file says of itself."""
    return {
        "data": prices.name,
        "data_sha256": prices.sha256,
        "from": _date(prices.hours[0]),
        "until": _date(prices.hours[-1]),
        "hours": len(prices.hours),
        "label": f"log return over {settings.horizon_hours} h beyond {settings.threshold:g} standard deviations",
        "embargo_hours": settings.horizon_hours,
        "warmup_hours": WARMUP_HOURS,
        "normalisation": "mean and standard deviation of the training window",
        "settings": asdict(settings),
        "versions": {"range-keeper": __version__, "torch": str(torch.__version__), "numpy": np.__version__},
        "out_of_sample": scores.rounded(),
    }


def _date(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
