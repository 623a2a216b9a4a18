"""Whether the feeds that a strategy names give what it needs: swap logs, price oracle, implied volatility."""

from __future__ import annotations

import time
from collections.abc import Iterator

from keeper.assembly_feeds import implied_feed, oracle_feed
from keeper.commands._finding import Finding
from keeper.config import Chain
from keeper.config_strategies import StrategyFile
from keeper.errors import TransientError
from keeper.model.observation import Block, MissingInput
from keeper.model.price import Token
from keeper.policy.settings import Implied, OracleSettings, PriceHistory
from keeper.world.chain import codec
from keeper.world.chain.multicall import MULTICALL3, Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.feeds.swap_logs import SwapLogs

_LOOK_SECONDS = 10.0
_PROBE_BLOCKS = 100


def look_at_feeds(strategy: StrategyFile, chain: Chain, node: HttpNode, pool: str) -> Iterator[Finding]:
    """One finding for each feed."""
    settings, subject = strategy.settings, strategy.settings.name
    head = node.request("eth_getBlockByNumber", ["latest", False])
    block = Block(chain.chain_id, int(head["number"], 16), head["hash"], int(head["timestamp"], 16), 0)
    yield _tape(subject, settings.history, node, pool, block)
    if settings.oracle is not None:
        multicall = Multicall(node, chain.contracts.multicall3 or MULTICALL3)
        yield _oracle(subject, settings.oracle, multicall, pool, block, quote_is_token0=settings.quote == "token0")
    if settings.implied is not None:
        yield _implied(subject, settings.implied)


def _tape(subject: str, history: PriceHistory, node: HttpNode, pool: str, block: Block) -> Finding:
    """Logs of now are needed; logs as old as the history that is wanted are asked for once."""
    logs = SwapLogs(node, pool, first_blocks=_PROBE_BLOCKS)
    try:
        newest = logs.read_down_from(block.number, 0, time.monotonic() + _LOOK_SECONDS)
    except TransientError as error:
        return Finding(subject, False, f"the pool's swaps cannot be read: {error}")
    if not history.backfill or newest.first.number == 0:
        return Finding(subject, True, "the node gives the pool's swaps")
    try:
        oldest = _first_block(node, newest.first.number, block, history.days)
        logs.read_down_from(oldest + _PROBE_BLOCKS, oldest, time.monotonic() + _LOOK_SECONDS)
    except TransientError as error:
        sentence = f"the node gives the pool's swaps, but not those of {history.days} days ago ({error}); history will"
        return Finding(subject, True, f"{sentence} be as long as the node's memory")
    return Finding(subject, True, f"the node gives the pool's swaps of the last {history.days} days")


def _first_block(node: HttpNode, recent: int, block: Block, days: int) -> int:
    """About the block of so many days ago, by the pace of the latest hundred or so."""
    header = node.request("eth_getBlockByNumber", [hex(recent), False])
    pace = max(1, block.timestamp - int(header["timestamp"], 16)) / max(1, block.number - recent)
    return max(0, block.number - int(days * 86_400 / pace))


def _oracle(
    subject: str, settings: OracleSettings, multicall: Multicall, pool: str, block: Block, *, quote_is_token0: bool
) -> Finding:
    sides = [(pool, codec.SELECTORS[f"token{side}()"]) for side in (0, 1)]
    tokens = [codec.address(answer or b"") for answer in multicall.read(sides, block.hash)]
    calls = [(token, codec.SELECTORS[name]) for token in tokens for name in ("symbol()", "decimals()")]
    said = [answer or b"" for answer in multicall.read(calls, block.hash)]
    first, second = (Token(tokens[i], codec.text(said[2 * i]), codec.unsigned(said[2 * i + 1])) for i in (0, 1))
    base, quote = (second, first) if quote_is_token0 else (first, second)
    answer = oracle_feed(settings, multicall, base, quote).quote(block)
    if isinstance(answer, MissingInput):
        return Finding(subject, False, f"the price oracle cannot be used: {answer.reason}")
    age = block.timestamp - answer.updated_timestamp
    return Finding(subject, True, f"the price oracle says {answer.price.to_decimal(6)} {answer.price}, {age} s old")


def _implied(subject: str, settings: Implied) -> Finding:
    quotes, missing = implied_feed(settings).quotes(int(time.time()))
    if missing:
        reasons = "; ".join(each.reason for each in missing)
        return Finding(subject, False, f"implied volatility cannot be had: {reasons}", unreachable=True)
    shown = ", ".join(f"{quote.tenor_seconds // 86_400} d {quote.sigma_annual:.1%}" for quote in quotes)
    return Finding(subject, True, f"implied volatility a year: {shown}")
