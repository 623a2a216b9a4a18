"""Download a pool's events from any node into a tape, verified; run it again to go on where it stopped."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import config_option, json_option
from keeper.commands._tape_words import Address, Moment, progress_bar, show_tape

if TYPE_CHECKING:
    from keeper.assembly_chain import ChainAccess
    from keeper.world.tape.download_pace import PacedNode

_TIMEOUT_SECONDS = 30.0


@click.command(epilog="Example:  keeper download --chain base --pool 0xd0b5…f224 --from 2025-01-01 --to 2025-02-01 "
                      "--out tapes/base-eth-usdc")  # fmt: skip
@click.option("--chain", required=True, help="A chain of keeper.yaml; with --rpc also a well-known name (base, …).")
@click.option("--pool", type=Address(), required=True, help="The pool's address.")
@click.option("--from", "begin", type=Moment(), required=True, help="First block, or the moment it begins with (UTC).")
@click.option("--to", "end", type=Moment(), required=True,
              help="Last block, or the moment before which it ends (UTC), or `latest`.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to fill.")
@click.option("--rpc", help="A node's URL instead of the configured ones. May hold a key: it is never shown.")
@click.option("--requests-per-second", type=click.FloatRange(0.1, 10_000), default=25.0, show_default=True,
              help="How many calls a node is asked at most.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests under way at once.")
@config_option
@json_option
def command(
    chain: str, pool: str, begin: int | datetime | None, end: int | datetime | None, out: Path, rpc: str | None,
    requests_per_second: float, workers: int, config: Path, as_json: bool,
) -> None:  # fmt: skip
    """Download a pool's events from any node into a tape, verified; run it again to go on where it stopped.

    Every log is checked against its block, and where the node gives the state of old blocks also against the pool's
    own price, liquidity and balances: a node that leaves logs out is found and named. What docs/data.md describes
    comes out, the same bytes however often it was stopped.
    """
    from keeper.world.chain.multicall import Multicall
    from keeper.world.chain.node import HttpNode
    from keeper.world.tape.download import Wanted, download
    from keeper.world.tape.download_pace import PacedNode
    from keeper.world.v3.identity import resolve_pool

    access = _access(chain, rpc, config)
    http = HttpNode(access.urls, chain_id=access.chain_id, timeout_seconds=_TIMEOUT_SECONDS, retries=3)
    http.check_chain(access.chain_id)
    node = PacedNode(http, requests_per_second)
    multicall = Multicall(node, access.contracts.multicall)
    try:
        identity = resolve_pool(multicall, access.contracts, pool)
        first, last = _blocks(node, access.confirmations, begin, end, out)
        wanted = Wanted(access.chain_id, identity, first, last)
        label = f"{identity.token0.symbol}/{identity.token1.symbol}"
        with progress_bar(label) as advance:
            manifest = download(
                node, multicall, wanted, out, workers=workers,
                progress=lambda done, total, events: advance(done, total, f"{events:,} events"),
            )  # fmt: skip
    finally:
        http.close()
    show_tape(out, manifest, as_json)


def _access(name: str, rpc: str | None, config: Path) -> ChainAccess:
    """How the chain is reached. ConfigError: nobody says where its nodes or contracts are."""
    from keeper.assembly_chain import access
    from keeper.config import Chain, load_keeper
    from keeper.config_mistakes import suggestion
    from keeper.errors import ConfigError
    from keeper.known_chains import CHAIN_IDS, CONTRACTS
    from keeper.redaction import never_show

    if rpc is not None:
        never_show(rpc)
    known = load_keeper(config, os.environ).keeper.chains if config.exists() or rpc is None else {}
    if name in known:
        chain = known[name]
    elif rpc is None:
        raise ConfigError(
            f"no chain is called {name!r}{suggestion(name, list(known), 'chains')}; or give --rpc", path=str(config)
        )
    elif name in CHAIN_IDS:
        chain = Chain.model_validate(
            {"chain_id": CHAIN_IDS[name], "rpc": ["http://localhost"], "contracts": CONTRACTS[CHAIN_IDS[name]]}
        )
    else:
        raise ConfigError(f"no chain is called {name!r}{suggestion(name, list(CHAIN_IDS), 'chains')}")
    found = access(chain)
    return found if rpc is None else replace(found, urls=(rpc,))


def _blocks(
    node: PacedNode, confirmations: int, begin: int | datetime | None, end: int | datetime | None, out: Path
) -> tuple[int, int]:
    """First and last block. ``latest`` of a download that was begun stays what it was then."""
    from keeper.errors import ConfigError
    from keeper.world.tape.download import planned_end
    from keeper.world.tape.download_blocks import first_block_at, header

    newest = header(node, "latest")
    head = header(node, max(0, newest.number - confirmations))
    if begin is None:
        raise ConfigError("--from latest leaves nothing to download; give a block or a date")
    first = begin if isinstance(begin, int) else first_block_at(node, int(begin.timestamp()), head)
    if end is None:
        planned = planned_end(out)
        last = head.number if planned is None else planned
    else:
        last = end if isinstance(end, int) else first_block_at(node, int(end.timestamp()), head) - 1
    if last > head.number:
        raise ConfigError(
            f"--to: block {last} is not settled yet (the newest that is {confirmations} deep is {head.number}); "
            "choose an earlier one, or `latest`"
        )
    if first > last:
        raise ConfigError(f"--from (block {first}) lies after --to (block {last}): there is nothing between them")
    return first, last
