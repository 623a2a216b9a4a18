"""Which pool is meant: found, checked against its factory, and known once and for all."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.errors import ConfigError
from keeper.model.price import Token
from keeper.world.chain import codec
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.multicall import Call, Multicall
from keeper.world.v3 import reads

_KNOWN_FEES = (100, 500, 2_500, 3_000, 10_000)
_NOWHERE = "0x" + 40 * "0"


@dataclass(frozen=True, slots=True)
class PoolKey:
    """A pool by its tokens, in the pool's order, and its fee in Uniswap units (500 = 0.05 %)."""

    token0: str
    token1: str
    fee_pips: int


@dataclass(frozen=True, slots=True)
class PoolIdentity:
    """What never changes about a pool. Addresses are checksummed."""

    address: str
    token0: Token
    token1: Token
    fee_pips: int
    tick_spacing: int


class WrongContractsError(ConfigError):
    """Not the pool but the chain's contracts are not what they should be."""


def resolve_pool(multicall: Multicall, contracts: Contracts, pool: str | PoolKey) -> PoolIdentity:
    """The pool of an address or of tokens and fee.

    Raises:
        ConfigError: one sentence on what is wrong with the pool or the contracts, and how to mend it.
        TransientError: the node does not answer.
    """
    block_hash = str(multicall.node.request("eth_getBlockByNumber", ["latest", False])["hash"])
    _check_contracts(multicall, contracts, block_hash)
    address = _find(multicall, contracts, pool, block_hash) if isinstance(pool, PoolKey) else pool
    return _identify(multicall, contracts, address, block_hash)


def _has_code(multicall: Multicall, address: str) -> bool:
    return bool(multicall.node.request("eth_getCode", [address, "latest"]) not in ("0x", "", None))


def _check_contracts(multicall: Multicall, contracts: Contracts, block_hash: str) -> None:
    for name in ("multicall", "factory", "positions", "router"):
        address = getattr(contracts, name)
        if not _has_code(multicall, address):
            raise WrongContractsError(
                f"there is no contract at `contracts.{name}` {address} on this chain: "
                "correct the address or the rpc URL"
            )
    calls = [reads.plain(address, "factory()") for address in (contracts.positions, contracts.router)]
    for name, answer in zip(("positions", "router"), multicall.read(calls, block_hash), strict=True):
        if answer is None or len(answer) != codec.WORD or codec.unsigned(answer) != int(contracts.factory, 16):
            raise WrongContractsError(
                f"`contracts.{name}` {getattr(contracts, name)} does not belong to the factory {contracts.factory}: "
                "take all three from one deployment"
            )


def _find(multicall: Multicall, contracts: Contracts, key: PoolKey, block_hash: str) -> str:
    if int(key.token0, 16) == int(key.token1, 16):
        raise ConfigError("a pool needs two different tokens; token0 and token1 are the same address")
    if int(key.token0, 16) > int(key.token1, 16):
        raise ConfigError(
            f"token0 and token1 are in the wrong order: the lower address comes first. Write token0: {key.token1}, "
            f"token1: {key.token0}, and check that `quote` still names the token you mean"
        )
    fees = tuple(dict.fromkeys((key.fee_pips, key.fee_pips * 100, *_KNOWN_FEES)))
    calls = [_get_pool_call(contracts.factory, key.token0, key.token1, fee) for fee in fees if fee < 1 << 24]
    answers = multicall.read(calls, block_hash)
    found = {
        fee: codec.address(answer)
        for fee, answer in zip(fees, answers, strict=False)
        if answer is not None and codec.unsigned(answer)
    }
    if key.fee_pips in found:
        return found[key.fee_pips]
    if key.fee_pips * 100 in found:
        raise ConfigError(
            f"fee is in Uniswap units, hundredths of a bip: write {key.fee_pips * 100} for {key.fee_pips / 100:g} %, "
            f"not {key.fee_pips}"
        )
    there = ", ".join(f"{fee} ({fee / 10_000:g} %)" for fee in sorted(found)) or "none at all"
    raise ConfigError(
        f"the factory has no pool of {key.token0} and {key.token1} with fee {key.fee_pips}; "
        f"of these tokens it has: {there}"
    )


def _get_pool_call(factory: str, token0: str, token1: str, fee_pips: int) -> Call:
    return factory, codec.call("getPool(address,address,uint24)", token0, token1, fee_pips)


def _identify(multicall: Multicall, contracts: Contracts, address: str, block_hash: str) -> PoolIdentity:
    if not _has_code(multicall, address):
        raise ConfigError(
            f"there is no contract at the pool address {address} on this chain: correct `pool` or `chain`"
        )
    names = ("token0()", "token1()", "fee()", "tickSpacing()", "slot0()")
    answers = multicall.read([reads.plain(address, name) for name in names], block_hash)
    if any(answer is None or len(answer) < codec.WORD for answer in answers):
        raise ConfigError(f"{address} is not a Uniswap v3 pool: correct `pool` (a token or a v2 pair is not one)")
    token0, token1, fee, spacing, slot0 = (answer for answer in answers if answer is not None)
    pair = codec.address(token0), codec.address(token1)
    fee_pips = codec.unsigned(fee)
    (listed,) = multicall.read([_get_pool_call(contracts.factory, *pair, fee_pips)], block_hash)
    if listed is None or codec.unsigned(listed) != int(address, 16):
        raise ConfigError(
            f"{address} is not a pool of the factory {contracts.factory}: it belongs to another exchange; "
            "correct `pool` or `venue`"
        )
    if not codec.unsigned(slot0):
        raise ConfigError(f"the pool {address} has never been given a price; choose a pool that trades")
    tokens = _tokens(multicall, pair, block_hash)
    return PoolIdentity(codec.checksum(address), *tokens, fee_pips, codec.signed(spacing))


def _tokens(multicall: Multicall, pair: tuple[str, str], block_hash: str) -> tuple[Token, Token]:
    calls = [reads.plain(token, name) for token in pair for name in ("decimals()", "symbol()")]
    answers = multicall.read(calls, block_hash)
    first, second = (_token(token, *answers[2 * at : 2 * at + 2]) for at, token in enumerate(pair))
    return first, second


def _token(address: str, decimals: bytes | None, symbol: bytes | None) -> Token:
    if decimals is None or len(decimals) != codec.WORD or codec.unsigned(decimals) > 255:
        raise ConfigError(f"the token {address} does not say how many decimals it has: it cannot be used")
    return Token(address, (codec.text(symbol) if symbol else "") or address[:8], codec.unsigned(decimals))
