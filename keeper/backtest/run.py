"""A backtest: one strategy lives through a tape, cycle by cycle, and leaves a journal behind."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from typing import Final

from keeper.assembly_paper import PaperRunner, PaperTerms, starting_balances
from keeper.backtest.opening import Opened, open_past
from keeper.backtest.result import BacktestResult
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.telling import fill_model
from keeper.errors import ConfigError
from keeper.model.ledger import NATIVE
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96
from keeper.report import Run, profit_and_loss
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.proposal_queries import ExecutorGas
from keeper.world.journal.queries import ledger_balance, ledger_entries
from keeper.world.journal.queries import mode as journal_mode
from keeper.world.journal.reading import read_journal
from keeper.world.tape.market import TapeMarket
from keeper.world.tape.paper import PAPER_OWNER

MODE: Final = "backtest"
BPS: Final = 10_000
DAY_SECONDS: Final = 86_400
# Exit, swap, mint, compound and tidying follow each other at once; more at one look would be a loop.
MAX_CHAINED_CYCLES: Final = 10
_STEPS_TOLD: Final = 200

Progress = Callable[[float, str], None]


def silent(_done: float, _what: str) -> None:
    """No progress told."""


def run_backtest(settings: BacktestSettings, progress: Progress = silent) -> BacktestResult:
    """Let the strategy live through the tape. ``progress`` is told the share that is done, and what is being done.

    Raises:
        ConfigError: the tape, the strategy or what is asked does not fit; one sentence says what and the remedy.
        FatalError: the paper wallet and its ledger differ, which is a fault of the simulation.
    """
    began = time.perf_counter()
    progress(0.0, "reading the tape")
    past = open_past(settings)
    with _journal(settings.journal) as (journal, url):
        runner = _runner(past, settings, journal)
        with _seldom_collected():
            _live(runner, past, progress)
        progress(1.0, "adding up")
        runner.settle_books()
        run = _run_of(runner, journal)
        return BacktestResult(
            strategy=runner.strategy.name,
            settings_digest=runner.strategy.settings_digest,
            tape_digest=past.tape.digest,
            tape_path=str(settings.data),
            pool_label=past.label,
            run=run,
            series=profit_and_loss(run),
            journal_url=url,
            fill=fill_model(settings, past, run),
            defects=past.market.defects,
            ledger_difference=_difference(runner, journal),
            seconds=time.perf_counter() - began,
        )


@contextmanager
def _journal(path: Path | None) -> Iterator[tuple[SqlJournal, str]]:
    """A journal to keep, or one that goes when its figures are read. It can be made again: nothing waits for a disk."""
    with tempfile.TemporaryDirectory(prefix="keeper-backtest-") as folder:
        file = Path(folder) / "backtest.db" if path is None else _cleared(path)
        journal = open_journal(f"sqlite:///{file.absolute()}", MODE, durable=False)
        try:
            yield journal, "" if path is None else f"sqlite:///{file.absolute()}"
        finally:
            journal.close()


def _cleared(path: Path) -> Path:
    """The place of a journal that is to be made. ConfigError: there is something else than an earlier backtest's."""
    if path.exists():
        with read_journal(f"sqlite:///{path.absolute()}") as query:
            mode = journal_mode(query)
        if mode != MODE:
            raise ConfigError(
                f"holds a journal of mode {mode!r}, which a backtest does not replace; choose another file",
                path=str(path),
            )
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """What a run keeps, it keeps to its end: looking through all of it for waste again and again takes a seventh of
    the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _runner(past: Opened, settings: BacktestSettings, journal: SqlJournal) -> PaperRunner:
    """The strategy before its first look, with its money."""
    strategy = past.strategy
    past.market.advance_to_time(past.first_timestamp)
    worth = strategy.capital.max_quote if settings.capital_quote is None else settings.capital_quote
    is_token0 = strategy.quote == "token0"
    balances = starting_balances(past.market.state(), worth, is_token0, settings.start_mix)
    terms = PaperTerms(settings.account, settings.latency_blocks, past.gas, past.native_price)
    return PaperRunner(past.market, strategy, journal, terms, balances, settings.artifacts, settings.detector)


def _live(runner: PaperRunner, past: Opened, progress: Progress) -> None:
    """Look at every step of the schedule and whenever the price has moved far enough, to the end."""
    market, first, last = past.market, past.first_timestamp, past.last_timestamp
    every, trigger_bps = past.every_seconds, past.strategy.schedule.price_trigger_bps
    stop, told = first, -1
    while stop <= last:
        market.advance_to_time(max(stop, market.now.timestamp))
        stop = max(stop, market.now.timestamp) // every * every + every
        looks = True
        while looks:
            _work_through(runner)
            done = (market.now.timestamp - first) / max(last - first, 1)
            if int(done * _STEPS_TOLD) != told:
                told = int(done * _STEPS_TOLD)
                progress(min(done, 1.0), f"day {(market.now.timestamp - first) / DAY_SECONDS:.0f}")
            looks = _price_moves(market, runner, min(stop, last), trigger_bps)
    if market.now.timestamp < last:
        market.advance_to_time(last)


def _price_moves(market: TapeMarket, runner: PaperRunner, until: int, trigger_bps: int) -> bool:
    """On to the moment, or to where the price is ``trigger_bps`` or more from where the last cycle saw it, if that is
    before it."""
    if until <= market.now.timestamp:
        return False
    seen = runner.seen_sqrt_price_x96**2
    lower = max(isqrt(seen * max(BPS - trigger_bps, 0) // BPS) + 1, MIN_SQRT_PRICE_X96)
    upper = min(isqrt((seen * (BPS + trigger_bps) - 1) // BPS), MAX_SQRT_PRICE_X96 - 1)
    return market.advance_until_outside(until, lower, upper) and market.now.timestamp < until


def _work_through(runner: PaperRunner) -> None:
    """Cycle upon cycle while something gets done; each takes blocks."""
    for _ in range(MAX_CHAINED_CYCLES):
        if runner.run_once().kind != "done":
            break


def _run_of(runner: PaperRunner, journal: SqlJournal) -> Run:
    with journal.reading() as query:
        entries = ledger_entries(query, runner.market.chain_id, PAPER_OWNER)
    closing = runner.observer.observe()
    return Run(
        strategy=runner.strategy.name,
        decisions=tuple(decision for _, decision in runner.decisions),
        entries=entries,
        closing=closing,
        decision_ids=tuple(number for number, _ in runner.decisions),
        executor_gas=tuple(
            ExecutorGas(each.transaction_hash, each.gas_wei, each.block_number, each.timestamp)
            for each in runner.executor.executed
        ),
    )


def _difference(runner: PaperRunner, journal: SqlJournal) -> tuple[int, int, int]:
    """Ledger less wallet: raw units of token0, token1 and wei."""
    with journal.reading() as query:
        booked = ledger_balance(query, runner.market.chain_id, PAPER_OWNER)
    pool, held = runner.market.identity, runner.account
    tokens = (pool.token0.address.lower(), pool.token1.address.lower(), NATIVE)
    wallet = (*held.balances, held.native_wei)
    first, second, native = (booked.get(token, 0) - amount for token, amount in zip(tokens, wallet, strict=True))
    return first, second, native
