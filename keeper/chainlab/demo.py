"""The main job on one machine: a local chain, a market that trades, and the keeper at work for simulated days.

Nothing here decides or signs: it builds the world around the same observer, decision and executor that a live run has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keeper.assembly import Hands, StrategyRunner, build_strategy, open_hands
from keeper.chainlab import audit, demo_world
from keeper.chainlab.demo_gas import Spending, spending
from keeper.chainlab.demo_owner import DemoOwner, Mode, demo_owner
from keeper.chainlab.lab import Lab, open_lab
from keeper.chainlab.paths import HOUR_SECONDS, PricePath
from keeper.chainlab.realised import Realised
from keeper.errors import FatalError
from keeper.model.observation import Observation
from keeper.policy.valuation import principal
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.queries import ledger_balance, ledger_entries

DAY_SECONDS = 86_400
# Exit, swap, mint, compound and tidying follow each other at once; more in one hour would be a loop.
MAX_CHAINED_CYCLES = 10
# A proposal takes three looks more: when it is signed, when it is executed, and when that is final.
LOOKS_AT_A_PROPOSAL = 3


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What to run. ``prices`` replaces the seeded path; ``directory`` receives the journal and the report.

    ``owners_delay_seconds``: how long a Safe's owners leave a proposal lying.
    """

    days: float
    seed: int
    prices: Path | None
    directory: Path
    mode: Mode = "wallet"
    # Noise trades are sized so that fees are about this many times the loss to arbitrage over the whole path. Chosen so
    # that providing liquidity pays in the demo's market; real pools measure 0.7 to 1.2.
    rho: float = 2.0
    base_fee_gwei: float = 2.0
    # Sections of the strategy in place of the demo's own: ``{"range": {"kind": "optimal"}}``.
    strategy: Mapping[str, Any] = field(default_factory=dict)
    owners_delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class DemoEnd:
    """What stands at the end: the journal, the last observation, and the chain's own word beside the ledger's."""

    mode: Mode
    journal_url: str
    owner: str
    chain_id: int
    final: Observation
    held: audit.Holdings
    ledger_difference_wei: tuple[int, int, int]
    market: Realised
    path: PricePath
    spending: Spending


Progress = Callable[[float, str], None]


def run_demo(settings: DemoSettings, progress: Progress) -> DemoEnd:
    """Build the world, let the keeper work hour by hour, and audit the end.

    ``progress`` is told the share of the whole that is done, and what is being done.

    Raises:
        ConfigError: anvil or the contracts are not installed, a price file is unusable, the folder is not writable.
        TransientError: the local chain stopped answering.
    """
    path = demo_world.price_path(settings.seed, settings.days, settings.prices)
    journal_url = f"sqlite:///{_fresh_journal(settings.directory)}"
    progress(0.0, "starting a local chain with the Uniswap v3 contracts")
    with open_lab(path, demo_world.lab_settings(path, settings.seed, settings.rho, settings.base_fee_gwei)) as lab:
        first_block = int(lab.anvil.rpc("eth_blockNumber"), 16)
        owner = demo_owner(
            settings.mode, lab, settings.seed, settings.directory, owners_delay_seconds=settings.owners_delay_seconds
        )
        demo_world.fund(lab, owner.address, owner.native_wei)
        strategy = build_strategy(demo_world.demo_strategy(lab.deployment, settings.strategy))
        journal = open_journal(journal_url, "demo")
        try:
            hands = open_hands(
                demo_world.chain_access(lab), strategy.settings, journal, owner.make(strategy.settings, journal),
                owner=owner.address, account=owner.account,
            )  # fmt: skip
            _live(lab, StrategyRunner(strategy, hands, journal), owner.work, progress)
            return _end(lab, hands, journal, settings.mode, journal_url, owner, first_block)
        finally:
            journal.close()


def _fresh_journal(directory: Path) -> Path:
    """A demo's journal is made anew each time: what an earlier demo left behind goes."""
    directory.mkdir(parents=True, exist_ok=True)
    journal = directory / "demo.db"
    for name in ("demo.db", "demo.db-wal", "demo.db-shm"):
        (directory / name).unlink(missing_ok=True)
    return journal


def _live(lab: Lab, runner: StrategyRunner, work: Callable[[], bool], progress: Progress) -> None:
    """Hour after hour: the market trades, then the keeper looks, and goes on while there is something to do."""
    start, end = lab.market.now_seconds, lab.market.end_seconds
    hour = start // HOUR_SECONDS * HOUR_SECONDS + HOUR_SECONDS
    while hour <= end:
        lab.market.advance_to(hour)
        _work_through(runner, work)
        done = (hour - start) / (end - start)
        progress(done, f"day {(hour - start) / DAY_SECONDS:.0f}")
        hour += HOUR_SECONDS


def _work_through(runner: StrategyRunner, work: Callable[[], bool]) -> None:
    """Cycle upon cycle while the keeper gets something done, or its owners do."""
    for _ in range(MAX_CHAINED_CYCLES):
        for _ in range(1 + LOOKS_AT_A_PROPOSAL):
            outcome = runner.run_once()
            if outcome.kind != "pending" or not work():
                break
        if outcome.kind != "done":
            break


def _end(
    lab: Lab, hands: Hands, journal: SqlJournal, mode: Mode, journal_url: str, owner: DemoOwner, first_block: int
) -> DemoEnd:
    final = hands.observer.observe()
    held = audit.holdings(lab.anvil.rpc, lab.deployment, hands.owner)
    with journal.reading() as query:
        booked = ledger_balance(query, lab.deployment.chain_id, hands.owner)
        entries = ledger_entries(query, lab.deployment.chain_id, hands.owner)
    _check_positions(final, held)
    return DemoEnd(
        mode=mode,
        journal_url=journal_url,
        owner=hands.owner,
        chain_id=lab.deployment.chain_id,
        final=final,
        held=held,
        ledger_difference_wei=audit.differences(lambda token: booked.get(token, 0), held, lab.deployment),
        market=lab.market.realised(first_block),
        path=lab.market.path,
        spending=spending(lab, hands.venue, owner, entries),
    )


def _check_positions(final: Observation, held: audit.Holdings) -> None:
    """Principal and uncollected fees, computed by the keeper, against what the contracts would pay."""
    computed = {p.token_id: (*principal(p, final.pool), p.uncollected_0, p.uncollected_1) for p in final.positions}
    paid = {p.token_id: (p.principal_0, p.principal_1, p.uncollected_0, p.uncollected_1) for p in held.positions}
    if computed != paid:
        raise FatalError(f"positions differ from the contracts: computed {computed}, the contracts would pay {paid}")
