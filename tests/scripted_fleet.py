"""A fleet without a world: runners whose cycles end as told, and what the daemon said to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keeper.config_reload import Reload
from keeper.daemon import Runner
from keeper.errors import TransientError
from keeper.model.ledger import Effects
from keeper.model.memory import OpenSubmission, StrategyState
from keeper.model.outcome import Done, Held, Outcome

SUBMISSION = OpenSubmission(1, 1, "a", 0)
DONE = Done(SUBMISSION, Effects((), (), ()))
HELD = Held(())


@dataclass(slots=True)
class Every:
    every_seconds: float = 3_600


@dataclass(slots=True)
class Scripted:
    """A runner whose cycles end as told; after the last word it holds."""

    ends: list[Outcome | Exception] = field(default_factory=list)
    schedule: Every = field(default_factory=Every)
    moved: bool = False
    durable: StrategyState = "running"
    turns: int = 0
    halts: list[str] = field(default_factory=list)
    refuse_to_record: int = 0
    on_turn: Callable[[], Any] = lambda: None

    def state(self) -> StrategyState:
        return self.durable

    def run_once(self) -> Outcome:
        self.turns += 1
        self.on_turn()
        end = self.ends.pop(0) if self.ends else HELD
        if isinstance(end, Exception):
            raise end
        return end

    def price_moved(self) -> bool:
        moved, self.moved = self.moved, False
        return moved

    def halt(self, reason: str) -> None:
        if self.refuse_to_record > 0:
            self.refuse_to_record -= 1
            raise OSError("disk full")
        self.halts.append(reason)
        self.durable = "halted"


@dataclass(slots=True)
class Told:
    """A fleet of scripted runners that keeps what it was told."""

    runners: dict[str, Runner]
    alerts: list[tuple[str, str | None, str]] = field(default_factory=list)
    rebuilt: dict[str, Runner] = field(default_factory=dict)
    out_of_reach: int = 0

    def rebuild(self, reload: Reload) -> Mapping[str, Runner]:  # noqa: ARG002
        if self.out_of_reach > 0:
            self.out_of_reach -= 1
            raise TransientError("no answer")
        return self.rebuilt

    def alert(self, kind: str, strategy: str | None, sentence: str) -> None:
        self.alerts.append((kind, strategy, sentence))
