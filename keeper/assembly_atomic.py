"""The hands that do a whole plan in one transaction from a key: its account runs a batch contract (EIP-7702), or,
where nothing is swapped, the position manager's own multicall is enough."""

from __future__ import annotations

import time
from collections.abc import Callable

from keeper.assembly_chain import ChainAccess
from keeper.assembly_rehearsal import code_pins
from keeper.assembly_signing import signing_rules
from keeper.assembly_wallet import key_executor
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.observation import Account
from keeper.policy.settings import StrategySettings
from keeper.world.chain.codec import checksum
from keeper.world.chain.delegation import DelegatedAccount, has_code, require_contract
from keeper.world.chain.node import HttpNode
from keeper.world.executors.atomic import AtomicVenue
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Executor, Node, Signer
from keeper.world.venues.uniswap_v3 import UniswapV3


def atomic_account(node: Node, settings: StrategySettings, delegate: str | None = None) -> Account:
    """What the owner's account can do in mode atomic: ``delegated`` where the chain has the batch contract
    ``delegate`` (None: ``Simple7702Account``), else ``multicall``, which is enough where nothing is swapped.

    Raises:
        ConfigError: neither will do.
        TransientError: the node does not answer.
    """
    contract = batch_contract(delegate)
    if settings.swap.route == "none" and delegate is None and not has_code(node, contract):
        return "multicall"
    require_contract(node, contract)
    return "delegated"


def batch_contract(delegate: str | None) -> str:
    """The checksum address of the batch contract of ``execution.delegate``."""
    return checksum(delegate or BATCH_ACCOUNT.address)


def atomic_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    signer: Signer,
    *,
    delegate: str | None = None,
    pause: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """One transaction for a whole plan from the signer's own address. ``delegate``: the operator's own batch contract
    in place of ``Simple7702Account``, whose code is pinned at first sight. The rest as ``wallet_executor``; errors of
    what it makes as ``atomic_account``."""

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        account = atomic_account(node, settings, delegate)
        contract = batch_contract(delegate) if account == "delegated" else None
        rules = signing_rules(
            chain.chain_id, chain.contracts, settings, venue.pool, signer.address, account=account, delegate=contract
        )
        named = {} if contract is None else {"delegate": contract}
        pins = code_pins(node, venue, journal.pins, chain.chain_id, settings.name, **named)
        if contract is None:
            return key_executor(chain, settings, journal, signer, node, venue, rules, pins, pause=pause, now=now)
        known = BATCH_ACCOUNT.code_hash if contract == BATCH_ACCOUNT.address else None
        watched = DelegatedAccount(node, signer.address, contract, code_hash=known, others=pins)
        return key_executor(
            chain, settings, journal, signer, node, venue, rules, watched,
            acts=AtomicVenue(venue, contract), pause=pause, now=now, one_at_a_time=True,
        )  # fmt: skip

    return make
