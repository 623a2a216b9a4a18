"""What only the chain can tell about a configuration: nodes, contracts, pools, tokens, balances, the key, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from keeper.commands._feeds_online import look_at_feeds
from keeper.commands._finding import Finding
from keeper.commands._owner_online import look_at_owner, safe_section
from keeper.commands._tokens_online import look_at_tokens
from keeper.config import Chain, LoadedConfig
from keeper.config_strategies import StrategyFile
from keeper.errors import ConfigError, KeeperError, RpcError, TransientError
from keeper.policy.settings import PoolKey
from keeper.world.chain import codec
from keeper.world.chain.node import HttpNode

MAX_BLOCK_AGE_SECONDS = 120
MAX_CLOCK_AHEAD_SECONDS = 15


def check_online(loaded: LoadedConfig, strategies: tuple[StrategyFile, ...]) -> Iterator[Finding]:
    """Look at every chain that a strategy is on, then at every strategy."""
    owner = None
    if loaded.keeper.signer.kind in _KEYS:
        finding, owner = _KEYS[loaded.keeper.signer.kind](loaded)
        yield finding
    used = {strategy.settings.chain for strategy in strategies} or set(loaded.keeper.chains)
    for name in sorted(used):
        chain = loaded.keeper.chains[name]
        findings = list(_nodes(name, chain))
        if chain.private_rpc is not None:
            yield _relay(name, chain.private_rpc.get_secret_value(), chain.chain_id)
        if chain.second_rpc is not None:
            yield from _second(name, chain, chain.second_rpc.get_secret_value())
        yield from findings
        if not any(finding.ok for finding in findings):
            continue
        node = HttpNode([url.get_secret_value() for url in chain.rpc], retries=1)
        yield from _guarded(name, partial(_contracts, name, chain, node))
        for strategy in strategies:
            if strategy.settings.chain == name:
                yield from _guarded(strategy.settings.name, partial(_strategy, loaded, strategy, chain, node, owner))
                yield from _guarded(
                    strategy.settings.name, partial(look_at_owner, loaded, strategy, chain, node, owner)
                )
        node.close()


def _guarded(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except KeeperError as error:
        yield Finding(subject, False, str(error), unreachable=_is_out_of_reach(error))


def _is_out_of_reach(error: KeeperError) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, RpcError)


def _key(loaded: LoadedConfig) -> tuple[Finding, str | None]:
    from keeper.world.signers import keystore

    try:
        address = codec.checksum(keystore.stored_address(loaded.signer_path))
    except ConfigError as error:
        # A dry run signs nothing and needs no key.
        return Finding("signer", loaded.mode == "dry", str(error)), None
    return Finding("signer", True, f"{address} in {loaded.signer_path}"), address


def _remote_key(loaded: LoadedConfig) -> tuple[Finding, str | None]:
    from keeper.world.signers.remote import RemoteSigner

    section = loaded.keeper.signer
    assert section.url is not None and section.address is not None  # loading has seen to it
    address = codec.checksum(section.address)
    try:
        signer = RemoteSigner(section.url.get_secret_value(), address, section.timeout_seconds)
        signer.require_key()
    except KeeperError as error:
        return Finding("signer", loaded.mode == "dry", str(error), unreachable=_is_out_of_reach(error)), address
    signer.close()
    return Finding("signer", True, f"{address} at {signer.label}"), address


_KEYS = {"keystore": _key, "remote": _remote_key}


def _nodes(name: str, chain: Chain) -> Iterator[Finding]:
    """Each node by itself: does it answer, for which chain, and how old is its newest block?"""
    for number, url in enumerate(chain.rpc, 1):
        yield _node(f"{name} rpc {number}", url.get_secret_value(), chain.chain_id)


def _node(subject: str, url: str, chain_id: int) -> Finding:
    node = HttpNode([url], retries=1)
    try:
        found = int(node.request("eth_chainId", []), 16)
        if found != chain_id:
            return Finding(subject, False, f"leads to chain id {found}, expected {chain_id}")
        block = node.request("eth_getBlockByNumber", ["latest", False])
        age = time.time() - int(block["timestamp"], 16)
        sentence = f"chain id {found}, block {int(block['number'], 16)}, {age:.0f} s old"
        if age < -MAX_CLOCK_AHEAD_SECONDS:
            return Finding(subject, False, f"{sentence}: this machine's clock is behind; set it by NTP")
        if age > MAX_BLOCK_AGE_SECONDS:
            return Finding(subject, False, f"{sentence}: the node lags, or this machine's clock is ahead")
        return Finding(subject, True, sentence)
    except KeeperError as error:
        return Finding(subject, False, str(error), unreachable=_is_out_of_reach(error))
    except (TypeError, ValueError, KeyError):
        return Finding(subject, False, "answers, but not as an Ethereum node does")
    finally:
        node.close()


def _second(name: str, chain: Chain, url: str) -> Iterator[Finding]:
    """The second opinion: a sound node, of the very same chain, and not the first one once more."""
    subject = f"{name} second_rpc"
    if url in (each.get_secret_value() for each in chain.rpc):
        yield Finding(subject, False, "is one of `rpc`: a second opinion must come from somebody else")
        return
    finding = _node(subject, url, chain.chain_id)
    yield finding
    if not finding.ok:
        return
    nodes = [HttpNode(urls, retries=1) for urls in ([each.get_secret_value() for each in chain.rpc], [url])]
    try:
        first, second = (node.request("eth_getBlockByNumber", ["0x0", False])["hash"] for node in nodes)
        if first != second:
            yield Finding(subject, False, f"its chain begins with block {second}, that of `rpc` with {first}")
    except (KeeperError, TypeError, KeyError):
        return  # a node without the first block cannot be compared; the others have been looked at
    finally:
        for node in nodes:
            node.close()


def _relay(name: str, url: str, chain_id: int) -> Finding:
    """Where transactions are sent. Many relays know no other call: whatever they answer, they are there."""
    subject = f"{name} private_rpc"
    node = HttpNode([url], retries=1)
    try:
        found = int(node.request("eth_chainId", []), 16)
    except RpcError:
        return Finding(subject, True, "answers; which chain it serves it does not say")
    except KeeperError as error:
        return Finding(subject, False, str(error), unreachable=_is_out_of_reach(error))
    finally:
        node.close()
    if found != chain_id:
        return Finding(subject, False, f"leads to chain id {found}, expected {chain_id}")
    return Finding(subject, True, f"chain id {found}; transactions go here and nowhere else")


def _contracts(name: str, chain: Chain, node: HttpNode) -> Iterator[Finding]:
    addresses = {key: address for key, address in chain.contracts.model_dump().items() if address is not None}
    codes = node.batch([("eth_getCode", [address, "latest"]) for address in addresses.values()])
    for (key, address), code in zip(addresses.items(), codes, strict=True):
        if code in ("0x", "", None):
            yield Finding(name, False, f"there is no contract at {address} (contracts.{key})")
    if all(code not in ("0x", "", None) for code in codes):
        yield Finding(name, True, f"{len(addresses)} contracts are where they should be")


def _strategy(
    loaded: LoadedConfig, strategy: StrategyFile, chain: Chain, node: HttpNode, signer: str | None
) -> Iterator[Finding]:
    """The pool's identity, its tokens and oracle, and what the owner holds."""
    settings, subject = strategy.settings, strategy.settings.name
    safe = safe_section(loaded, strategy)
    owner = signer if safe is None else codec.checksum(safe.address)
    factory = str(chain.contracts.factory)
    if isinstance(settings.pool, PoolKey):
        key = settings.pool
        pool = codec.address(_ask(node, factory, "getPool(address,address,uint24)", key.token0, key.token1, key.fee))
        if int(pool, 16) == 0:
            yield Finding(subject, False, f"the factory knows no pool of these tokens with fee {key.fee}")
            return
    else:
        pool = settings.pool
        if node.request("eth_getCode", [pool, "latest"]) == "0x":
            yield Finding(subject, False, f"there is no contract at the pool address {pool}")
            return
    token0, token1 = (codec.address(_ask(node, pool, f"{which}()")) for which in ("token0", "token1"))
    fee = codec.unsigned(_ask(node, pool, "fee()"))
    known = codec.address(_ask(node, factory, "getPool(address,address,uint24)", token0, token1, fee))
    if int(known, 16) != int(pool, 16):
        yield Finding(subject, False, f"{pool} is not a pool of this chain's factory {factory}")
        return
    symbols = [codec.text(_ask(node, token, "symbol()")) for token in (token0, token1)]
    quote = symbols[0 if settings.quote == "token0" else 1]
    yield Finding(
        subject, True, f"pool {pool}: {symbols[0]}/{symbols[1]} {fee / 10_000:g} %, profit counted in {quote}"
    )
    if codec.unsigned(_ask(node, pool, "slot0()")) == 0:
        yield Finding(subject, False, "the pool was never given a price")
        return
    yield _oracle(subject, pool, settings.limits.twap_windows_seconds[-1], node)
    yield from look_at_feeds(strategy, chain, node, pool)
    pair = (token0, symbols[0]), (token1, symbols[1])
    holders = (pool,) if owner is None else (pool, owner)
    yield from look_at_tokens(subject, pair, holders, settings.allow_tokens, node)
    if owner is not None:
        yield _balances(subject, owner, pair, node, pays_gas=safe is None)


def _oracle(subject: str, pool: str, seconds: int, node: HttpNode) -> Finding:
    """Every window must be there, or nothing is done; the longest tells of all."""
    data = codec.call_with_integers("observe(uint32[])", [seconds, 0])
    try:
        node.request("eth_call", [{"to": pool, "data": "0x" + data.hex()}, "latest"])
    except RpcError:
        remedy = "choose smaller limits.twap_seconds and limits.long_twap_seconds, or have its cardinality increased"
        sentence = f"the pool's oracle does not reach back {seconds} s: {remedy}"
        return Finding(subject, False, sentence)
    return Finding(subject, True, f"the pool's oracle reaches back {seconds} s")


def _balances(
    subject: str, owner: str, tokens: tuple[tuple[str, str], ...], node: HttpNode, *, pays_gas: bool
) -> Finding:
    from keeper.report import number, whole

    parts = []
    for token, symbol in tokens:
        decimals = codec.unsigned(_ask(node, token, "decimals()"))
        raw = codec.unsigned(_ask(node, token, "balanceOf(address)", owner))
        parts.append(f"{number(whole(raw, decimals))} {symbol}")
    native = int(node.request("eth_getBalance", [owner, "latest"]), 16)
    text = f"{owner} holds {' and '.join(parts)}, {number(whole(native, 18))} native coin"
    can_pay = native > 0 or not pays_gas
    return Finding(subject, can_pay, text if can_pay else f"{text}: it cannot pay for gas")


def _ask(node: HttpNode, target: str, signature: str, *arguments: str | int) -> bytes:
    data = codec.call(signature, *arguments)
    try:
        reply = node.request("eth_call", [{"to": target, "data": "0x" + data.hex()}, "latest"])
    except RpcError:
        reply = "0x"
    answer = bytes.fromhex(str(reply)[2:])
    if len(answer) < codec.WORD:
        raise ConfigError(f"{target} does not answer {signature}: it is not the contract it should be")
    return answer
