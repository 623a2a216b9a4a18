"""A trained LSTM classifier, from its file to probabilities, with numpy alone.

One layer (Hochreiter & Schmidhuber, 1997; gates in PyTorch's order i, f, g, o), and a linear layer on its last state:

    i, f, o = sigmoid(W·x + b + U·h + c),  g = tanh(…),  c' = f·c + i·g,  h' = o·tanh(c')
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.policy.learning.tensors import Tensors, read
from keeper.policy.signals.features import NAMES, WARMUP_HOURS, feature_rows

Array = NDArray[np.float64]

FORMAT = "range-keeper regime lstm 1"
# The order of the outputs.
CLASSES = ("negative", "neutral", "positive")
MOST_HIDDEN, MOST_STEPS = 512, 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The weights, how inputs are normalised (on the training window alone), and what it says of itself."""

    steps: int
    hidden: int
    mean: Array
    deviation: Array
    input_weights: Array
    hidden_weights: Array
    bias: Array
    output_weights: Array
    output_bias: Array
    trained_on: dict[str, object]

    @property
    def hours_needed(self) -> int:
        """Hourly closes needed for the newest answer."""
        return WARMUP_HOURS + self.steps


def load(body: bytes) -> Model:
    """The model in a safetensors file that ``keeper train`` wrote. ValueError in one sentence where it is not one."""
    tensors = read(body)
    if tensors.metadata.get("format") != FORMAT:
        raise ValueError(f"it is not a model of this version (its metadata lack format {FORMAT!r})")
    try:
        about = json.loads(tensors.metadata["model"])
        steps, hidden, names = int(about["steps"]), int(about["hidden"]), tuple(about["features"])
        trained_on = dict(json.loads(tensors.metadata["training"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("its metadata do not describe the model") from error
    if names != NAMES:
        raise ValueError("it was trained on other features than this version computes")
    if not (1 <= hidden <= MOST_HIDDEN and 1 <= steps <= MOST_STEPS):
        raise ValueError(f"its size ({hidden} units, {steps} steps) is out of bounds")
    return _assembled(tensors, steps, hidden, trained_on)


def _assembled(tensors: Tensors, steps: int, hidden: int, trained_on: dict[str, object]) -> Model:
    inputs, outputs = len(NAMES), len(CLASSES)
    deviation = tensors.array("normalisation.deviation", (inputs,))
    if not (deviation > 0).all():
        raise ValueError("a feature's standard deviation is not positive")
    return Model(
        steps=steps,
        hidden=hidden,
        mean=tensors.array("normalisation.mean", (inputs,)),
        deviation=deviation,
        input_weights=tensors.array("lstm.weight_ih_l0", (4 * hidden, inputs)),
        hidden_weights=tensors.array("lstm.weight_hh_l0", (4 * hidden, hidden)),
        bias=tensors.array("lstm.bias_ih_l0", (4 * hidden,)) + tensors.array("lstm.bias_hh_l0", (4 * hidden,)),
        output_weights=tensors.array("output.weight", (outputs, hidden)),
        output_bias=tensors.array("output.bias", (outputs,)),
        trained_on=trained_on,
    )


def classify(model: Model, close: Sequence[float], newest: int) -> Array:
    """Probabilities of ``CLASSES`` at the ``newest`` hours, oldest first; one row each.

    ValueError where there are fewer than ``hours_needed + newest − 1`` closes.
    """
    needed = model.hours_needed + newest - 1
    if len(close) < needed:
        raise ValueError(f"{len(close)} hours of prices without a hole, {needed} needed by the model")
    rows = (feature_rows(close[-needed:]) - model.mean) / model.deviation
    return np.stack([forward(model, rows[end : end + model.steps]) for end in range(newest)])


def forward(model: Model, rows: Array) -> Array:
    """Probabilities of ``CLASSES`` after normalised rows of features, oldest first."""
    h = np.zeros(model.hidden)
    c = np.zeros(model.hidden)
    inputs = rows @ model.input_weights.T + model.bias
    for step in inputs:
        i, f, g, o = np.split(step + model.hidden_weights @ h, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
    scores = model.output_weights @ h + model.output_bias
    weights = np.exp(scores - scores.max())
    result: Array = weights / weights.sum()
    return result


def _sigmoid(x: Array) -> Array:
    # tanh neither overflows nor warns, which 1/(1 + exp(−x)) does.
    result: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return result
