"""What holds one word against another: a second node against the first, the journal against the wallet."""

from __future__ import annotations

from keeper.model.observation import Account
from keeper.policy.settings import StrategySettings
from keeper.world.chain.evidence import ChainEvidence
from keeper.world.chain.genesis import check_genesis
from keeper.world.chain.multicall import Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.journal.books import Subject
from keeper.world.journal.journal import SqlJournal
from keeper.world.observer import ChainObserver, reader_of
from keeper.world.protocols import Node
from keeper.world.reconcile import WalletReconciler
from keeper.world.second_opinion import SecondOpinion
from keeper.world.venues.uniswap_v3 import UniswapV3

SECOND_NODE_SECONDS = 5.0


def second_opinion(
    url: str | None,
    chain_id: int,
    settings: StrategySettings,
    journal: SqlJournal,
    venue: UniswapV3,
    owner: str,
    account: Account = "key",
) -> SecondOpinion | None:
    """A second node, proved to be on the same chain; None without a URL.

    Raises:
        ConfigError: it serves another chain id.
        FatalError: another chain with the same id.
        TransientError: it does not answer.
    """
    if url is None:
        return None
    node = HttpNode((url,), chain_id=chain_id, timeout_seconds=SECOND_NODE_SECONDS, retries=1)
    node.check_chain(chain_id)
    check_genesis(node, chain_id, journal.reconciliations.first_genesis)
    there = UniswapV3(venue.contracts, Multicall(node, venue.contracts.multicall), venue.pool)
    return SecondOpinion(node, reader_of(there, owner, settings.limits.twap_windows_seconds, account=account))


def wallet_reconciler(
    chain_id: int,
    settings: StrategySettings,
    journal: SqlJournal,
    node: Node,
    observer: ChainObserver,
    venue: UniswapV3,
    owner: str,
    account: Account = "key",
) -> WalletReconciler:
    """Holds the journal against the wallet; in a dry run nobody signs, and a Safe has no nonce but its owners'."""
    is_dry = journal.mode == "dry"
    signer = None if is_dry or account == "safe" else owner
    return WalletReconciler(
        journal.reconciliations,
        ChainEvidence(node, venue.multicall, venue.contracts.positions),
        Subject(settings.name, chain_id, owner, venue.pool.address, signer),
        sent_count=lambda: observer.sent_count,
        on_unknown_position=settings.limits.on_unknown_position,
        has_owners=account == "safe" and not is_dry,
    )
