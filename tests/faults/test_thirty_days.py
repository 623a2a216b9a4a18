"""Days on end with a random fault every simulated hour, on the real contracts in a market that trades.

It must end, with every token accounted for to the wei, positions those that the chain has, and memory flat.
"""

from __future__ import annotations

import gc
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.market import MarketSettings
from keeper.chainlab.paths import HOUR_SECONDS, generate
from keeper.errors import FatalError, TransientError
from keeper.world.journal.opening import open_journal
from keeper.world.signers import keystore
from tests.faults import invariants
from tests.faults.machine import FAULTS, Crash, CrashingNode
from tests.faults.proxy import HostileNode
from tests.faults.site import CHAIN_ID, MODE, NAME, PASSWORD, Keeper, Site, open_keeper
from tests.world.conftest import contracts_of

SEED = 11
WARMUP_DAYS = 3
MOST_CYCLES = 10
# What a fault leaves behind in an hour is a few hundred decisions' worth of allocator noise, not a leak.
MOST_GROWTH_MB = 40
CROWD_VALUE = 40_000_000.0


@dataclass
class Days:
    """One keeper through simulated days; the fault of each hour is drawn from the seed."""

    lab: Lab
    site: Site
    node: HostileNode
    dice: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    keeper: Keeper | None = None
    wire: CrashingNode | None = None

    def start(self) -> None:
        self.stop()
        journal = open_journal(self.site.journal_url, MODE)
        self.wire = CrashingNode((self.node.url,), chain_id=CHAIN_ID, timeout_seconds=0.4, backoff_seconds=0.002,
                                 max_backoff_seconds=0.02, breaker_seconds=0.05)  # fmt: skip
        try:
            self.keeper = open_keeper(self.site, journal, node=self.wire, now=iter(range(10**9)).__next__,
                                      pause=lambda _seconds: self.lab.market.mine_pending())  # fmt: skip
        except TransientError:
            journal.close()

    def stop(self) -> None:
        if self.keeper is not None:
            self.keeper.journal.close()
        if self.wire is not None:
            self.wire.close()
        self.keeper = self.wire = None

    def hour(self, until: int) -> None:
        """The market goes on, something goes wrong, the keeper takes its turns."""
        self.lab.market.advance_to(until)
        if self.keeper is not None and self.keeper.journal.memory(NAME).state == "paused":
            self.keeper.journal.set_state(NAME, "running", "by hand", 0)
        self.strike()
        for _ in range(MOST_CYCLES):
            end = self.turn()
            self.ends[end] += 1
            if end != "done":
                break

    def turn(self) -> str:
        try:
            if self.keeper is None:
                self.start()
            return "not started" if self.keeper is None else self.keeper.cycle().kind
        except Crash:
            self.start()
            return "crashed"
        except TransientError:
            return "deferred"
        except FatalError as error:
            raise AssertionError(f"halted, though nobody else signs: {error}") from error

    def strike(self) -> None:
        rpc = self.site.rpc
        name = self.dice.choice([*FAULTS, "reorganisation", "emptied pool", "base fee", "crash", "restart", "operator"])
        self.faults[name] += 1
        if name in FAULTS:
            method, fault = FAULTS[name]
            self.node.on(method, fault, times=self.dice.randint(1, 4), skip=self.dice.randint(0, 8))
        elif name == "reorganisation":
            rpc("anvil_reorg", self.dice.randint(1, 12), [])
        elif name == "emptied pool":
            rpc("anvil_dropAllTransactions")
        elif name == "base fee":
            rpc("anvil_setNextBlockBaseFeePerGas", hex(self.dice.choice([1, 20, 100]) * 10**9))
        elif name == "crash" and self.wire is not None:
            self.wire.fuse = self.dice.randint(1, 120)
        elif name == "restart":
            self.start()
        elif self.keeper is not None:
            self.keeper.journal.set_state(NAME, "paused", "by hand", 0)

    def rest(self) -> list[str]:
        """The faults stop."""
        self.node.calm()
        if self.wire is not None:
            self.wire.fuse = -1
        if self.keeper is None:
            self.start()
        assert self.keeper is not None
        self.keeper.journal.set_state(NAME, "running", "", 0)
        kinds: list[str] = []
        for _ in range(72):
            self.lab.market.advance_to(self.lab.market.now_seconds + HOUR_SECONDS)
            kinds.append(self.turn())
            if kinds[-2:] == ["held", "held"]:
                break
        return invariants.resting(self.site.evidence(), most_positions=2)


def settings_for(lab: Lab) -> dict[str, Any]:
    deployment = lab.deployment
    return {
        "name": NAME,
        "chain": "local",
        "pool": deployment.pool,
        "quote": "token1" if deployment.base_is_token0 else "token0",
        "capital": {"max_quote": "1000000"},
        # It moves whenever the price leaves its range, whether that pays or not: there must be much to disturb.
        "range": {"kind": "fixed", "lower_pct": 1.5, "upper_pct": 1.5},
        "profit": {"gate": "none", "min_fee_history_hours": 2},
        "limits": {"max_slippage_bps": 60, "max_price_impact_bps": 40, "cooldown_minutes": 0,
                   "max_rebalances_per_day": 24},
    }  # fmt: skip


def site_in(lab: Lab, folder: Path) -> Site:
    deployment, given = lab.deployment, contracts_of(lab.deployment)
    owner = keystore.create(folder / "key.json", PASSWORD, scrypt_work=2)
    first_block = int(lab.anvil.rpc("eth_blockNumber"), 16)
    base, quote = 25 * 10**18, 50_000 * 10**6
    amounts = (base, quote) if deployment.base_is_token0 else (quote, base)
    lab.market.fund(owner, *amounts, 10**19)
    return Site(
        folder=str(folder), url=lab.anvil.url, anvil_url=lab.anvil.url, owner=owner, pool=deployment.pool,
        deployer=deployment.deployer, tokens=(deployment.token0, deployment.token1),
        contracts={name: getattr(given, name) for name in type(given).__dataclass_fields__},
        settings=settings_for(lab), first_block=first_block,
    )  # fmt: skip


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def live(folder: Path, days: int) -> str:
    path = generate(SEED, days + WARMUP_DAYS + 4, start_price=2000.0, start_seconds=1_704_067_200)
    market = MarketSettings(crowd_value=CROWD_VALUE, seed=SEED, noise_intensity=0.3, base_fee_gwei=2.0)
    with open_lab(path, LabSettings(warmup_days=WARMUP_DAYS, market=market)) as lab:
        site = site_in(lab, folder)
        lab.market.advance_to(lab.market.now_seconds + 20 * HOUR_SECONDS)  # a reorganisation reaches no setting up
        with HostileNode(lab.anvil.url) as node:
            run = Days(lab, site, node, random.Random(SEED))
            start = lab.market.now_seconds // HOUR_SECONDS * HOUR_SECONDS
            sizes: list[float] = []
            for hour in range(1, days * 24 + 1):
                run.hour(start + hour * HOUR_SECONDS)
                if hour % 24 == 0:
                    sizes.append(resident_mb())
                    node.seen.clear()
            wrong = run.rest()
            seen = site.evidence()
            run.stop()
    assert wrong == [], wrong
    growth = sizes[-1] - sizes[len(sizes) // 3]
    assert growth < MOST_GROWTH_MB, sizes
    mined = sum(1 for each in seen.mined)
    struck = f"{sum(run.faults.values())} faults {dict(run.faults)}, turns {dict(run.ends)}"
    resident = ", ".join(f"{sizes[len(sizes) * part // 6 - 1]:.0f}" for part in (2, 3, 4, 5, 6))
    return f"{days} days, {struck}, {mined} mined, 0 wei; resident from a third on {resident} MB"


def test_two_days_with_a_fault_every_hour(tmp_path: Path) -> None:
    print(live(tmp_path, 2))  # noqa: T201 - a figure to quote


@pytest.mark.soak
def test_thirty_days_with_a_fault_every_hour(tmp_path: Path) -> None:
    print(live(tmp_path, 30))  # noqa: T201 - a figure to quote
