"""Opening a backtest's past: tape, pool, market, prices of gas; and what of it does not fit the strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from keeper.assembly_paper import block_seconds, pool_address
from keeper.backtest.prior_prices import prior_samples
from keeper.backtest.settings import BacktestSettings
from keeper.errors import ConfigError
from keeper.policy.settings import PoolKey, StrategySettings
from keeper.world.tape.cut import cut_after
from keeper.world.tape.gas_series import GasSeries, Steps, constant_gas, default_gas, read_coin_prices, read_gas
from keeper.world.tape.market import TapeMarket
from keeper.world.tape.market_opening import open_market, protocol_fee
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import BarTape, Tape, TapePool
from keeper.world.v3.identity import PoolIdentity

_PROTOCOL_UNKNOWN: Final = (
    "the tape does not tell what the protocol takes of the fees: it is taken to be nothing; where it took a quarter, a "
    "third too much is earned here (--protocol-fee says it)"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything a run needs. Times are UNIX seconds: the first look and the last moment.

    ``strategy`` is as written, but for what a tape has nothing of; ``notes`` say what was left out of it.
    """

    tape: Tape
    market: TapeMarket
    strategy: StrategySettings
    gas: GasSeries
    native_price: Decimal | Steps | None
    first_timestamp: int
    last_timestamp: int
    every_seconds: int
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """``USDC/WETH 0.05 %``."""
        pool = self.market.identity
        return f"{pool.token0.symbol}/{pool.token1.symbol} {pool.fee_pips / 10_000:g} %"


def open_past(settings: BacktestSettings) -> Opened:
    """Open and check everything before the first cycle. ConfigError: one sentence on what does not fit."""
    strategy, notes = _without_oracle(settings.strategy)
    tape = open_tape(settings.data, pool=_hints(settings))
    if settings.known_until is not None:
        tape = cut_after(tape, settings.known_until)
    identity, chain_id = _identity(tape, strategy), tape.pool.chain_id
    every = settings.every_seconds or strategy.schedule.every_seconds
    if tape.kind == "bars":
        _require_coarser(tape, every, settings.data)
    is_token0 = strategy.quote == "token0"
    prior = (
        () if settings.prior is None else prior_samples(settings.prior, identity, is_token0, tape.span.from_timestamp)
    )
    told = protocol_fee(tape) if settings.fee_protocol is None else settings.fee_protocol
    if told is None:
        notes = (*notes, _PROTOCOL_UNKNOWN)
    blocks = block_seconds(chain_id)
    market = open_market(tape, identity, chain_id or 0, block_seconds=blocks, fee_protocol=told or 0, prior=prior)
    first, last = _times(settings, market, every)
    gas = _gas(settings, chain_id)
    gas.at(first)  # found now, not after minutes of work
    native = settings.native_price
    coin = read_coin_prices(native) if isinstance(native, Path) else native
    return Opened(tape, market, strategy, gas, coin, first, last, every, notes)


def _without_oracle(strategy: StrategySettings) -> tuple[StrategySettings, tuple[str, ...]]:
    """A tape holds no price feed outside the pool: a guard that waits for one would never let anything pass."""
    if strategy.oracle is None:
        return strategy, ()
    note = "the strategy's price oracle is left out: a tape has no prices from outside the pool"
    return strategy.model_copy(update={"oracle": None}), (note,)


def _hints(settings: BacktestSettings) -> TapePool:
    """What the strategy says of its pool, for files that do not."""
    pool, known = settings.strategy.pool, settings.pool
    if isinstance(pool, PoolKey):
        address = known.address or pool_address(known.chain_id, pool)
        return replace(known, address=address, fee_pips=known.fee_pips or pool.fee)
    return replace(known, address=known.address or pool)


def _identity(tape: Tape, strategy: StrategySettings) -> PoolIdentity:
    """The tape's pool, which must be the strategy's."""
    found, wanted = tape.pool, strategy.pool
    if found.token0 is None or found.token1 is None or found.fee_pips is None or found.tick_spacing is None:
        raise ConfigError(
            "nobody says which tokens and fee its pool has (pools of the table of well-known ones are known by the "
            "strategy's `chain` and `pool`): write a tape that says it, `keeper import FILE --out DIR --token0 SYMBOL:"
            "DECIMALS --token1 SYMBOL:DECIMALS --fee PIPS`, and give that",
            path=str(tape.path),
        )
    tokens = found.token0, found.token1
    if isinstance(wanted, PoolKey):
        for name, asked, there in zip(("token0", "token1"), (wanted.token0, wanted.token1), tokens, strict=True):
            if int(asked, 16) != there.sort_key:
                raise ConfigError(
                    f"the tape is of another pool: its {name} is {there.symbol} ({there.address}), the strategy "
                    f"{strategy.name!r} names {asked}",
                    path=str(tape.path),
                )
        if wanted.fee != found.fee_pips:
            raise ConfigError(
                f"the tape is of a pool with fee {found.fee_pips}, the strategy {strategy.name!r} names {wanted.fee}",
                path=str(tape.path),
            )
    elif found.address is not None and int(found.address, 16) != int(wanted, 16):
        raise ConfigError(
            f"the tape is of pool {found.address}, the strategy {strategy.name!r} is for {wanted}: give the tape of "
            "its pool, or a strategy for this one",
            path=str(tape.path),
        )
    address = found.address or (wanted if isinstance(wanted, str) else "0x" + 40 * "0")
    return PoolIdentity(address, *tokens, found.fee_pips, found.tick_spacing)


def _require_coarser(tape: BarTape, every_seconds: int, path: Path) -> None:
    if every_seconds < tape.step_seconds:
        raise ConfigError(
            f"its bars are {tape.step_seconds} s long, and the strategy looks every {every_seconds} s: between two "
            f"bars there is nothing to see; give --every {tape.step_seconds} or more, or a tape of events",
            path=str(path),
        )


def _times(settings: BacktestSettings, market: TapeMarket, every: int) -> tuple[int, int]:
    """The first look, at a full step of the schedule, and the end."""
    begin, end = market.begin.timestamp, market.end.timestamp
    wanted = begin if settings.from_timestamp is None else max(begin, settings.from_timestamp)
    last = end if settings.to_timestamp is None else min(end, settings.to_timestamp)
    first = -(-wanted // every) * every
    if settings.known_until is not None:
        return first, max(first, last)  # of a pool that was still by then there may be little, which is no mistake
    if first + every > last:
        raise ConfigError(
            f"nothing of the tape is left to decide on: it reaches from {_when(begin)} to {_when(end)}, and the "
            f"strategy looks every {every} s; widen --from and --to",
            path=str(settings.data),
        )
    return first, last


def _gas(settings: BacktestSettings, chain_id: int | None) -> GasSeries:
    if settings.gas is None:
        return default_gas(chain_id)
    return read_gas(settings.gas) if isinstance(settings.gas, Path) else constant_gas(settings.gas)


def _when(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")
