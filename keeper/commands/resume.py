"""Resume a strategy that is paused, halted, exiting or exited."""

from __future__ import annotations

from pathlib import Path

import click

from keeper.commands._options import config_option, journal_option, json_option


@click.command(epilog="Example:  keeper resume eth-usdc")
@click.argument("strategy")
@click.option("--reason", default="", show_default=True, help="Kept in the journal.")
@config_option
@journal_option
@json_option
def command(strategy: str, reason: str, config: Path, journal: str | None, as_json: bool) -> None:
    """Resume a strategy that is paused, halted, exiting or exited.

    After a halt, look at `keeper status` first: it says what a person should see to.
    """
    from keeper.commands._control import set_state

    set_state(strategy, "running", reason, "now running", config=config, journal=journal, as_json=as_json)
