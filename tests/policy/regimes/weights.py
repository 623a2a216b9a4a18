"""A model's file, byte by byte, without PyTorch and without the safetensors library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keeper.policy.learning.lstm import CLASSES, FORMAT
from keeper.policy.signals.features import NAMES

Array = NDArray[np.float64]


def pack(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Length, header, data: the whole of the safetensors format."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    data = b""
    for name, array in arrays.items():
        raw = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def arrays(hidden: int = 3, seed: int = 4, scale: float = 0.6) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    shapes = {
        "lstm.weight_ih_l0": (4 * hidden, len(NAMES)),
        "lstm.weight_hh_l0": (4 * hidden, hidden),
        "lstm.bias_ih_l0": (4 * hidden,),
        "lstm.bias_hh_l0": (4 * hidden,),
        "output.weight": (len(CLASSES), hidden),
        "output.bias": (len(CLASSES),),
        "normalisation.mean": (len(NAMES),),
    }
    found = {name: random.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    found["normalisation.deviation"] = np.full(len(NAMES), 1.5, dtype=np.float32)
    return {name: array.astype(np.float64) for name, array in found.items()}


def metadata(hidden: int = 3, steps: int = 6, **changes: str) -> dict[str, str]:
    about = {"steps": steps, "hidden": hidden, "features": list(NAMES)}
    training = {"data": "made-up.csv", "until": "2024-01-31", "out_of_sample": {"accuracy": 0.41}}
    return {"format": FORMAT, "model": json.dumps(about), "training": json.dumps(training), **changes}


def weights(hidden: int = 3, steps: int = 6, seed: int = 4, scale: float = 0.6) -> bytes:
    """A small untrained model, the same for the same seed."""
    return pack(arrays(hidden, seed, scale), metadata(hidden, steps))


def opinionated(score: float) -> bytes:
    """A model that says the same whatever it sees: positive above zero, negative below."""
    silent = {name: np.zeros_like(array) for name, array in arrays().items()}
    silent["normalisation.deviation"] += 1
    silent["output.bias"] = np.array([-score, 0.0, score])
    return pack(silent, metadata())
