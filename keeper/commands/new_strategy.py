"""Write a commented strategy to start from; never overwrites a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from keeper.commands._options import config_option

TEMPLATE = "eth-usdc"


@click.command(epilog="Example:  keeper new-strategy my-first")
@click.argument("name")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print it instead of writing a file.")
@config_option
def command(name: str, to_stdout: bool, config: Path) -> None:
    """Write a commented strategy to start from; never overwrites a file.

    It goes into the folder that `strategies:` in keeper.yaml names, or into strategies/ where there is none.
    """
    from keeper.config_yaml import read_document
    from keeper.errors import ConfigError
    from keeper.resources import strategy_template

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise click.UsageError(f"{name!r} is not a strategy's name: lower-case letters, digits, - and _ (at most 63)")
    lines = strategy_template(TEMPLATE).splitlines(keepends=True)
    # The schema's place is that of this repository; `keeper schema` makes one for other places.
    text = "".join(line for line in lines if not line.startswith("# yaml-language-server"))
    text = text.removeprefix("#\n").replace(f"name: {TEMPLATE}  ", f"name: {name}  ", 1)
    if to_stdout:
        click.echo(text, nl=False)
        return
    folder = Path("strategies")
    if config.exists():
        named = read_document(config, os.environ).values.get("strategies", "strategies")
        folder = config.parent / Path(str(named)).expanduser()
    file = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise ConfigError("exists already and is never overwritten; choose another name", path=str(file)) from None
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", path=str(file)) from None
    click.echo(f"{file}: edit the pool and the capital, then `keeper check`")
