"""Explain a decision in words and figures: what was seen, forecast and chosen, its gain and cost, why yes or no."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json, require_known


@click.command(epilog="Example:  keeper explain 42")
@click.argument("decision_id", metavar="[ID]", required=False, type=click.IntRange(1))
@click.option("--strategy", help="The last decision of this strategy, when no ID is given.")
@config_option
@journal_option
@json_option
def command(decision_id: int | None, strategy: str | None, config: Path, journal: str | None, as_json: bool) -> None:
    """Explain a decision in words and figures: what was seen, forecast and chosen, its gain and cost, why yes or no.

    Without ID: the last one. `keeper history --decisions` lists them.
    """
    from keeper.errors import ConfigError
    from keeper.model import canonical
    from keeper.redaction import printable
    from keeper.report import explain, headline
    from keeper.world.journal import decisions, queries
    from keeper.world.journal.reading import read_journal

    with read_journal(journal_at(journal, config)) as query:
        if decision_id is None:
            require_known(strategy, query)
            known = [s for s in queries.statuses(query) if s.last_decision_id and strategy in (None, s.name)]
            if not known:
                raise ConfigError(f"no decision of {strategy} yet" if strategy else "no decision yet")
            decision_id = max(status.last_decision_id or 0 for status in known)
        decision = decisions.decision(query, decision_id)
    if as_json:
        samples = len(decision.observation.history.samples)
        history = replace(decision.observation.history, samples=())
        bare = replace(decision, observation=replace(decision.observation, history=history))
        words = {paragraph.title: list(paragraph.lines) for paragraph in explain(decision)}
        print_json({"id": decision_id, "decision": canonical.plain(bare), "history_samples": samples, "words": words})
        return
    click.secho(printable(f"decision {decision_id}: {headline(decision)}"), bold=True)
    for paragraph in explain(decision):
        click.secho(f"\n{paragraph.title}", bold=True)
        for line in paragraph.lines:
            click.echo(printable(f"  {line}"))
