"""The main job on one machine: a local chain, a market that trades, and the keeper at work for simulated days.

Nothing here decides or signs: it builds the world around the same observer, decision and executor that a live run has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from keeper.assembly import ChainAccess, Hands, StrategyRunner, build_strategy, open_hands, wallet_executor
from keeper.chainlab import audit
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.market import MarketSettings
from keeper.chainlab.paths import HOUR_SECONDS, PricePath, generate
from keeper.chainlab.price_file import from_file
from keeper.chainlab.realised import Realised
from keeper.errors import FatalError
from keeper.model.observation import Observation
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import principal
from keeper.world.chain.contracts import Contracts
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.queries import ledger_balance
from keeper.world.signers import keystore

DAY_SECONDS = 86_400
WARMUP_DAYS = 3
START_VALUE_QUOTE = 100_000
CROWD_VALUE_QUOTE = 40_000_000.0
NATIVE_WEI = 5 * 10**18
# Exit, swap, mint, compound and tidying follow each other at once; more in one hour would be a loop.
MAX_CHAINED_CYCLES = 10
STRATEGY_NAME = "demo"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What to run. ``prices`` replaces the seeded path; ``directory`` receives the journal and the report."""

    days: float
    seed: int
    prices: Path | None
    directory: Path
    # Noise trades are sized so that fees are about this many times the loss to arbitrage over the whole path. Chosen so
    # that providing liquidity pays in the demo's market; real pools measure 0.7 to 1.2.
    rho: float = 2.0
    base_fee_gwei: float = 2.0
    # Sections of the strategy in place of the demo's own: ``{"range": {"kind": "optimal"}}``.
    strategy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoEnd:
    """What stands at the end: the journal, the last observation, and the chain's own word beside the ledger's."""

    journal_url: str
    owner: str
    chain_id: int
    final: Observation
    held: audit.Holdings
    ledger_difference_wei: tuple[int, int, int]
    market: Realised
    path: PricePath


Progress = Callable[[float, str], None]


def run_demo(settings: DemoSettings, progress: Progress) -> DemoEnd:
    """Build the world, let the keeper work hour by hour, and audit the end.

    ``progress`` is told the share of the whole that is done, and what is being done.

    Raises:
        ConfigError: anvil or the contracts are not installed, a price file is unusable, the folder is not writable.
        TransientError: the local chain stopped answering.
    """
    path = _path(settings)
    journal_url = f"sqlite:///{_fresh_journal(settings.directory)}"
    signer = _throwaway_key(settings)
    market = MarketSettings(
        crowd_value=CROWD_VALUE_QUOTE,
        seed=settings.seed,
        noise_intensity=_noise_intensity(path, settings.rho),
        base_fee_gwei=settings.base_fee_gwei,
    )
    progress(0.0, "starting a local chain with the Uniswap v3 contracts")
    with open_lab(path, LabSettings(warmup_days=WARMUP_DAYS, market=market)) as lab:
        first_block = int(lab.anvil.rpc("eth_blockNumber"), 16)
        _fund(lab, signer.address)
        strategy = build_strategy(_strategy(lab.deployment, settings.strategy))
        journal = open_journal(journal_url, "demo")
        try:
            chain = _access(lab)
            executor = wallet_executor(chain, strategy.settings, journal, signer, pause=lambda _seconds: _mine(lab))
            hands = open_hands(chain, strategy.settings, journal, executor, owner=signer.address)
            _live(lab, StrategyRunner(strategy, hands, journal), progress)
            return _end(lab, hands, journal, journal_url, first_block)
        finally:
            journal.close()


def _path(settings: DemoSettings) -> PricePath:
    days = settings.days + WARMUP_DAYS
    if settings.prices is None:
        return generate(settings.seed, days + 1 / 24)
    return from_file(settings.prices, days=days + 1 / 24)


def _noise_intensity(path: PricePath, rho: float) -> float:
    """The noise that gives rho = 4·phi/sigma² on this path: half of phi, arbitrage that answers it being the rest."""
    return rho * path.annual_volatility() ** 2 / 4 / 2


def _fresh_journal(directory: Path) -> Path:
    """A demo's journal is made anew each time: what an earlier demo left behind goes."""
    directory.mkdir(parents=True, exist_ok=True)
    journal = directory / "demo.db"
    for name in ("demo.db", "demo.db-wal", "demo.db-shm"):
        (directory / name).unlink(missing_ok=True)
    return journal


def _throwaway_key(settings: DemoSettings) -> keystore.KeystoreSigner:
    """The same key for the same seed, through the same encrypted file that a live run would use."""
    file, password = settings.directory / "demo-key.json", "demo"
    file.unlink(missing_ok=True)
    private_key = keccak(text=f"range keeper demo {settings.seed}").hex()
    keystore.import_key(file, private_key, password, scrypt_work=1 << 10)
    return keystore.load(file, password)


def _fund(lab: Lab, owner: str) -> None:
    """Half of the value in each token, at the reference price."""
    deployment, price = lab.deployment, Decimal(str(lab.market.reference_price))
    base_decimals = deployment.decimals0 if deployment.base_is_token0 else deployment.decimals1
    quote_decimals = deployment.decimals1 if deployment.base_is_token0 else deployment.decimals0
    half = Decimal(START_VALUE_QUOTE) / 2
    base, quote = int((half / price).scaleb(base_decimals)), int(half.scaleb(quote_decimals))
    amounts = (base, quote) if deployment.base_is_token0 else (quote, base)
    lab.market.fund(owner, *amounts, NATIVE_WEI)


def _strategy(deployment: Deployment, instead: Mapping[str, Any]) -> StrategySettings:
    return StrategySettings.model_validate(
        {
            "name": STRATEGY_NAME,
            "chain": "local",
            "pool": deployment.pool,
            "quote": "token1" if deployment.base_is_token0 else "token0",
            "capital": {"max_quote": "1000000"},
            "schedule": {"every_seconds": HOUR_SECONDS},
            "forecaster": {"kind": "ewma", "half_life_hours": 48},
            "range": {
                "kind": "sigma",
                "k": 0.7,
                "horizon_days": 3,
                "ladder": [{"scale": 1, "share_pct": 70}, {"scale": 2, "share_pct": 30}],
            },
            # A trade of the keeper's size is compared with a ten-minute mean of a market that moves every quarter hour.
            "limits": {"gas_reserve_native": "0.05", "max_slippage_bps": 60, "max_price_impact_bps": 40},
            "compound": {"min_fees_quote": "1000"},
        }
        | dict(instead)
    )


def _access(lab: Lab) -> ChainAccess:
    deployment = lab.deployment
    contracts = Contracts(
        deployment.factory,
        deployment.position_manager,
        deployment.swap_router,
        deployment.multicall3,
        # The pool's base token stands for wrapped ether here: gas is priced by it.
        wrapped_native=deployment.token0 if deployment.base_is_token0 else deployment.token1,
    )
    return ChainAccess(deployment.chain_id, (lab.anvil.url,), contracts, confirmations=1)


def _mine(lab: Lab) -> None:
    lab.market.mine_pending()


def _live(lab: Lab, runner: StrategyRunner, progress: Progress) -> None:
    """Hour after hour: the market trades, then the keeper looks, and goes on while there is something to do."""
    start, end = lab.market.now_seconds, lab.market.end_seconds
    hour = start // HOUR_SECONDS * HOUR_SECONDS + HOUR_SECONDS
    while hour <= end:
        lab.market.advance_to(hour)
        for _ in range(MAX_CHAINED_CYCLES):
            if runner.run_once().kind != "done":
                break
        done = (hour - start) / (end - start)
        progress(done, f"day {(hour - start) / DAY_SECONDS:.0f}")
        hour += HOUR_SECONDS


def _end(lab: Lab, hands: Hands, journal: SqlJournal, journal_url: str, first_block: int) -> DemoEnd:
    final = hands.observer.observe()
    held = audit.holdings(lab.anvil.rpc, lab.deployment, hands.owner)
    with journal.reading() as query:
        booked = ledger_balance(query, lab.deployment.chain_id, hands.owner)
    _check_positions(final, held)
    return DemoEnd(
        journal_url=journal_url,
        owner=hands.owner,
        chain_id=lab.deployment.chain_id,
        final=final,
        held=held,
        ledger_difference_wei=audit.differences(lambda token: booked.get(token, 0), held, lab.deployment),
        market=lab.market.realised(first_block),
        path=lab.market.path,
    )


def _check_positions(final: Observation, held: audit.Holdings) -> None:
    """Principal and uncollected fees, computed by the keeper, against what the contracts would pay."""
    computed = {p.token_id: (*principal(p, final.pool), p.uncollected_0, p.uncollected_1) for p in final.positions}
    paid = {p.token_id: (p.principal_0, p.principal_1, p.uncollected_0, p.uncollected_1) for p in held.positions}
    if computed != paid:
        raise FatalError(f"positions differ from the contracts: computed {computed}, the contracts would pay {paid}")
