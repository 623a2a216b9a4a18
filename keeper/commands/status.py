"""Show where each strategy stands: state, last decision and why, and what is in flight."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json

LATEST_ALERTS = 5


@click.command(epilog="Example:  keeper status --json")
@config_option
@journal_option
@json_option
def command(config: Path, journal: str | None, as_json: bool) -> None:
    """Show where each strategy stands: state, last decision and why, and what is in flight.

    Reads the journal alone: no node is asked, and the daemon may be running.
    """
    from keeper.commands._snapshot import last_decisions, price_figures
    from keeper.redaction import printable
    from keeper.report import answer, when
    from keeper.world.journal import queries
    from keeper.world.journal.reading import read_journal
    from keeper.world.journal.resuming import halted_signers

    with read_journal(journal_at(journal, config)) as query:
        mode = queries.mode(query)
        statuses = queries.statuses(query)
        last = last_decisions(query)
        pending = queries.pending_transactions(query)
        alerts = queries.events(query)[-LATEST_ALERTS:]
        halted = halted_signers(query)
    did = {name: answer(decision) for name, decision in last.items()}
    entries = [
        asdict(status) | (price_figures(last[status.name]) if status.name in last else {}) for status in statuses
    ]
    if as_json:
        in_flight = [asdict(each) for each in pending]
        told = [asdict(alert) for alert in alerts]
        signers = [asdict(each) for each in halted]
        document = {"mode": mode, "strategies": entries, "in_flight": in_flight, "alerts": told}
        print_json(document | {"halted_signers": signers})
        return
    _show(mode, entries, did)
    for each in pending:
        click.echo(
            f"in flight: {each.strategy} {each.step}, nonce {each.nonce}, {each.state}, {', '.join(each.hashes)}"
        )
    for signer in halted:
        remedy = "`keeper resume` of a strategy that signs with it lifts this"
        click.echo(printable(f"HALTED signer {signer.address} on chain {signer.chain_id}: {signer.reason} ({remedy})"))
    for alert in alerts:
        click.echo(printable(f"{when(alert.timestamp)} {alert.strategy or 'keeper'} {alert.kind}: {alert.message}"))


def _show(mode: str, entries: list[dict[str, Any]], did: dict[str, str]) -> None:
    from keeper.commands._tables import show_table
    from keeper.report import when

    rows = []
    for entry in entries:
        state = entry["state"] + (f" ({entry['reason']})" if entry["reason"] else "")
        price = f"{entry['price']} {entry['price_unit']}" if "price" in entry else ""
        inside = ("in range" if entry["in_range"] else "OUT") if entry.get("open_positions") else "no position"
        last = "" if entry["last_timestamp"] is None else when(entry["last_timestamp"])[:16]
        told = did.get(entry["name"], "")
        rows.append((entry["name"], state, last, price, inside if "price" in entry else "", told))
    if rows:
        click.echo(f"mode {mode}")
    show_table(
        ("strategy", "state", "last decision (UTC)", "price", "position", "decided"),
        rows,
        empty="nothing has run yet",
    )
