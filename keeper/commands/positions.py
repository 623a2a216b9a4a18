"""Show the positions that the keeper opened, with range, what was put in, and fees collected."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json


@click.command(epilog="Example:  keeper positions --all")
@click.option("--all", "with_closed", is_flag=True, help="Closed ones too.")
@config_option
@journal_option
@json_option
def command(with_closed: bool, config: Path, journal: str | None, as_json: bool) -> None:
    """Show the positions that the keeper opened, with range, what was put in, and fees collected.

    Amounts in JSON are raw units; uncollected fees are those of the strategy's last look.
    """
    from keeper.commands._snapshot import bounds, last_decisions
    from keeper.commands._tables import show_table
    from keeper.report import amount, when
    from keeper.world.journal import queries
    from keeper.world.journal.reading import read_journal

    with read_journal(journal_at(journal, config)) as query:
        records = queries.positions(query, with_closed=with_closed)
        last = last_decisions(query)
    rows, entries = [], []
    for record in records:
        decision = last[record.strategy]
        pool = decision.observation.pool
        low, high = bounds(decision, record.lower_tick, record.upper_tick)
        seen = {position.token_id: position for position in decision.observation.positions}.get(record.token_id)
        entry = asdict(record) | {"lower_price": low.replace(",", ""), "upper_price": high.replace(",", "")}
        if seen is not None:
            inside = record.lower_tick <= pool.tick < record.upper_tick
            entry |= {"in_range": inside, "uncollected": [seen.uncollected_0, seen.uncollected_1]}
        entries.append(entry)
        state = (
            "closed" if record.closed_timestamp is not None else "" if seen is None else "in range" if inside else "OUT"
        )
        fees = [record.fees.get(token.address.lower(), 0) for token in (pool.token0, pool.token1)]
        rows.append(
            (
                record.strategy,
                str(record.token_id),
                f"{low} to {high}",
                state,
                f"{amount(record.amount_0, pool.token0)}, {amount(record.amount_1, pool.token1)}",
                f"{amount(fees[0], pool.token0)}, {amount(fees[1], pool.token1)}",
                when(record.opened_timestamp)[:16],
            )
        )
    if as_json:
        print_json({"positions": entries})
        return
    columns = ("strategy", "id", "range", "state", "put in", "fees collected", "opened (UTC)")
    show_table(columns, rows, empty="no position" + ("" if with_closed else " is open; --all shows closed ones"))
