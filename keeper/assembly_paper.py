"""A strategy's eyes and hands on paper: the same cycle, decisions and journal as live, over a tape's market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from keeper.assembly import build_strategy
from keeper.config_strategies import settings_body
from keeper.cycle import run_cycle
from keeper.errors import ConfigError
from keeper.known_chains import CHAIN_IDS, CONTRACTS
from keeper.known_pools import known_pool, known_pools
from keeper.model.decision import Decision
from keeper.model.memory import Memory, OpenSubmission
from keeper.model.observation import Account, PoolState
from keeper.model.outcome import Held, Outcome
from keeper.model.plan import Plan
from keeper.model.price import Price
from keeper.policy.settings import PoolKey, StrategySettings
from keeper.policy.strategy import Detector
from keeper.world.journal.books import Subject
from keeper.world.journal.journal import SqlJournal
from keeper.world.native_price import NATIVE_TOKEN, check_native_price, native_price
from keeper.world.tape.gas_series import GasSeries, Steps
from keeper.world.tape.market import TapeMarket
from keeper.world.tape.paper import PAPER_OWNER, NativePrice, PaperObserver, PaperReconciler, PaperWorld
from keeper.world.tape.paper_account import PaperAccount
from keeper.world.tape.paper_executor import PaperExecutor

StartMix = Literal["half", "base", "quote"]

_BLOCK_SECONDS = {1: 12, 10: 2, 56: 3, 137: 2, 8453: 2, 42161: 1}
_GAS_MONEY_WEI = 1_000 * 10**18  # enough for every run: what it holds counts in no figure, what it pays does


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """How acts are filled and what they cost. ``native_price``: a figure or a series of whole quote tokens for one
    native coin; None: the strategy's own, else the pool's where it holds the wrapped coin."""

    account: Account
    latency_blocks: int
    gas: GasSeries
    native_price: Decimal | Steps | None = None


class PaperRunner:
    """One strategy at work on a tape. ``decisions`` are those made so far with the journal's numbers, their histories'
    samples left in the journal."""

    def __init__(
        self,
        market: TapeMarket,
        settings: StrategySettings,
        journal: SqlJournal,
        terms: PaperTerms,
        balances: tuple[int, int],
        artifacts: Mapping[str, bytes] | None = None,
        detector: Detector | None = None,
    ) -> None:
        self.strategy = build_strategy(settings, artifacts)
        if detector is not None:
            self.strategy = replace(self.strategy, detector=detector)
        settings = self.strategy.settings
        self.market, self.journal = market, journal
        self.account = PaperAccount(PAPER_OWNER, terms.account, balances, _GAS_MONEY_WEI)
        is_token0 = settings.quote == "token0"
        world = PaperWorld(market, self.account, terms.gas, _native_price(market, settings, terms), is_token0)
        self.observer = PaperObserver(world, settings.limits.twap_windows_seconds, settings.history.days * 24)
        subject = Subject(settings.name, market.chain_id, PAPER_OWNER, market.identity.address, None)
        self._reconciler = PaperReconciler(journal.reconciliations, subject, self.account)
        self.executor = PaperExecutor(world, journal.paper, terms.latency_blocks)
        self._kept = _Kept(journal)
        journal.record_settings(self.strategy.settings_digest, settings_body(settings), artifacts or {})

    @property
    def decisions(self) -> list[tuple[int, Decision]]:
        return self._kept.decisions

    @property
    def seen_sqrt_price_x96(self) -> int:
        """The price that the last cycle decided on."""
        return self._kept.decisions[-1][1].observation.pool.sqrt_price_x96

    def run_once(self) -> Outcome:
        """One cycle."""
        return run_cycle(self.observer, self._reconciler, self.executor, self.strategy, self._kept)

    def settle_books(self) -> None:
        """Hold the ledger against the wallet once more. FatalError: they differ."""
        self._reconciler.reconcile(self.observer.observe())


class _Kept:
    """Implements ``Journal``: passes everything on, and keeps the decisions at hand."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal
        self.decisions: list[tuple[int, Decision]] = []

    def memory(self, strategy: str) -> Memory:
        return self._journal.memory(strategy)

    def record_decision(self, decision: Decision) -> int:
        number = self._journal.record_decision(decision)
        self.decisions.append((number, decision))
        return number

    def abandon(self, decision_id: int, held: Held) -> Held:
        return self._journal.abandon(decision_id, held)

    def open_plan(self, decision_id: int, plan: Plan) -> OpenSubmission:
        return self._journal.open_plan(decision_id, plan)

    def close_plan(self, submission: OpenSubmission, outcome: Outcome) -> Outcome:
        return self._journal.close_plan(submission, outcome)


def _native_price(market: TapeMarket, settings: StrategySettings, terms: PaperTerms) -> NativePrice:
    """ConfigError where there is no price of the native coin."""
    pool = market.identity
    is_token0 = settings.quote == "token0"
    quote = pool.token0 if is_token0 else pool.token1
    given = terms.native_price
    if isinstance(given, Steps):

        def of_file(_pool: PoolState, timestamp: int) -> Price:
            value: Decimal = given.at(timestamp)
            if value <= 0:
                raise ConfigError("it holds a price of nothing in the time of the tape", path=str(given.path))
            return Price.from_decimal(NATIVE_TOKEN, quote, value)

        return of_file
    wrapped = CONTRACTS.get(market.chain_id, {}).get("wrapped_native")
    figure = settings.native_price_quote if given is None else given
    try:
        check_native_price(pool.token0, pool.token1, wrapped, figure)
    except ConfigError as error:
        raise ConfigError(f"{error}, or give --native-price") from error
    return lambda seen, _timestamp: native_price(seen, is_token0, wrapped, figure)


def starting_balances(
    observed: PoolState, worth_quote: Decimal, quote_is_token0: bool, mix: StartMix
) -> tuple[int, int]:
    """Raw units of token0 and token1 that are worth so much (whole quote tokens) at the pool's price, without cost."""
    quote, base = (observed.token0, observed.token1) if quote_is_token0 else (observed.token1, observed.token0)
    raw = int(worth_quote.scaleb(quote.decimals))
    into_base = {"half": raw - raw // 2, "base": raw, "quote": 0}[mix]
    price = Price.from_sqrt_price_x96(observed.sqrt_price_x96, observed.token0, observed.token1)
    price = price if base == observed.token0 else price.invert()
    base_raw = into_base * price.denominator // price.numerator
    quote_raw = raw - into_base
    return (quote_raw, base_raw) if quote_is_token0 else (base_raw, quote_raw)


def pool_address(chain_id: int | None, key: PoolKey) -> str | None:
    """The address of a well-known pool of these tokens and fee; None for any other."""
    wanted = int(key.token0, 16), int(key.token1, 16), key.fee
    for chain, address in known_pools():
        known = known_pool(chain, address)
        if known is not None and (known[0].sort_key, known[1].sort_key, known[2]) == wanted and chain == chain_id:
            return address
    return None


def block_seconds(chain_id: int | None) -> int:
    """Seconds between two blocks of the chain, whole ones; 2 where it is not known."""
    return _BLOCK_SECONDS.get(chain_id or 0, 2)


def chain_id_of(name: str) -> int | None:
    """The id that a chain's well-known name stands for; None for another name."""
    return CHAIN_IDS.get(name)
