"""What the charts draw: prices, the ranges that were held and whether the price was in them, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keeper.model.memory import HeldRange
from keeper.model.observation import Observation
from keeper.model.ticks import sqrt_price_at_tick
from keeper.report import display
from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.charts import Band
from keeper.report.run import Run

State = Literal["inside", "outside", "idle"]

# More points than a screen has pixels only make the page heavy.
MOST_POINTS = 1_000
STATE_WORDS: dict[State, str] = {"inside": "in range", "outside": "out of range", "idle": "no position"}


@dataclass(frozen=True, slots=True)
class Timeline:
    """One entry for each observation that is drawn; the accounts in it rest on all of them."""

    times: tuple[int, ...]
    prices: tuple[float, ...]
    states: tuple[State, ...]
    accounts: tuple[ProfitAndLoss, ...]
    bands: tuple[Band, ...]


def timeline(run: Run) -> Timeline:
    """Thinned evenly to at most ``MOST_POINTS`` observations; the first and the last always stay."""
    observations, accounts = run.observations, profit_and_loss(run)
    kept = _kept(len(observations))
    drawn = [observations[index] for index in kept]
    return Timeline(
        times=tuple(each.block.timestamp for each in drawn),
        prices=tuple(price_at(each, each.pool.sqrt_price_x96) for each in drawn),
        states=tuple(state_of(each) for each in drawn),
        accounts=tuple(accounts[index] for index in kept),
        bands=bands(run),
    )


def state_of(observation: Observation) -> State:
    if not observation.positions:
        return "idle"
    tick = observation.pool.tick
    return "inside" if any(p.lower_tick <= tick < p.upper_tick for p in observation.positions) else "outside"


def price_at(observation: Observation, sqrt_price_x96: int) -> float:
    return display.pool_price(observation.pool, sqrt_price_x96, observation.quote_is_token0)


def bands(run: Run) -> tuple[Band, ...]:
    """Every position from its mint to its last withdrawal, with the trigger that was remembered for it."""
    held = {each.token_id: each for decision in run.decisions for each in decision.memory.held}
    minted, withdrawn = _moments(run)
    spans: dict[int, list[int]] = {}
    observations = run.observations
    for index, observation in enumerate(observations):
        following = observations[min(index + 1, len(observations) - 1)].block.timestamp
        for position in observation.positions:
            spans.setdefault(position.token_id, [observation.block.timestamp, 0, index])[1] = following
    result = []
    for token_id, (begin, end, index) in spans.items():
        observation = observations[index]
        position = next(p for p in observation.positions if p.token_id == token_id)
        is_open = any(p.token_id == token_id for p in observations[-1].positions)
        lower, upper = _prices(observation, position.lower_tick, position.upper_tick)
        triggers = _trigger_prices(observation, held.get(token_id))
        # The chain's own moments, where the ledger knows them; else when it was first and last seen.
        start = minted.get(token_id, begin)
        stop = end if is_open else withdrawn.get(token_id, end)
        result.append(Band(start, stop, lower, upper, *triggers))
    return tuple(result)


def _moments(run: Run) -> tuple[dict[int, int], dict[int, int]]:
    """First mint and last withdrawal of each position."""
    minted: dict[int, int] = {}
    withdrawn: dict[int, int] = {}
    for entry in run.entries:
        if entry.token_id is None:
            continue
        if entry.kind == "mint":
            minted[entry.token_id] = min(entry.timestamp, minted.get(entry.token_id, entry.timestamp))
        elif entry.kind == "decrease":
            withdrawn[entry.token_id] = max(entry.timestamp, withdrawn.get(entry.token_id, entry.timestamp))
    return minted, withdrawn


def _trigger_prices(observation: Observation, held: HeldRange | None) -> tuple[float | None, float | None]:
    if held is None:
        return None, None
    return _prices(observation, held.trigger_lower_tick, held.trigger_upper_tick)


def _prices(observation: Observation, lower_tick: int, upper_tick: int) -> tuple[float, float]:
    """In the quote token, the lower first: with the quote as token0 the lower tick is the higher price."""
    at = [price_at(observation, sqrt_price_at_tick(tick)) for tick in (lower_tick, upper_tick)]
    return min(at), max(at)


def _kept(total: int) -> Sequence[int]:
    if total <= MOST_POINTS:
        return range(total)
    return [index * (total - 1) // (MOST_POINTS - 1) for index in range(MOST_POINTS)]
