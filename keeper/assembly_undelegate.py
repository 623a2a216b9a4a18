"""Taking back the delegation of the configured key's account, on one chain: lock, journal, node, key."""

from __future__ import annotations

import time
from dataclasses import dataclass

from keeper.assembly import connect
from keeper.assembly_chain import ChainAccess, access
from keeper.assembly_owners import configured_signer
from keeper.assembly_signing import undelegation_limits
from keeper.assembly_wallet import wei_per_gas
from keeper.config import LoadedConfig
from keeper.config_mistakes import suggestion
from keeper.errors import ConfigError
from keeper.world.chain.genesis import check_genesis
from keeper.world.chain.node import HttpNode
from keeper.world.chain.private import PrivatelySent
from keeper.world.chain.send_state import Patience
from keeper.world.chain.undelegating import Undelegated, Waiting, undelegate
from keeper.world.journal.lock import hold_lock
from keeper.world.journal.opening import open_journal
from keeper.world.signers.delegation import UndelegationLimits, sign_undelegation


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What came of it, with the chain's name in keeper.yaml and the account."""

    chain: str
    address: str
    result: Undelegated


def take_delegation_back(loaded: LoadedConfig, chain: str | None, waiting: Waiting | None = None) -> TakenBack:
    """Take back what the account of the configured key delegates to; ``chain`` None: on the only one there is.

    Raises:
        ConfigError: no chain, or several; the key or the chain is not what it should be; the mode signs nothing.
        FatalError: another process works on the journal or with the key, or the nonce went to a stranger.
        TransientError: the node does not answer, something else is out, or it is not mined yet.
    """
    name = _the_chain(loaded, chain)
    if loaded.mode in ("dry", "proposal_file"):
        raise ConfigError(f"mode {loaded.mode} signs nothing: set another execution.mode", path=str(loaded.file))
    reach = access(loaded.keeper.chains[name])
    limits = undelegation_limits(reach.chain_id)
    signer = configured_signer(loaded)
    url = loaded.journal_url
    with hold_lock(url, signer.address):
        node = connect(reach)
        journal = open_journal(url, loaded.mode)
        try:
            check_genesis(node, reach.chain_id, journal.reconciliations.first_genesis)
            relay = None if reach.private_url is None else HttpNode((reach.private_url,))
            result = undelegate(
                node if relay is None else PrivatelySent(node, relay),
                journal.transactions,
                lambda nonce, caps, gas: sign_undelegation(signer, reach.chain_id, nonce, caps, gas, limits),
                signer.address,
                reach.chain_id,
                _patience(loaded, reach, limits),
                waiting or Waiting(time.sleep, time.monotonic),
            )
        finally:
            journal.close()
    return TakenBack(name, signer.address, result)


def _the_chain(loaded: LoadedConfig, chain: str | None) -> str:
    names = list(loaded.keeper.chains)
    if chain is None and len(names) == 1:
        return names[0]
    if chain is None:
        raise ConfigError(f"{loaded.file} has several chains: name one with --chain ({', '.join(names)})")
    if chain not in names:
        raise ConfigError(f"{loaded.file} has no chain {chain!r}{suggestion(chain, names, 'chains')}")
    return chain


def _patience(loaded: LoadedConfig, chain: ChainAccess, limits: UndelegationLimits) -> Patience:
    return Patience(
        confirmations=max(1, chain.confirmations),
        bump_after_seconds=chain.bump_after_seconds,
        ceiling_wei=wei_per_gas(loaded.keeper.limits.max_gas_gwei),
        # What the signing policy would refuse is not asked for.
        most_tip_wei=limits.tip_wei,
        most_gas_wei=limits.gas_wei,
    )
