"""Take one turn: observe, decide, and act unless something stands against it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import config_option, json_option, print_json

if TYPE_CHECKING:
    from keeper.model.outcome import Outcome


@click.command(epilog="Example:  keeper once eth-usdc --dry-run")
@click.argument("strategy", required=False)
@config_option
@click.option("--dry-run", is_flag=True, help="Prepare and simulate, never sign; in a journal of its own.")
@json_option
def command(strategy: str | None, config: Path, dry_run: bool, as_json: bool) -> int:
    """Take one turn: observe, decide, and act unless something stands against it.

    For one strategy, or for each in turn. Exits with 1 when an act failed, with 4 when the strategy is halted.
    """
    from keeper import telemetry
    from keeper.assembly_fleet import open_fleet
    from keeper.commands._describing import describing
    from keeper.config import load_keeper
    from keeper.config_strategies import load_strategies, require_strategies
    from keeper.errors import FatalError, HaltedError
    from keeper.redaction import printable

    telemetry.configure(level=logging.WARNING)  # to stderr: stdout is for the answer alone
    loaded = replace(load_keeper(config), dry_run=dry_run)
    strategies = load_strategies(loaded)
    require_strategies(strategies, loaded)
    names = [strategy_name(strategy, [each.settings.name for each in strategies])] if strategy else None
    outcomes: dict[str, Outcome] = {}
    with open_fleet(loaded, strategies, describe=describing(lambda: strategies)) as fleet:
        for name, runner in fleet.runners.items():
            if names is not None and name not in names:
                continue
            if runner.state() == "halted":
                raise HaltedError(f"{name} is halted; `keeper status` says why, `keeper resume {name}` lifts it")
            try:
                outcomes[name] = runner.run_once()
            except FatalError as error:
                runner.halt(str(error))
                raise
    if as_json:
        print_json({"mode": loaded.mode, "outcomes": {name: _plain(outcome) for name, outcome in outcomes.items()}})
    else:
        for name, outcome in outcomes.items():
            click.echo(printable(f"{name}: {in_words(outcome)}"))
    return 1 if any(outcome.kind == "failed" for outcome in outcomes.values()) else 0


def strategy_name(wanted: str, known: list[str]) -> str:
    """The name if there is such a strategy. ConfigError naming the nearest if not."""
    from keeper.config_mistakes import suggestion
    from keeper.errors import ConfigError

    if wanted not in known:
        raise ConfigError(f"there is no strategy {wanted!r}{suggestion(wanted, known, 'strategies')}")
    return wanted


def in_words(outcome: Outcome) -> str:
    """How a cycle ended, in one line."""
    if outcome.kind == "held":
        reasons = "; ".join(objection.message for objection in outcome.objections) or "nothing to do"
        return f"held: {reasons} (`keeper explain` tells the whole)"
    if outcome.kind == "done":
        hashes = sorted({entry.transaction_hash for entry in outcome.effects.entries})
        return f"done: {', '.join(hashes)}"
    detail = {"pending": "note", "failed": "reason", "simulated": "report"}[outcome.kind]
    return f"{outcome.kind}: {getattr(outcome, detail)}"


def _plain(outcome: Outcome) -> Any:
    from keeper.model import canonical

    return canonical.plain(outcome)
