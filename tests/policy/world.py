"""A consistent made-up pool for policy tests: exact mathematics, both token orders, any decimals."""

from __future__ import annotations

import math
from dataclasses import replace

from keeper.model import canonical
from keeper.model.decision import Forecast, Ladder, Regime, TargetRange
from keeper.model.memory import HeldRange, Memory, RegimeLabel
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
from keeper.model.price import Price, Token
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.scene import Carry, Scene, Stance
from keeper.policy.settings import StrategySettings

ADDRESS_0, ADDRESS_1 = "0x" + "11" * 20, "0x" + "22" * 20
OWNER = "0x" + "33" * 20
NOW = 1_800_000_000
NATIVE = Token("0x" + "00" * 20, "ETH", 18)
HOUR = 3_600


def settings(**changes: object) -> StrategySettings:
    raw: dict[str, object] = {
        "name": "test",
        "chain": "local",
        "pool": "0x" + "44" * 20,
        "quote": "token0",
        "capital": {"max_quote": "1000000000"},
        "range": {"kind": "sigma"},
    }
    return StrategySettings.model_validate(raw | changes)


def memory(*held: HeldRange, **changes: object) -> Memory:
    empty = Memory("test", "running", "", held, False, (), None, None)
    return replace(empty, **changes)  # type: ignore[arg-type]


def held(position: Position, lower_trigger: int | None = None, upper_trigger: int | None = None) -> HeldRange:
    return HeldRange(
        position.token_id,
        position.lower_tick,
        position.upper_tick,
        position.lower_tick if lower_trigger is None else lower_trigger,
        position.upper_tick if upper_trigger is None else upper_trigger,
        1_000_000,
        NOW - 10 * HOUR,
    )


def history(sigma_annual: float = 0.6, hours: int = 72, phi_annual: float = 0.3, tick: int = 0) -> History:
    """Alternating hourly returns of exactly the asked volatility, and fee growth of exactly the asked intensity."""
    step = sigma_annual / math.sqrt(365 * 24)
    root = sqrt_price_at_tick(tick)
    growth = round(phi_annual / (365 * 24) / 2 * 2**128)
    samples = []
    for index in range(hours + 1):
        moved = math.exp((index % 2) * step / 2)
        shift = 1_000_000_000
        at = root * round(moved * shift) // shift
        ratio = at / 2**96
        samples.append(
            Sample(NOW - (hours - index) * HOUR, at, round(index * growth / ratio), round(index * growth * ratio))
        )
    return History(canonical.digest(tuple(samples)), HOUR, tuple(samples))


def observation(
    *,
    quote_is_token0: bool = True,
    decimals: tuple[int, int] = (6, 18),
    tick: int = 200_000,
    spacing: int = 60,
    fee_pips: int = 3_000,
    pool_liquidity: int = 10**18,
    balances: tuple[int, int] = (0, 0),
    positions: tuple[Position, ...] = (),
    twap_tick: int | None = None,
    past: History | None = None,
    base_fee_wei: int = 10**9,
    allowances: tuple[Allowance, ...] = (),
) -> Observation:
    """Others' liquidity lies flat over ±20,000 ticks; the given positions are added to it."""
    token0, token1 = Token(ADDRESS_0, "AAA", decimals[0]), Token(ADDRESS_1, "BBB", decimals[1])
    base = tick // spacing * spacing
    low, high = base - 20_000 // spacing * spacing, base + 20_000 // spacing * spacing
    nets: dict[int, list[int]] = {low: [pool_liquidity, pool_liquidity], high: [pool_liquidity, -pool_liquidity]}
    active = pool_liquidity
    for position in positions:
        for edge, sign in ((position.lower_tick, 1), (position.upper_tick, -1)):
            entry = nets.setdefault(edge, [0, 0])
            entry[0] += position.liquidity
            entry[1] += sign * position.liquidity
        if position.lower_tick <= tick < position.upper_tick:
            active += position.liquidity
    quote, other = (token0, token1) if quote_is_token0 else (token1, token0)
    # The token that is not the quote is the wrapped native coin: its price is the pool's.
    pool_price = Price.from_sqrt_price_x96(sqrt_price_at_tick(tick), token0, token1)
    oriented = pool_price if pool_price.base == other else pool_price.invert()
    scale = 10**18
    native = Price(NATIVE, quote, oriented.numerator * 10**other.decimals, oriented.denominator * scale)
    return Observation(
        block=Block(31337, 100, "0x" + "ab" * 32, NOW, base_fee_wei),
        pool=PoolState(
            address="0x" + "44" * 20,
            token0=token0,
            token1=token1,
            fee_pips=fee_pips,
            tick_spacing=spacing,
            sqrt_price_x96=sqrt_price_at_tick(tick),
            tick=tick,
            liquidity=active,
            fee_growth_global_0_x128=0,
            fee_growth_global_1_x128=0,
            fee_protocol=0,
            observation_cardinality=100,
            ticks=tuple(TickState(t, gross, net, 0, 0) for t, (gross, net) in sorted(nets.items())),
            known_lower_tick=low,
            known_upper_tick=high,
        ),
        quote_is_token0=quote_is_token0,
        twaps=tuple(Twap(seconds, tick if twap_tick is None else twap_tick) for seconds in (600, 1_800)),
        positions=positions,
        wallet=Wallet(OWNER, *balances, 10**19, allowances),
        gas=GasState(base_fee_wei, 10**8, native),
        history=history(tick=tick) if past is None else past,
    )


def forecast(sigma_annual: float = 0.6) -> Forecast:
    return Forecast("ewma", sigma_annual, 0.02, 86_400, 100, None)


NEUTRAL = Regime("neutral", "neutral", 0.0, 0.0, 1.0, 0)


def regime(label: RegimeLabel, positive: float = 0.0, negative: float = 0.0) -> Regime:
    return Regime("test", label, positive, negative, 1.0 - positive - negative, 0)


def carry(sigma_annual: float = 0.6, phi_annual: float = 0.3, haircut: float = 1.0) -> Carry:
    net = phi_annual - sigma_annual**2 / 4
    return Carry(sigma_annual, phi_annual, 0.0, net, 0.0, 1.0, haircut * net, 0.001, 720.0, 30)


def scene(obs: Observation, sigma_annual: float = 0.6, **changes: object) -> Scene:
    """What a rule is asked about: fees well above the loss to arbitrage, small capital, no direction."""
    whole = Scene(
        observation=obs,
        forecast=forecast(sigma_annual),
        regime=NEUTRAL,
        stance=Stance("neutral", 0.0, "neutral"),
        carry=carry(sigma_annual),
        capital_quote=10**11,
        gas_fraction=0.0002,
        swap_cost=0.003,
        dilution=1e-5,
        held=(),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def ladder(tick: int, half_width: int = 1_200, spacing: int = 60) -> Ladder:
    centre = tick // spacing * spacing
    lower, upper = centre - half_width, centre + half_width
    return Ladder("fixed", (TargetRange(lower, upper, 1_000_000),), lower, upper, "test")


def kinds(steps: tuple[object, ...]) -> list[str]:
    """The kind of each step."""
    return [step.kind for step in steps]  # type: ignore[attr-defined]
