"""What ``keeper check --online`` finds out about an owner that is more than a key: a Safe, or a delegated account."""

from __future__ import annotations

import os
from collections.abc import Iterator

from keeper.assembly_atomic import batch_contract
from keeper.commands._finding import Finding
from keeper.config import Chain, LoadedConfig
from keeper.config_execution import Execution, Safe
from keeper.config_strategies import StrategyFile
from keeper.errors import HaltedError, KeeperError, RpcError, ServiceRefusedError, TransientError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.known_safe_services import service_url
from keeper.model.safe import SafeState
from keeper.world.chain import codec
from keeper.world.chain.delegation import (
    DelegatedAccount,
    delegation_code,
    delegation_of,
    execute_batch,
    require_contract,
)
from keeper.world.chain.multicall import MULTICALL3
from keeper.world.chain.node import HttpNode
from keeper.world.protocols import Call
from keeper.world.safe.checks import KNOWN_MULTI_SEND, warnings
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.service import SafeService

# keccak-256 of nothing: what EIP-1052 gives for an account without code.
_NO_CODE_HASH = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def safe_section(loaded: LoadedConfig, strategy: StrategyFile) -> Safe | None:
    """The Safe that owns what the strategy works with; None where a key does."""
    return loaded.safe_of(strategy.settings.execution, strategy.settings.safe)


def look_at_owner(
    loaded: LoadedConfig, strategy: StrategyFile, chain: Chain, node: HttpNode, key: str | None
) -> Iterator[Finding]:
    """Nothing for a plain key."""
    section, mode = safe_section(loaded, strategy), loaded.mode_of(strategy.settings.execution)
    subject = strategy.settings.name
    if section is not None:
        yield from _safe(subject, section, chain, node, key, mode)
    elif mode == "atomic" and key is not None:
        own = strategy.settings.execution
        execution = Execution.model_validate(own) if own is not None else loaded.keeper.execution
        yield from _account(subject, batch_contract(execution.delegate), node, key)


def _safe(subject: str, section: Safe, chain: Chain, node: HttpNode, key: str | None, mode: str) -> Iterator[Finding]:
    multisend = section.multisend or KNOWN_MULTI_SEND.address
    reader = SafeReader(node, chain.contracts.multicall3 or MULTICALL3, section.address, multisend=multisend)
    state = reader.state(str(node.request("eth_getBlockByNumber", ["latest", False])["hash"]))
    owners = ", ".join(codec.checksum(owner) for owner in state.owners)
    yield Finding(
        subject, True,
        f"Safe {codec.checksum(section.address)} {state.version}, {state.threshold} of {len(state.owners)} owners "
        f"({owners}), next nonce {state.nonce}",
    )  # fmt: skip
    yield from (Finding(subject, True, f"mind: {sentence}") for _kind, sentence in warnings(section.address, state))
    yield _multisend(subject, multisend, state)
    if mode == "proposal_file":
        yield Finding(subject, True, f"proposals are written to {section.proposals_folder}; no key is needed")
        return
    service = None if section.propose_by == "approve_hash" else _service(subject, section, chain)
    if isinstance(service, Finding):
        yield service
    else:
        yield from _proposer(subject, service, state, key, may_send=section.execute != "never", node=node)


def _multisend(subject: str, address: str, state: SafeState) -> Finding:
    found = state.multisend_code_hash.removeprefix("0x")
    if int(found, 16) == 0 or found == _NO_CODE_HASH:
        return Finding(subject, False, f"there is no MultiSendCallOnly at {address}: set safe.multisend")
    if codec.checksum(address) != KNOWN_MULTI_SEND.address:
        return Finding(subject, True, f"mind: safe.multisend {address} is your own; its code is pinned at first sight")
    if found != KNOWN_MULTI_SEND.code_hash:
        sentence = f"the code at {address} is not Safe's MultiSendCallOnly: set safe.multisend to the real one"
        return Finding(subject, False, sentence)
    return Finding(subject, True, f"MultiSendCallOnly {address} has the code that is known")


def _service(subject: str, section: Safe, chain: Chain) -> SafeService | Finding:
    url = section.service_url or service_url(chain.chain_id)
    if url is None:
        remedy = "set safe.service_url, safe.propose_by: approve_hash, or execution.mode: proposal_file"
        return Finding(subject, False, f"Safe runs no service that is known for chain id {chain.chain_id}: {remedy}")
    name = section.api_key_env
    api_key = os.environ.get(name) if name is not None else None
    if name is not None and not api_key:
        return Finding(
            subject, False, f"the environment variable {name} is not set: it must hold the service's API key"
        )
    return SafeService(url, chain.chain_id, section.address, api_key=api_key)


def _proposer(
    subject: str, service: SafeService | None, state: SafeState, key: str | None, *, may_send: bool, node: HttpNode
) -> Iterator[Finding]:
    """Whether the service lets us in, and what the key may do there and on the chain."""
    delegates: frozenset[str] = frozenset()
    if service is not None:
        try:
            seen = service.safe_info()
            delegates = frozenset(each.delegate for each in service.delegates())
        except (ServiceRefusedError, TransientError) as error:
            yield Finding(subject, False, str(error), unreachable=_is_out_of_reach(error))
            return
        finally:
            service.close()
        same = (seen.nonce, seen.threshold, set(seen.owners)) == (state.nonce, state.threshold, set(state.owners))
        late = "" if same else "; it sees the Safe as it was some time ago, or another one"
        yield Finding(subject, True, f"the service at {service.label} answers and knows the Safe{late}")
    if key is None:
        return
    is_owner = key.lower() in state.owners
    if is_owner and state.threshold == 1:
        yield Finding(subject, True, f"mind: the key {key} alone can do everything with the Safe (threshold 1)")
    elif is_owner:
        yield Finding(subject, True, f"the key {key} is an owner: its proposals are one signature of {state.threshold}")
    elif service is None:
        remedy = "make it one, or set safe.propose_by to service"
        yield Finding(subject, False, f"the key {key} is no owner, and only owners approve a hash on chain: {remedy}")
    elif key.lower() in delegates:
        yield Finding(subject, True, f"the key {key} is a delegate: it can propose, and move nothing")
    else:
        remedy = "an owner adds it in Safe's web app: Settings, Setup, Proposers"
        yield Finding(subject, False, f"the key {key} is neither an owner of the Safe nor a delegate of one: {remedy}")
    if service is None or (may_send and is_owner and state.threshold == 1):
        yield _gas_money(subject, key, node)


def _gas_money(subject: str, key: str, node: HttpNode) -> Finding:
    has_some = int(node.request("eth_getBalance", [key, "latest"]), 16) > 0
    return Finding(
        subject, has_some, f"the key {key} " + ("can pay for gas" if has_some else "sends, and has no gas money")
    )


def _account(subject: str, contract: str, node: HttpNode, key: str) -> Iterator[Finding]:
    """The batch contract, whether the chain runs a delegated account, and what the key's is delegated to."""
    require_contract(node, contract)
    code_hash = BATCH_ACCOUNT.code_hash if contract == BATCH_ACCOUNT.address else None
    if code_hash is None:
        sentence = f"mind: execution.delegate {contract} is your own; its code is pinned at first sight"
        yield Finding(subject, True, sentence)
    try:
        DelegatedAccount(node, key, contract, code_hash=code_hash).check()
    except HaltedError as error:
        yield Finding(subject, False, str(error))
        return
    probe = {"from": key, "to": key, "data": "0x" + execute_batch([Call(key, b"")]).hex()}
    try:
        node.request("eth_call", [probe, "latest", {key: {"code": "0x" + delegation_code(contract).hex()}}])
    except RpcError:
        sentence = (
            "the node does not run a delegated account: no EIP-7702 on the chain, or no state overrides in the node"
        )
        yield Finding(subject, False, f"{sentence}; use mode wallet")
        return
    if delegation_of(node, key) is None:
        told = f"the account {key} is not delegated yet; the first transaction sets it to {contract}"
    else:
        told = f"the account {key} runs the batch account {contract}; `keeper wallet undelegate` takes that back"
    yield Finding(subject, True, told)


def _is_out_of_reach(error: KeeperError) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, RpcError)
