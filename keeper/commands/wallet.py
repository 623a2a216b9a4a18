"""Make, import or show the encrypted key that signs, or take its account's delegation back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from keeper.commands._options import config_option, json_option, print_json

EXAMPLE = "Example:  KEEPER_PASSWORD=… keeper wallet new key.json"
path_argument = click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.group(epilog=EXAMPLE)
def command() -> None:
    """Make, import or show the encrypted key that signs, or take its account's delegation back.

    A private key is never an argument.
    PATH is that of `signer:` in keeper.yaml unless given. The password comes from the environment variable named by
    `signer.password_env` (KEEPER_PASSWORD), or is asked for on a terminal.
    """


@command.command(epilog=EXAMPLE)
@path_argument
@config_option
@json_option
def new(path: Path | None, config: Path, as_json: bool) -> None:
    """Make a new key in a new file of mode 0600."""
    from keeper.world.signers import keystore

    file, variable = key_place(path, config)
    refuse_to_overwrite(file)
    _tell(
        file, keystore.create(file, new_password(variable)), as_json, "made; keep a copy of this file and its password"
    )


@command.command("import", epilog="Example:  keeper wallet import key.json < private_key.txt")
@path_argument
@config_option
@json_option
def import_key(path: Path | None, config: Path, as_json: bool) -> None:
    """Put a private key into a new file of mode 0600: asked for unseen, or read from stdin."""
    from keeper.redaction import never_show
    from keeper.world.signers import keystore

    file, variable = key_place(path, config)
    refuse_to_overwrite(file)
    if sys.stdin.isatty():
        key = click.prompt("Private key (64 hexadecimal digits)", hide_input=True, err=True)
    else:
        key = sys.stdin.readline().strip()
    never_show(key)
    _tell(file, keystore.import_key(file, key, new_password(variable)), as_json, "imported")


@command.command(epilog="Example:  keeper wallet show --json")
@path_argument
@config_option
@json_option
def show(path: Path | None, config: Path, as_json: bool) -> None:
    """Show the address of the key, without its password."""
    from keeper.world.chain.codec import checksum
    from keeper.world.signers import keystore

    file, _ = key_place(path, config)
    _tell(file, checksum(keystore.stored_address(file)), as_json, "")


@command.command(epilog="Example:  keeper wallet undelegate --chain base")
@click.option("--chain", metavar="NAME", help="Which of the configured chains, where there are several.")
@config_option
@json_option
def undelegate(chain: str | None, config: Path, as_json: bool) -> None:
    """Take back the contract that the key's account runs (EIP-7702), and wait until that is final.

    No other process may be at work with the key, and nothing of it may be out. In mode atomic the next batch delegates
    anew: set another execution.mode first.
    """
    from keeper.assembly_undelegate import take_delegation_back
    from keeper.config import load_keeper

    taken = take_delegation_back(load_keeper(config, os.environ), chain)
    delegate, digest = taken.result.delegate, taken.result.transaction_hash
    if as_json:
        print_json({"address": taken.address, "chain": taken.chain, "delegate": delegate, "transaction": digest})
    elif digest is None:
        click.echo(f"{taken.address} on {taken.chain} runs nobody's code: there was nothing to take back")
    else:
        click.echo(f"{taken.address} on {taken.chain} no longer runs the code of {delegate or 'a contract'} ({digest})")


def key_place(path: Path | None, config: Path) -> tuple[Path, str]:
    """The key file, and the environment variable that holds its password."""
    from keeper.config_yaml import read_document

    signer = read_document(config, os.environ).values.get("signer") if config.exists() else None
    section = signer if isinstance(signer, dict) else {}
    named = config.parent / Path(str(section.get("path", "key.json"))).expanduser()
    return path or named, str(section.get("password_env", "KEEPER_PASSWORD"))


def refuse_to_overwrite(file: Path) -> None:
    """Before anything is asked: a key file is never overwritten."""
    from keeper.errors import ConfigError

    if file.exists() or file.is_symlink():
        raise ConfigError(f"{file} exists; a key file is never overwritten: choose another name")


def new_password(variable: str) -> str:
    """The password for a new file: from the environment, or asked for twice on a terminal."""
    from keeper.errors import ConfigError
    from keeper.redaction import never_show

    password = os.environ.get(variable)
    if password is None:
        if not sys.stdin.isatty():
            raise ConfigError(f"the environment variable {variable} is not set: it must hold the password for the key")
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    never_show(password)
    return password


def _tell(file: Path, address: str, as_json: bool, done: str) -> None:
    if as_json:
        print_json({"address": address, "path": str(file)})
    else:
        click.echo(f"{address}  {file}{'  ' + done if done else ''}")
