"""The whole local chain in one `with`: node, contracts, pool, market, warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy
from keeper.chainlab.market import Market, MarketSettings
from keeper.chainlab.paths import PricePath
from keeper.errors import ConfigError

SETTING_UP_SECONDS = 3600
_MOST_SLOTS = 65_535
_SPARE_SLOTS = 64


@dataclass(frozen=True, slots=True)
class LabSettings:
    """What to build around a price path.

    The market runs ``warmup_days`` of the path before :func:`open_lab` returns, and the pool's oracle keeps at least
    that many days: ``observe()`` answers for them at once and stays able to.
    """

    warmup_days: float = 7.0
    fee_pips: int = 500
    base_is_token0: bool = True
    market: MarketSettings = field(default_factory=MarketSettings)
    port: int | None = None
    history_states: int | None = 256


@dataclass(frozen=True, slots=True)
class Lab:
    """A running local chain."""

    anvil: Anvil
    deployment: Deployment
    market: Market


@contextmanager
def open_lab(path: PricePath, settings: LabSettings | None = None) -> Iterator[Lab]:
    """Starts everything and stops it at the end.

    Raises:
        ConfigError: something is not installed, the port is in use, or the path is shorter than the warm-up.
        TransientError: anvil did not start.
    """
    chosen = settings or LabSettings()
    warm_seconds = path.start_seconds + round(chosen.warmup_days * 86_400)
    if warm_seconds >= path.end_seconds:
        raise ConfigError(f"the price path ends within the {chosen.warmup_days:g} days of warm-up; give a longer one")
    # A keeper's own blocks take observation slots too, at most a few a day beside the grid's.
    slots = math.ceil(chosen.warmup_days * 24 * chosen.market.blocks_per_hour * 1.1) + _SPARE_SLOTS
    pool = PoolSpec(
        Fraction(str(path.prices[0])),
        fee_pips=chosen.fee_pips,
        base_is_token0=chosen.base_is_token0,
        observation_slots=min(slots, _MOST_SLOTS),
    )
    options = AnvilOptions(
        genesis_seconds=path.start_seconds - SETTING_UP_SECONDS, history_states=chosen.history_states
    )
    with Anvil(options, port=chosen.port) as anvil:
        deployment = deploy(anvil.rpc, pool)
        market = Market(anvil, deployment, path, chosen.market)
        market.advance_to(warm_seconds)
        yield Lab(anvil, deployment, market)
