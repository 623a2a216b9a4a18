"""Show where each strategy stands: state, last decision and why, and what is in flight or waits for owners."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json
from keeper.redaction import printable

LATEST_ALERTS = 5


if TYPE_CHECKING:
    from keeper.model.decision import Decision
    from keeper.world.journal.delegations import Delegation
    from keeper.world.journal.queries import Event, PendingTransaction
    from keeper.world.journal.resuming import HaltedSigner

LATEST_ALERTS = 5


@click.command(epilog="Example:  keeper status --json")
@config_option
@journal_option
@json_option
def command(config: Path, journal: str | None, as_json: bool) -> None:
    """Show where each strategy stands: state, last decision and why, and what is in flight or waits for owners.

    Reads the journal alone: no node is asked, and the daemon may be running.
    """
    from keeper.commands import _proposal_lines as proposed
    from keeper.commands._snapshot import last_decisions, owner_figures, price_figures
    from keeper.report import answer
    from keeper.world.journal import decisions, proposal_queries, queries
    from keeper.world.journal.delegations import delegations
    from keeper.world.journal.reading import read_journal
    from keeper.world.journal.resuming import halted_signers

    with read_journal(journal_at(journal, config)) as query:
        mode = queries.mode(query)
        statuses = queries.statuses(query)
        last = last_decisions(query)
        pending = queries.pending_transactions(query)
        waiting = proposal_queries.proposals(query, with_closed=False)
        made = {each.decision_id: decisions.bare_decision(query, each.decision_id) for each in waiting}
        alerts = queries.events(query)[-LATEST_ALERTS:]
        halted = halted_signers(query)
        delegated = delegations(query)
    did = {name: answer(decision) for name, decision in last.items()}
    entries = [
        asdict(each) | (price_figures(last[each.name]) | owner_figures(last[each.name]) if each.name in last else {})
        for each in statuses
    ]
    now = int(time.time())
    if as_json:
        document = {"mode": mode, "strategies": entries, "in_flight": [asdict(each) for each in pending]}
        document["proposals"] = [proposed.in_short(each, made[each.decision_id], now) for each in waiting]
        document["delegations"] = [asdict(each) for each in delegated]
        document["alerts"] = [asdict(alert) for alert in alerts]
        print_json(document | {"halted_signers": [asdict(each) for each in halted]})
        return
    _show(mode, entries, did)
    for line in (
        *_reasons(entries),
        *_owners(last, delegated),
        *_in_flight(pending),
        *(proposed.one_line(each, made[each.decision_id], now) for each in waiting),
        *_told(halted, alerts),
    ):
        click.echo(printable(line))


def _reasons(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Why a strategy is not simply running, in full: a halt's sentence says what to do."""
    for entry in entries:
        if entry["reason"]:
            state = entry["state"].upper() if entry["state"] == "halted" else entry["state"]
            yield f"{entry['name']} is {state}: {entry['reason']}"


def _owners(last: Mapping[str, Decision], delegated: Sequence[Delegation]) -> Iterator[str]:
    """Whose money it is, where that is more than a key; and what keys' accounts are delegated to."""
    from keeper.commands._snapshot import owner_figures
    from keeper.report import when

    names: dict[str, list[str]] = {}
    for name, decision in last.items():
        found = owner_figures(decision)
        if found["account"] == "safe":
            names.setdefault(found["owner"], []).append(name)
    for owner, strategies in sorted(names.items()):
        yield f"owner of {', '.join(strategies)}: the Safe {owner}"
    for each in delegated:
        since = "" if each.since_timestamp is None else f" since {when(each.since_timestamp)}"
        yield (
            f"delegated: the account {each.account} on chain {each.chain_id} runs the code of {each.delegate}{since} "
            "(EIP-7702); `keeper wallet undelegate` takes it back"
        )


def _in_flight(pending: Sequence[PendingTransaction]) -> Iterator[str]:
    for each in pending:
        yield f"in flight: {each.strategy} {each.step}, nonce {each.nonce}, {each.state}, {', '.join(each.hashes)}"


def _told(halted: Sequence[HaltedSigner], alerts: Sequence[Event]) -> Iterator[str]:
    from keeper.report import when

    for signer in halted:
        remedy = "`keeper resume` of a strategy that signs with it lifts this"
        yield f"HALTED signer {signer.address} on chain {signer.chain_id}: {signer.reason} ({remedy})"
    for alert in alerts:
        yield f"{when(alert.timestamp)} {alert.strategy or 'keeper'} {alert.kind}: {alert.message}"


def _show(mode: str, entries: list[dict[str, Any]], did: dict[str, str]) -> None:
    from keeper.commands._tables import show_table
    from keeper.report import when

    rows = []
    for entry in entries:
        price = f"{entry['price']} {entry['price_unit']}" if "price" in entry else ""
        inside = ("in range" if entry["in_range"] else "OUT") if entry.get("open_positions") else "no position"
        last = "" if entry["last_timestamp"] is None else when(entry["last_timestamp"])[:16]
        told = did.get(entry["name"], "")
        rows.append((entry["name"], entry["state"], last, price, inside if "price" in entry else "", told))
    if rows:
        click.echo(f"mode {mode}")
    show_table(
        ("strategy", "state", "last decision (UTC)", "price", "position", "decided"),
        rows,
        empty="nothing has run yet",
    )
