"""What the daemon runs: the shapes of a strategy that takes turns, and of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from keeper.config_reload import Reload
from keeper.model.memory import StrategyState
from keeper.model.outcome import Outcome


class Timing(Protocol):
    """When to look; ``keeper.policy.settings.Schedule`` is one."""

    @property
    def every_seconds(self) -> int: ...


class Runner(Protocol):
    """One strategy, ready to take its turns."""

    @property
    def schedule(self) -> Timing: ...

    def state(self) -> StrategyState:
        """The durable state, as the journal has it now: commands of other processes arrive this way."""

    def run_once(self) -> Outcome:
        """One cycle."""

    def price_moved(self) -> bool:
        """Whether the price is further than the trigger from where the last cycle saw it. Cheap: one slot0."""

    def halt(self, reason: str) -> None:
        """Durably: nothing more is done for this strategy until an operator resumes it."""


class Fleet(Protocol):
    """Every strategy in force, and what they share; ``keeper.assembly_fleet.open_fleet`` makes one."""

    @property
    def runners(self) -> Mapping[str, Runner]: ...

    def rebuild(self, reload: Reload) -> Mapping[str, Runner]:
        """Runners for the strategies of ``reload``; those that did not change may stay what they were."""

    def alert(self, kind: str, strategy: str | None, sentence: str) -> None:
        """Tell an operator, and keep it in the journal. Must not raise."""
