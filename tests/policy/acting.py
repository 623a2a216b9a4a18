"""A bare owner with a strategy: it decides as the keeper would and acts on the real contracts by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keeper.assembly import build_strategy
from keeper.chainlab.bare_owners import BareOwner, Sent, bare_owner
from keeper.model.decision import Decision
from keeper.model.memory import HeldRange, Memory, StrategyState
from keeper.model.observation import Account, Observation
from keeper.model.plan import Mint, Step, singles
from keeper.policy.decide import decide
from keeper.policy.settings import StrategySettings
from keeper.policy.strategy import Strategy
from keeper.world.chain.node import HttpNode
from keeper.world.observer import ChainObserver
from keeper.world.venues.uniswap_v3 import build
from tests.policy.desk import CHAIN_ID, Warm, Whale
from tests.world.conftest import MemorySamples

_CAPITAL_AND_NO_WAITING: dict[str, Any] = {
    "name": "acting",
    "chain": "local",
    "capital": {"max_quote": "100000000"},
    "profit": {"horizon_days": 365, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2, "max_g_per_year": 100},
    "limits": {"cooldown_minutes": 0},
}


@dataclass
class Actor:
    """What it remembers between two decisions is the ranges it holds."""

    owner: BareOwner
    whale: Whale
    observer: ChainObserver
    strategy: Strategy
    held: tuple[HeldRange, ...] = ()

    def observe(self) -> Observation:
        return self.observer.observe()

    def decide(self, *, leaves: bool = False) -> Decision:
        """What the keeper would do now; ``leaves``: its operator has asked for the exit."""
        state: StrategyState = "exiting" if leaves else "running"
        memory = Memory(self.strategy.name, state, "", self.held, False, (), None, None)
        return decide(self.strategy, self.observe(), memory)

    def carry_out(self, *steps: Step) -> list[Sent]:
        """Each step in a transaction of its own; reverts are errors."""
        done = self.owner.carry_out(steps)
        for step in singles(steps):
            if isinstance(step, Mint):
                self._remember(step)
        return done

    def _remember(self, mint: Mint) -> None:
        bounds = mint.trigger_lower_tick, mint.trigger_upper_tick
        seen = self.observe()
        self.held = tuple(
            HeldRange(each.token_id, each.lower_tick, each.upper_tick, *bounds, 1_000_000, seen.block.timestamp)
            for each in seen.positions
        )

    def until_idle(self, *, leaves: bool = False) -> list[tuple[Decision, list[Sent]]]:
        """Decides and acts until there is nothing to do."""
        done = []
        while (decision := self.decide(leaves=leaves)).plan.steps and not decision.verdict.objections:
            done.append((decision, self.carry_out(*decision.plan.next_steps)))
        return done

    def earn(self) -> None:
        """Somebody trades to and fro through the range."""
        start = self.whale.tick
        for _ in range(6):
            self.whale.swap(start + 300)
            self.whale.swap(start - 300)
        self.whale.swap(start)
        self.whale.wait(1_000)

    def allowances(self) -> list[int]:
        return [each.amount for each in self.observe().wallet.allowances]


def actor(warm: Warm, account: Account, *, base: int, stable: int, **changes: Any) -> Actor:
    """A new owner that holds ``base`` and ``stable`` raw units. Changes are sections of the strategy."""
    deployment = warm.deployment
    node = HttpNode([warm.anvil.url], chain_id=CHAIN_ID)
    venue = build(node, warm.contracts, deployment.pool)
    amounts = (base, stable) if deployment.base_is_token0 else (stable, base)
    owner = bare_owner(warm.anvil, deployment, venue, account, *amounts)
    whale = Whale(warm, venue)
    whale.wait(1_900)  # the means of ten minutes and of half an hour are the price of now
    quote_is_token0 = deployment.quote == deployment.token0
    more = {"pool": deployment.pool, "quote": "token0" if quote_is_token0 else "token1"}
    strategy = build_strategy(StrategySettings.model_validate(_CAPITAL_AND_NO_WAITING | more | changes))
    samples = MemorySamples()
    for sample in warm.samples:
        samples.add(deployment.pool, CHAIN_ID, sample)
    observer = ChainObserver(
        node, venue, owner.address, samples, chain_id=CHAIN_ID, quote_is_token0=quote_is_token0, account=account,
        twap_windows_seconds=strategy.settings.limits.twap_windows_seconds,
    )  # fmt: skip
    return Actor(owner, whale, observer, strategy)
