"""Decisions for tests of the journal: realistic in shape and size."""

from __future__ import annotations

from dataclasses import replace

from keeper.model import canonical
from keeper.model.decision import Decision, Figure, Forecast, Ladder, Objection, Regime, TargetRange, Verdict
from keeper.model.memory import Memory
from keeper.model.observation import (
    Allowance,
    Block,
    GasState,
    History,
    Observation,
    PoolState,
    Position,
    Sample,
    TickState,
    Twap,
    Wallet,
)
from keeper.model.plan import Action, Cost, Plan, Step
from keeper.model.price import Price, Token

OWNER = "0x" + "Aa" * 20
POOL = "0x" + "5b" * 20
USDC = Token("0x" + "11" * 20, "USDC", 6)
WETH = Token("0x" + "22" * 20, "WETH", 18)
START = 1_700_000_000
COST = Cost(gas_units=400_000, gas_quote=1_200_000, swap_fee_quote=700, price_impact_quote=300)
PRICE = Price.from_decimal(WETH, USDC, "2000")


def sample(index: int, seconds: int = 300) -> Sample:
    """A sample with values of the size that mainnet has."""
    return Sample(START + index * seconds, 1_771_595_571_142_957_166_518_320_255_467_520 + index * 7**30,
                  3_000_000_000_000_000_000_000_000_000_000_000 + index * 7**33,
                  1_300_000_000_000_000_000_000_000_000_000_000_000_000_000 + index * 7**45)  # fmt: skip


def history(first: int, count: int, seconds: int = 300) -> History:
    samples = tuple(sample(index, seconds) for index in range(first, first + count))
    return History(canonical.digest(samples), seconds, samples)


def observation(
    number: int, *, samples: int = 100, ticks: int = 20, positions: tuple[Position, ...] = (), chain_id: int = 31337
) -> Observation:
    block = Block(chain_id, number, f"0x{number:064x}", START + 300 * number, 10**9)
    states = tuple(
        TickState(200_000 + 60 * i, 10**18 + i, -(10**17) * i, 7**40 + i * 7**38, 7**41 + i * 7**39)
        for i in range(ticks)
    )
    pool = PoolState(POOL, USDC, WETH, 500, 10, sample(number).sqrt_price_x96, 200_311, 10**20, 7**44, 7**45, 0, 300,
                     states, 199_000, 203_000)  # fmt: skip
    wallet = Wallet(OWNER, 5_000_000_000, 3 * 10**18, 10**19, (Allowance(USDC.address, "positions", 0),))
    gas = GasState(10**9, 10**8, PRICE)
    return Observation(block, pool, True, (Twap(600, 200_300),), positions, wallet, gas, history(number, samples))


def decision(
    number: int,
    *,
    action: Action = "hold",
    steps: tuple[Step, ...] = (),
    memory: Memory | None = None,
    strategy: str = "eth-usdc",
    seen: Observation | None = None,
) -> Decision:
    """A decision at block ``number``; without steps it holds, with an objection."""
    seen = observation(number) if seen is None else seen
    objections = () if steps else (Objection("not_worth_it", "costs 12, earns 3", (Figure("cost_quote", 12),)),)
    target = Ladder("sigma", (TargetRange(199_500, 201_000, 1_000_000),), 199_600, 200_900, "two sigma",
                    (Figure("sigma_annual", 0.61),))  # fmt: skip
    return Decision(
        strategy=strategy,
        settings_digest="5" * 64,
        observation=seen,
        memory=memory or Memory(strategy, "running", "", (), False, (), None, None),
        forecast=Forecast("ewma", 0.6123, 0.03, 86_400, len(seen.history.samples), None),
        regime=Regime("neutral", "neutral", 0.0, 0.0, 1.0, START),
        target=target,
        plan=Plan(action, steps, seen.block.timestamp + 600, 10**10, 0, COST),
        verdict=Verdict(action, "all is well", objections),
    )


def at_block(made: Decision, number: int) -> Decision:
    """The same decision for another block."""
    block = replace(made.observation.block, number=number, hash=f"0x{number:064x}")
    return replace(made, observation=replace(made.observation, block=block))
