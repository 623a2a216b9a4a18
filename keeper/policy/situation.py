"""Where the strategy stands: which positions are its own, and whether the price has left their trigger."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.memory import HeldRange, Memory
from keeper.model.observation import Observation, Position
from keeper.policy.settings import StrategySettings

# A swap this recent was made for the mint that is being planned now.
SAME_TRANSITION_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Situation:
    """Own positions with what is remembered of them, and those that nobody has explained."""

    observation: Observation
    memory: Memory
    positions: tuple[Position, ...]
    held: tuple[HeldRange, ...]
    unknown: tuple[Position, ...]

    @property
    def outside_trigger(self) -> bool:
        """The price has left the trigger of any range held (that of an adopted one is its own edges)."""
        tick = self.observation.pool.tick
        return any(not held.trigger_lower_tick <= tick < held.trigger_upper_tick for held in self.held)

    def opened_before(self, timestamp: int | None) -> bool:
        """Whether any range held was opened before that moment (None: no moment). When an adopted one was opened is not
        known: it stays until its trigger."""
        return timestamp is not None and any(0 < held.opened_timestamp < timestamp for held in self.held)

    @property
    def is_half_moved(self) -> bool:
        """The ranges are left, a moment ago, and those that were to follow are not there yet."""
        recent, now = self.memory.recent, self.observation.block.timestamp
        in_transition = self.memory.in_transition and not self.positions and bool(recent)
        return in_transition and now - recent[-1].timestamp < SAME_TRANSITION_SECONDS

    @property
    def swaps_just_made(self) -> int:
        """How many swaps, made a moment ago, were the last acts of all."""
        count, now = 0, self.observation.block.timestamp
        for act in reversed(self.memory.recent):
            if act.act != "swap" or now - act.timestamp >= SAME_TRANSITION_SECONDS:
                break
            count += 1
        return count


def situate(settings: StrategySettings, observation: Observation, memory: Memory) -> Situation:
    """Positions on the chain held against the journal's. The chain says what exists, the journal whose it is."""
    remembered = {held.token_id: held for held in memory.held}
    unknown = tuple(p for p in observation.positions if p.token_id not in remembered)
    own = tuple(p for p in observation.positions if p.token_id in remembered)
    held = tuple(remembered[p.token_id] for p in own)
    if settings.limits.on_unknown_position == "adopt":
        own, held, unknown = own + unknown, held + tuple(_adopt(p) for p in unknown), ()
    return Situation(observation, memory, own, held, unknown)


def _adopt(position: Position) -> HeldRange:
    return HeldRange(
        position.token_id,
        position.lower_tick,
        position.upper_tick,
        position.lower_tick,
        position.upper_tick,
        1_000_000,
        0,
    )
