"""Show what happened: plans carried out and what they cost, or every decision with --decisions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json, require_known


@click.command(epilog="Example:  keeper history eth-usdc --decisions --limit 20")
@click.argument("strategy", required=False)
@click.option("--decisions", "every_decision", is_flag=True, help="Decisions to hold too, one line each.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The last so many.")
@config_option
@journal_option
@json_option
def command(
    strategy: str | None, every_decision: bool, limit: int, config: Path, journal: str | None, as_json: bool
) -> None:
    """Show what happened: plans carried out and what they cost, or every decision with --decisions.

    `keeper explain ID` tells the whole of a decision. Costs in JSON are raw units of the quote token; JSON has
    the hash of every transaction.
    """
    from keeper.commands._snapshot import last_decisions
    from keeper.commands._tables import show_table
    from keeper.report import amount, quote_token, when
    from keeper.world.journal import proposal_queries, queries
    from keeper.world.journal.reading import read_journal

    with read_journal(journal_at(journal, config)) as query:
        require_known(strategy, query)
        if every_decision:
            made = queries.decision_list(query, strategy)[-limit:]
        else:
            executed = proposal_queries.executions(query)
            acts = [
                replace(each, transactions=(*each.transactions, *_others(each.transactions, executed, each.plan_id)))
                for each in queries.acts(query, strategy)[-limit:]
            ]
            last = last_decisions(query)
    if every_decision:
        if as_json:
            print_json({"decisions": [asdict(each) for each in made]})
            return
        lines = [
            (str(d.id), d.strategy, when(d.timestamp), str(d.block_number), d.action, ", ".join(d.objections))
            for d in made
        ]
        show_table(("decision", "strategy", "when", "block", "action", "against"), lines, empty="no decision yet")
        return
    if as_json:
        print_json({"acts": [asdict(act) for act in acts]})
        return
    rows = []
    for act in acts:
        cost = "" if act.cost_quote is None else amount(act.cost_quote, quote_token(last[act.strategy].observation))
        steps = " → ".join(act.steps)
        last_hash = act.transactions[-1] if act.transactions else ""
        if sys.stdout.isatty() and last_hash:
            last_hash = f"{last_hash[:8]}…{last_hash[-6:]}"
        ended = f"{act.state}: {act.note}" if act.note else act.state
        rows.append(
            (str(act.decision_id), act.strategy, when(act.timestamp)[:16], act.action, steps, ended, cost, last_hash)
        )
    columns = ("decision", "strategy", "when (UTC)", "for", "steps", "ended", "cost", "last transaction")
    show_table(columns, rows, empty="nothing was done yet; `keeper history --decisions` says why")


def _others(own: Sequence[str], executed: Mapping[int, tuple[str, ...]], plan_id: int) -> Iterator[str]:
    """Transactions which others sent for the plan: executions of what was proposed to the owners of a Safe."""
    return (each for each in executed.get(plan_id, ()) if each not in own)
