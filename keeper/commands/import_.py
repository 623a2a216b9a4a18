"""Turn a file of events or bars of another tool into a tape of our own, checked row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import json_option
from keeper.commands._tape_words import Address, TokenWords, progress_bar, show_tape

if TYPE_CHECKING:
    from keeper.model.price import Token

# Tokens without an address stand at these, which no contract has, in the pool's order.
_NO_ADDRESS = ("0x0000000000000000000000000000000000000001", "0x0000000000000000000000000000000000000002")


@click.command(epilog="Example:  keeper import events.parquet --out tapes/polygon --chain polygon "
                      "--pool 0x45dDa9cb7c25131DF268515131f647d726f50608")  # fmt: skip
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to fill.")
@click.option("--chain", help="Whose events they are: a well-known name or a chain id.")
@click.option(
    "--pool", type=Address(), help="The pool's address; tokens and fee of well-known pools need not be given."
)
@click.option("--token0", type=TokenWords(_NO_ADDRESS[0]), help="Symbol, decimals and, if known, address.")
@click.option("--token1", type=TokenWords(_NO_ADDRESS[1]), help="The same of token1.")
@click.option("--fee", type=click.IntRange(1, 999_999),
              help="The pool's fee in hundredths of a bip (500 = 0.05 %); else found from the amounts.")  # fmt: skip
@json_option
def command(
    file: Path, out: Path, chain: str | None, pool: str | None, token0: Token | None, token1: Token | None,
    fee: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Turn a file of events or bars of another tool into a tape of our own, checked row by row.

    The format is told by the columns (docs/data.md lists them). Run it again to go on where it was stopped.
    """
    from keeper.world.tape.opening import open_tape
    from keeper.world.tape.tape import TapePool
    from keeper.world.tape.writing import import_tape

    given = TapePool(_chain_id(chain), pool, token0, token1, fee)
    tape = open_tape(file, pool=given)
    with progress_bar(file.name) as advance:
        span = tape.span
        total = span.to_timestamp - span.from_timestamp
        manifest = import_tape(tape, out, lambda rows, at: advance(at - span.from_timestamp, total, f"{rows:,} rows"))
    show_tape(out, manifest, as_json)


def _chain_id(name: str | None) -> int | None:
    from keeper.config_mistakes import suggestion
    from keeper.errors import ConfigError
    from keeper.known_chains import CHAIN_IDS

    if name is None:
        return None
    if name.isdecimal():
        return int(name)
    if name not in CHAIN_IDS:
        raise ConfigError(f"no chain is called {name!r}{suggestion(name, list(CHAIN_IDS), 'chains')}; or give its id")
    return CHAIN_IDS[name]
