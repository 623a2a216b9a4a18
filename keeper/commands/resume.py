"""Resume a strategy that is paused, halted, exiting or exited."""

from __future__ import annotations

import time
from pathlib import Path

import click

from keeper.commands._options import config_option, journal_option, json_option, print_json
from keeper.model.memory import StrategyState


@click.command(epilog="Example:  keeper resume eth-usdc")
@click.argument("strategy")
@click.option("--reason", default="", show_default=True, help="Kept in the journal.")
@click.option("--exit", "leave", is_flag=True, help="Lift the halt, withdraw everything, and stay out.")
@config_option
@journal_option
@json_option
def command(strategy: str, reason: str, leave: bool, config: Path, journal: str | None, as_json: bool) -> None:
    """Resume a strategy that is paused, halted, exiting or exited.

    After a halt, look at `keeper status` first: it says what a person should see to. Resuming forgives it: failures do
    not count any more, a halted signer signs again from the chain's count of its transactions, and what the wallet then
    holds more or less than the ledger says is booked once as the owner's.
    """
    from dataclasses import asdict

    from keeper.commands._control import known_state, written
    from keeper.redaction import printable

    state: StrategyState = "exiting" if leave else "running"
    url, mode, before = known_state(strategy, config=config, journal=journal)
    with written(url, mode) as opened:
        forgiven = opened.resume(strategy, reason, int(time.time()), state)
        accepted = opened.pins.accept(strategy)
    if as_json:
        code = {pin.address: pin.code_hash for pin in accepted}
        told = {"strategy": strategy, "before": before, "state": state, "accepted_code": code}
        print_json(told | {"forgiven": asdict(forgiven)})
        return
    click.echo(f"{strategy}: was {before}, now {state}")
    for failing in forgiven.failures:
        click.echo(f"forgiven: {failing.act} had failed {failing.times} times in a row")
    for signer in forgiven.signers:
        click.echo(printable(f"forgiven: the signer {signer.address} was halted: {signer.reason}"))
    for pin in accepted:
        click.echo(f"accepted the code that is now at {pin.address} (hash {pin.code_hash})")
    if forgiven.safe is not None:
        click.echo(f"accepted the Safe {forgiven.safe} as it was when its change halted the strategy")
    click.echo("what the wallet holds more or less than the ledger says at the next turn is booked as yours, once")
