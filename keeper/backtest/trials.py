"""What a search asks of a worker, what comes back, and the log that keeps every trial."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from keeper.errors import ConfigError

Purpose = Literal["train", "test", "baseline_train", "baseline_test"]


@dataclass(frozen=True, slots=True)
class Score:
    """What one run was worth. ``objective``: None where the run gave none (``failure`` says why); ``daily``: the daily
    returns that it rests on, ``figures`` the metrics by name."""

    objective: float | None
    daily: tuple[float, ...] = ()
    figures: Mapping[str, float | int | None] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of values on one window; ``number`` is that of the search, counted over all workers."""

    number: int
    fold: int
    purpose: Purpose
    values: Mapping[str, float | int]
    from_timestamp: int
    to_timestamp: int
    score: Score
    seconds: float


class TrialLog:
    """``trials.jsonl``: one line for each run, written before anything is concluded from it, never rewritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, trial: Trial) -> None:
        """ConfigError where the line cannot be written."""
        line = json.dumps(asdict(trial), ensure_ascii=False, sort_keys=True, allow_nan=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"the log of trials cannot be written ({error.strerror})", path=str(self.path)) from error


def read_trials(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that was cut off by a crash is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found
