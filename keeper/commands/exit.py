"""Exit a strategy: withdraw and collect everything at the next turn, then stay out."""

from __future__ import annotations

from pathlib import Path

import click

from keeper.commands._options import config_option, journal_option, json_option


@click.command(epilog="Example:  keeper exit eth-usdc")
@click.argument("strategy")
@click.option("--reason", default="exit asked for by the operator", show_default=True, help="Kept in the journal.")
@config_option
@journal_option
@json_option
def command(strategy: str, reason: str, config: Path, journal: str | None, as_json: bool) -> None:
    """Exit a strategy: withdraw and collect everything at the next turn, then stay out.

    Judged on a sound price and on gas alone, not on profit. Tokens stay in the wallet. `keeper resume` enters again.
    """
    from keeper.commands._control import set_state

    set_state(
        strategy,
        "exiting",
        reason,
        "now exiting: the daemon withdraws at its next turn",
        config=config,
        journal=journal,
        as_json=as_json,
    )
