"""What a decision may know: everything read at one block hash, and the price history by its digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from keeper.model.canonical import WHEN_SET
from keeper.model.price import Price, Token

Spender = Literal["router", "positions"]
Account = Literal["key", "multicall", "delegated", "safe"]


@dataclass(frozen=True, slots=True)
class Block:
    """The one block that an observation is read at. Its timestamp is the only clock a decision has."""

    chain_id: int
    number: int
    hash: str
    timestamp: int
    base_fee_wei: int


@dataclass(frozen=True, slots=True)
class TickState:
    """An initialized tick, as ``UniswapV3Pool.ticks`` gives it."""

    tick: int
    liquidity_gross: int
    liquidity_net: int
    fee_growth_outside_0_x128: int
    fee_growth_outside_1_x128: int


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool at a block. ``ticks`` are all initialized ticks in [known_lower_tick, known_upper_tick], ascending."""

    address: str
    token0: Token
    token1: Token
    fee_pips: int
    tick_spacing: int
    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_growth_global_0_x128: int
    fee_growth_global_1_x128: int
    fee_protocol: int
    observation_cardinality: int
    ticks: tuple[TickState, ...]
    known_lower_tick: int
    known_upper_tick: int


@dataclass(frozen=True, slots=True)
class Twap:
    """Time-weighted mean tick over the ``window_seconds`` before the block, rounded down as OracleLibrary does."""

    window_seconds: int
    mean_tick: int


@dataclass(frozen=True, slots=True)
class Position:
    """A position NFT of the owner in this pool. ``uncollected_*`` includes what is already owed, exact."""

    token_id: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    uncollected_0: int
    uncollected_1: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What ``spender`` may still take of ``token`` (an address) from the owner, raw units."""

    token: str
    spender: Spender
    amount: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """The owner's idle holdings: raw units of the pool's tokens, wei of the chain's native coin.

    ``account`` is what the owner can do in one transaction: one call (``key``), several of the position manager's
    (``multicall``), or any (``delegated``: a key whose account runs a batch contract by EIP-7702; ``safe``).
    """

    owner: str
    balance_0: int
    balance_1: int
    native_wei: int
    allowances: tuple[Allowance, ...]
    account: Account = field(default="key", metadata=WHEN_SET)

    @property
    def pays_gas(self) -> bool:
        """Whether gas comes out of these holdings: for a Safe somebody else pays it."""
        return self.account != "safe"


@dataclass(frozen=True, slots=True)
class GasState:
    """What a transaction would cost: fees in wei per gas; ``native_price`` is quote token per native coin."""

    base_fee_wei: int
    priority_fee_wei: int
    native_price: Price


@dataclass(frozen=True, slots=True)
class Bar:
    """What the swaps of one step of the grid did: lowest and highest tick (the step's first price included), raw units
    of each token that went through the pool, and how many swaps there were."""

    low_tick: int
    high_tick: int
    volume_0: int
    volume_1: int
    swaps: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a pool's past. Fee growth is None where it was back-filled from the oracle, which has none.

    ``bar`` tells of the swaps in the step that ends at the sample's full hour; None where the tape does not cover it.
    """

    timestamp: int
    sqrt_price_x96: int
    fee_growth_global_0_x128: int | None
    fee_growth_global_1_x128: int | None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Samples of the pool on a regular grid of ``sample_seconds``, oldest first; ``digest`` names the content."""

    digest: str
    sample_seconds: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class OracleQuote:
    """What a price feed outside the pool said at the block: the base token in the quote token, and since when."""

    source: str
    price: Price
    updated_timestamp: int


@dataclass(frozen=True, slots=True)
class ImpliedQuote:
    """Volatility that options imply, per year, for the ``tenor_seconds`` ahead of ``observed_timestamp``."""

    source: Literal["dvol", "option_chain"]
    sigma_annual: float
    tenor_seconds: int
    observed_timestamp: int


@dataclass(frozen=True, slots=True)
class MissingInput:
    """A source that was asked for and gave nothing that can be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a decision may know."""

    block: Block
    pool: PoolState
    quote_is_token0: bool
    twaps: tuple[Twap, ...]
    positions: tuple[Position, ...]
    wallet: Wallet
    gas: GasState
    history: History
    oracle: OracleQuote | None = None
    implied: tuple[ImpliedQuote, ...] = ()
    missing: tuple[MissingInput, ...] = ()
