"""The paper world: an observer over a tape, and a wallet that is held to its ledger after every act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keeper.errors import FatalError
from keeper.model.observation import Block, GasState, Observation, PoolState, Position
from keeper.model.price import Price
from keeper.world.differences import balance_differences
from keeper.world.journal.books import Findings, Subject
from keeper.world.journal.reconciling import ReconciliationLog
from keeper.world.tape.gas_series import GasSeries
from keeper.world.tape.market import Moment, TapeMarket
from keeper.world.tape.paper_account import PaperAccount

PAPER_OWNER: Final = "0x00000000000000000000000000000000000B00c5"
"""Nobody's: the owner of every paper wallet."""

NativePrice = Callable[[PoolState, int], Price]
"""Quote token per native coin, from the pool and the time (UNIX seconds)."""


@dataclass(frozen=True, slots=True)
class PaperWorld:
    """A tape's market with a wallet of ours in it."""

    market: TapeMarket
    account: PaperAccount
    gas: GasSeries
    native_price: NativePrice
    quote_is_token0: bool

    def positions(self) -> tuple[Position, ...]:
        """The wallet's positions in the order of their NFTs, fees exact."""
        own = {each.key: each for each in self.market.own()}
        found = []
        for token_id in self.account.token_ids:
            held = self.account.positions[token_id]
            there = own.get(held.key)
            owed = (0, 0) if there is None else (there.owed_0, there.owed_1)
            if held.liquidity or any(owed):
                found.append(Position(token_id, held.lower_tick, held.upper_tick, held.liquidity, *owed))
        return tuple(found)


class PaperObserver:
    """Implements ``Observer``: the world at the market's own moment, and nothing of what comes after it."""

    def __init__(self, world: PaperWorld, twap_windows_seconds: tuple[int, ...], history_hours: int) -> None:
        self._world, self._windows, self._hours = world, twap_windows_seconds, history_hours
        self._seen: tuple[Moment, int, Observation] | None = None

    def observe(self) -> Observation:
        """As a node would show it at the end of the market's block."""
        world = self._world
        now, revision = world.market.now, world.account.revision
        if self._seen is not None and self._seen[:2] == (now, revision):
            return self._seen[2]
        pool, fees = world.market.state(), world.gas.at(now.timestamp)
        means = (world.market.twap(window) for window in self._windows)
        observation = Observation(
            block=Block(
                world.market.chain_id,
                now.block_number,
                world.market.block_hash,
                now.timestamp,
                fees.base_fee_wei,
            ),
            pool=pool,
            quote_is_token0=world.quote_is_token0,
            twaps=tuple(mean for mean in means if mean is not None),
            positions=world.positions(),
            wallet=world.account.wallet((pool.token0.address, pool.token1.address)),
            gas=GasState(fees.base_fee_wei, fees.priority_fee_wei, world.native_price(pool, now.timestamp)),
            history=world.market.history(self._hours),
        )
        self._seen = now, revision, observation
        return observation


class PaperReconciler:
    """Implements ``Reconciler``: after each act the ledger is added up and held against the wallet.

    On a chain a difference has many causes; here it has one, a fault of the simulation.
    """

    def __init__(self, log: ReconciliationLog, subject: Subject, account: PaperAccount) -> None:
        self._log, self._subject, self._account = log, subject, account
        self._checked = -1

    def reconcile(self, observation: Observation) -> bool:
        """FatalError where the ledger and the wallet differ by a single unit."""
        if self._account.revision == self._checked:
            return False
        books = self._log.books(self._subject)
        for each in balance_differences(observation, books, with_native=True):
            raise FatalError(f"the ledger of a paper wallet is off: {each.words}; the backtest cannot be believed")
        held = {each.token_id: each.liquidity for each in self._account.positions.values()}
        known = {each.token_id: each.liquidity for each in books.positions}
        if held.keys() != known.keys():
            raise FatalError(f"the journal knows of positions {sorted(known)}, the paper wallet holds {sorted(held)}")
        changed = tuple((token_id, held[token_id]) for token_id in held if held[token_id] != known[token_id])
        self._log.write(self._subject, observation.block, Findings(liquidity=changed))
        self._checked = self._account.revision
        return False
