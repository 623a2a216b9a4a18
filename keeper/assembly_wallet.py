"""The hands that send from a key's own address, one plain transaction for each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from keeper.assembly_chain import ChainAccess
from keeper.assembly_rehearsal import code_pins, rehearsal
from keeper.assembly_settings import completed
from keeper.assembly_signing import signing_rules
from keeper.config_strategies import settings_digest
from keeper.policy.settings import StrategySettings
from keeper.world.chain.node import HttpNode
from keeper.world.chain.private import PrivatelySent
from keeper.world.chain.send_state import Patience
from keeper.world.chain.sender import Sender
from keeper.world.executors.wallet import WalletExecutor
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Executor, LastLook, PinnedContracts, Rehearsal, Signer, Venue
from keeper.world.signers.evidence import Rules
from keeper.world.signers.policed import PolicedSigner
from keeper.world.venues.uniswap_v3 import UniswapV3

GWEI = 10**9


def wallet_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    signer: Signer,
    *,
    pause: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Plain transactions from the signer's own address. ``pause`` comes between two looks for a receipt; ``now`` is
    the monotonic clock, seconds, by which their time is up."""

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        rules = signing_rules(chain.chain_id, chain.contracts, settings, venue.pool, signer.address)
        pins = code_pins(node, venue, journal.pins, chain.chain_id, settings.name)
        return key_executor(chain, settings, journal, signer, node, venue, rules, pins, pause=pause, now=now)

    return make


def key_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    signer: Signer,
    node: HttpNode,
    venue: UniswapV3,
    rules: Rules,
    pins: PinnedContracts,
    *,
    acts: Venue | None = None,
    pause: Callable[[float], object],
    now: Callable[[], float],
    one_at_a_time: bool = False,
) -> Executor:
    """What ``rules`` let through, sent from the key's address. ``acts`` says what a step's transaction is, where it is
    not ``venue``; ``one_at_a_time`` as for ``Sender``."""
    rehearsed = rehearsal(node, venue, signer.address, pins)
    look = PolicedSigner(signer, rules, journal.signing)
    sender = key_sender(
        chain, settings, journal, look, node, rules, rehearsed, pause=pause, now=now, one_at_a_time=one_at_a_time
    )
    digest = settings_digest(completed(settings))
    return WalletExecutor(sender, acts or venue, journal.transactions, node, rehearsed, settings_digest=digest)


def key_sender(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    look: LastLook,
    node: HttpNode,
    rules: Rules,
    rehearsed: Rehearsal,
    *,
    pause: Callable[[float], object],
    now: Callable[[], float],
    one_at_a_time: bool = False,
) -> Sender:
    """Sends what ``look`` signs, within the strategy's bounds on gas, to the chain's relay where it has one."""
    # A relay is asked nothing but to take transactions, not even which chain it serves: many know no other call.
    relay = None if chain.private_url is None else HttpNode((chain.private_url,))
    return Sender(
        node if relay is None else PrivatelySent(node, relay),
        look,
        journal.transactions,
        chain.chain_id,
        rehearsal=rehearsed,
        pause=pause,
        now=now,
        patience=_patience(chain, settings, rules),
        exit_ceiling_wei=wei_per_gas(settings.limits.max_exit_gas_gwei),
        route="public" if relay is None else "private",
        one_at_a_time=one_at_a_time,
    )


def _patience(chain: ChainAccess, settings: StrategySettings, rules: Rules) -> Patience:
    return Patience(
        confirmations=max(1, chain.confirmations),
        bump_after_seconds=chain.bump_after_seconds,
        ceiling_wei=wei_per_gas(settings.limits.max_gas_gwei),
        # What the signing policy would refuse is not asked for: its refusal is for defects, and halts.
        most_tip_wei=rules.max_priority_fee_wei,
        most_gas_wei=rules.limits.gas_wei_per_transaction,
        most_exit_gas_wei=rules.limits.gas_wei_per_exit,
    )


def wei_per_gas(gwei: Decimal | None) -> int | None:
    """A fee in wei per gas."""
    return None if gwei is None else int(gwei * GWEI)
