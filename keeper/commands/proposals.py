"""Show what the owners of a Safe are asked to sign: what it does, earns and costs, and how far it is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json, require_known

if TYPE_CHECKING:
    from keeper.model.decision import Decision
    from keeper.world.journal.proposal_queries import ProposalRecord


@click.command(epilog="Example:  keeper proposals 0x3c9af1")
@click.argument("reference", metavar="[ID_OR_HASH]", required=False)
@click.option("--strategy", help="Of this strategy alone.")
@click.option("--all", "with_closed", is_flag=True, help="Closed ones too.")
@config_option
@journal_option
@json_option
def command(
    reference: str | None, strategy: str | None, with_closed: bool, config: Path, journal: str | None, as_json: bool
) -> None:
    """Show what the owners of a Safe are asked to sign: what it does, earns and costs, and how far it is.

    With a number or the beginning of a hash: that one in full, with every field that is signed and how to work the
    hash out oneself. Reads the journal alone: no node and no service is asked.
    """
    from keeper.commands import _proposal_lines as shown
    from keeper.world.journal import decisions, proposal_queries
    from keeper.world.journal.reading import read_journal

    with read_journal(journal_at(journal, config)) as query:
        require_known(strategy, query)
        if reference is None:
            records = proposal_queries.proposals(query, strategy, with_closed=with_closed)
        else:
            records = [proposal_queries.proposal(query, reference)]
        made = {each.decision_id: decisions.bare_decision(query, each.decision_id) for each in records}
        horizons = {key: proposal_queries.horizon_days(query, value.settings_digest) for key, value in made.items()}
    now, in_full = int(time.time()), reference is not None
    if as_json:
        documents = [
            shown.as_json(each, made[each.decision_id], horizons[each.decision_id], now, in_full=in_full)
            for each in records
        ]
        print_json(documents[0] if in_full else {"proposals": documents})
        return
    for index, each in enumerate(records):
        if index:
            click.echo()
        decision = made[each.decision_id]
        _show_one(each, decision, horizons[each.decision_id], now, in_full=in_full)
    if not records:
        click.echo("no proposal is open; --all shows closed ones" if not with_closed else "no proposal yet")


def _show_one(
    record: ProposalRecord, decision: Decision, horizon_days: float | None, now: int, *, in_full: bool
) -> None:
    from keeper.commands import _proposal_lines as shown
    from keeper.redaction import printable

    click.secho(printable(f"proposal {record.id}: {shown.headline(record, decision)}"), bold=True)
    for fact in shown.facts(record, now):
        click.echo(printable(f"  {fact}"))
    if not (in_full or record.is_open):
        return
    for paragraph in shown.paragraphs(record, decision, horizon_days):
        if in_full or paragraph.title not in ("Why", "Bounds"):
            _show_paragraph(paragraph.title, paragraph.lines)
    if in_full:
        _show_paragraph("Check it yourself", tuple(shown.verifying(record)))


def _show_paragraph(title: str, lines: tuple[str, ...]) -> None:
    from keeper.redaction import printable

    click.secho(f"  {title}", bold=True)
    for line in lines:
        click.echo(printable(f"    {line}"))
