"""What a backtest is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from keeper.assembly_paper import StartMix
from keeper.model.observation import Account
from keeper.policy.settings import StrategySettings
from keeper.policy.strategy import Detector
from keeper.world.tape.tape import TapePool


@dataclass(frozen=True, slots=True)
class BacktestSettings:
    """One strategy on one tape. Times are UNIX seconds; None: the tape's own ends.

    ``pool``: what is known of the tape's pool beside its files. ``every_seconds``: in place of the schedule's.
    ``gas``: a file, or one price in gwei; ``native_price``: a file, or whole quote tokens for one native coin; None:
    see ``gas_series`` and ``PaperTerms``. ``prior``: a file of prices for the time before the tape.
    ``fee_protocol``: what the protocol takes of each fee, slot0's packed figure, where the tape does not tell it.
    ``capital_quote``: what the wallet starts with, whole quote tokens (None: ``capital.max_quote``).
    ``known_until``: nothing of the tape after it exists, as if it had been recorded up to then.
    ``journal``: where to keep the record; None: it is thrown away.
    ``detector``: in place of the strategy's own, for studies (its journal cannot be replayed by the settings alone).
    """

    strategy: StrategySettings
    data: Path
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    pool: TapePool = field(default_factory=TapePool)
    from_timestamp: int | None = None
    to_timestamp: int | None = None
    known_until: int | None = None
    every_seconds: int | None = None
    latency_blocks: int = 0
    account: Account = "key"
    gas: Path | Decimal | None = None
    native_price: Path | Decimal | None = None
    prior: Path | None = None
    fee_protocol: int | None = None
    capital_quote: Decimal | None = None
    start_mix: StartMix = "half"
    journal: Path | None = None
    detector: Detector | None = None
