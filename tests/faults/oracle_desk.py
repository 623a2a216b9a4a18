"""A strategy at work with a price oracle beside its pool: a real contract which the test pushes rounds onto."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper.assembly_feeds import oracle_feed
from keeper.assembly_trust import wallet_reconciler
from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import create, transact
from keeper.chainlab.solidity import compile_contract
from keeper.world.observer import ChainObserver
from tests.policy.desk import CHAIN_ID, Desk, Warm, at_desk

AGGREGATOR = Path(__file__).parent.parent / "world" / "feeds" / "contracts" / "Aggregator.sol"
CACHE = Path(tempfile.gettempdir()) / "keeper-solidity"
# 18 decimals of the base token less 6 of the stable one, and 8 of the feed.
SCALE = 10**20


@dataclass
class OracleDesk:
    """``desk`` asks the feed at every observation; ``implied`` goes to its observer as it is."""

    desk: Desk
    feed: str

    def push(self, *, age_seconds: int = 0, answer: int | None = None, rounds_behind: int = 0) -> None:
        """A round that says the pool's own price of now, unless given another."""
        seen, deployment = self.desk.observe(), self.desk.warm.deployment
        square = seen.pool.sqrt_price_x96**2
        price = square * SCALE >> 192 if deployment.base_is_token0 else (SCALE << 192) // square
        updated = seen.block.timestamp - age_seconds
        arguments = price if answer is None else answer, updated, updated, rounds_behind
        rpc = self.desk.warm.anvil.rpc
        transact(rpc, deployment.deployer, self.feed, "push(int256,uint256,uint256,uint80)", *arguments)


def with_oracle(
    warm: Warm, folder: Path, *, base_is_quote: bool = False, implied: Any = None, **changes: Any
) -> OracleDesk:
    """A desk whose strategy names the feed; no round is there yet."""
    rpc, deployer = warm.anvil.rpc, warm.deployment.deployer
    compiled = compile_contract({AGGREGATOR.name: AGGREGATOR}, node_modules(), CACHE)
    feed = create(rpc, deployer, compiled["Aggregator"].creation_code, ("uint8",), 8)
    oracle = {"feed": feed, "max_age_seconds": 86_400, "inverse": base_is_quote}
    desk = at_desk(warm, folder, base_is_quote=base_is_quote, oracle=oracle, **changes)
    settings, seen = desk.strategy.settings, desk.observe()
    assert settings.oracle is not None
    base, quote = seen.pool.token0, seen.pool.token1
    if seen.quote_is_token0:
        base, quote = quote, base
    desk.observer = ChainObserver(
        desk.observer._node, desk.venue, desk.owner, desk.journal.samples, chain_id=CHAIN_ID,
        quote_is_token0=seen.quote_is_token0, twap_windows_seconds=settings.limits.twap_windows_seconds,
        oracle=oracle_feed(settings.oracle, desk.venue.multicall, base, quote), implied=implied,
    )  # fmt: skip
    desk.reconciler = wallet_reconciler(
        CHAIN_ID, settings, desk.journal, desk.observer._node, desk.observer, desk.venue, desk.owner
    )
    return OracleDesk(desk, feed)
