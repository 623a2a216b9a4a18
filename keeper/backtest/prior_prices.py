"""Prices of the time before a tape begins: hourly samples from a price file, for forecasts that need a past."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from keeper.errors import ConfigError
from keeper.model.observation import Sample
from keeper.model.price import Price
from keeper.world.history import HOUR_SECONDS, hour_at_or_after
from keeper.world.price_rows import price_rows
from keeper.world.v3.identity import PoolIdentity


def prior_samples(path: Path, pool: PoolIdentity, quote_is_token0: bool, before_timestamp: int) -> tuple[Sample, ...]:
    """The last close of each hour up to ``before_timestamp``. Fees are not known of that time.

    A row's stamp is when its bar opens, as in files of exchanges, so that its close is known a step later.

    Raises:
        ConfigError: the file cannot be used, or ends long before.
    """
    rows = [(seconds, close) for _, seconds, close in price_rows(path)]
    gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(rows))
    if not gaps:
        raise ConfigError("it has fewer than two rows", path=str(path))
    step = gaps[len(gaps) // 2]
    base, quote = (pool.token1, pool.token0) if quote_is_token0 else (pool.token0, pool.token1)
    by_hour: dict[int, Sample] = {}
    for seconds, close in rows:
        known_at = seconds + step
        if known_at > before_timestamp:
            break
        root = Price.from_decimal(base, quote, Decimal(repr(close))).to_sqrt_price_x96()
        by_hour[hour_at_or_after(known_at)] = Sample(known_at, root, None, None)
    if not by_hour or max(by_hour) < before_timestamp - 24 * HOUR_SECONDS:
        raise ConfigError("its prices do not reach to where the tape begins", path=str(path))
    return tuple(by_hour.values())
