"""Pause a strategy: positions stay as they are, nothing new is begun."""

from __future__ import annotations

from pathlib import Path

import click

from keeper.commands._options import config_option, journal_option, json_option


@click.command(epilog="Example:  keeper pause eth-usdc --reason 'merge on Thursday'")
@click.argument("strategy")
@click.option("--reason", default="paused by the operator", show_default=True, help="Kept in the journal.")
@config_option
@journal_option
@json_option
def command(strategy: str, reason: str, config: Path, journal: str | None, as_json: bool) -> None:
    """Pause a strategy: positions stay as they are, nothing new is begun.

    What is in flight is still settled. `keeper resume` continues.
    """
    from keeper.commands._control import set_state

    set_state(
        strategy, "paused", reason, "now paused; positions stay open", config=config, journal=journal, as_json=as_json
    )
