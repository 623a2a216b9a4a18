"""What commands that read or write tapes say, to people and to machines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import print_json

if TYPE_CHECKING:
    from keeper.model.price import Token
    from keeper.world.tape.manifest import Manifest

Advance = Callable[[int, int, str], None]
"""Told how much is done, of how much, and a few words beside it."""


class Moment(click.ParamType["int | datetime | None"]):
    """A block number, a date or time (UTC unless it says otherwise), or ``latest`` (None)."""

    name = "date|block"

    def convert(
        self, value: str | int | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | datetime | None:
        if not isinstance(value, str):
            return value
        if value == "latest":
            return None
        if value.isdecimal() and len(value) <= 15:
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a block number, nor a date such as 2024-01-31, nor `latest`", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class TokenWords(click.ParamType["Token"]):
    """``SYMBOL:DECIMALS`` or ``SYMBOL:DECIMALS:ADDRESS``."""

    name = "symbol:decimals[:address]"

    def __init__(self, address: str) -> None:
        self._address = address

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Token:
        from keeper.model.price import Token

        symbol, _, rest = str(value).partition(":")
        decimals, _, address = rest.partition(":")
        if not symbol or not decimals.isdecimal() or int(decimals) > 255:
            self.fail(f"{value!r} is not of the form SYMBOL:DECIMALS[:ADDRESS], such as USDC:6", param, ctx)
        return Token(as_address(address, self, param, ctx) if address else self._address, symbol, int(decimals))


class Address(click.ParamType[str]):
    """0x and 40 hex digits, kept in its checksummed spelling."""

    name = "0x…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return as_address(str(value), self, param, ctx)


def as_address(value: str, kind: click.ParamType[Any], param: click.Parameter | None, ctx: click.Context | None) -> str:
    """The address in EIP-55 spelling; the parameter's own error where it is none, or its spelling is wrong."""
    from keeper.world.chain.codec import checksum

    if not re.fullmatch("0x[0-9a-fA-F]{40}", value):
        kind.fail(f"{value!r} is not an address (0x and 40 hex digits)", param, ctx)
    if value[2:] not in (value[2:].lower(), value[2:].upper()) and value != checksum(value):
        kind.fail(f"{value} has a wrong checksum: a digit is mistyped", param, ctx)
    return checksum(value)


@contextmanager
def progress_bar(label: str) -> Iterator[Advance]:
    """A bar with the time left on stderr where that is a terminal, else nothing."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _done, _total, _words: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, words="")
        yield lambda done, total, words: bar.update(task, completed=done, total=total, words=words)


def show_tape(folder: Path, manifest: Manifest, as_json: bool) -> None:
    """What a folder holds now."""
    from keeper.world.tape.checks_pool import moment
    from keeper.world.tape.manifest import pool_document

    span = manifest.span
    assert span is not None  # it is whole
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "kind": manifest.kind,
                "rows": manifest.rows,
                "digest": manifest.digest,
                "pool": pool_document(manifest.pool),
                "from_block": span.from_block,
                "to_block": span.to_block,
                "from_timestamp": span.from_timestamp,
                "to_timestamp": span.to_timestamp,
                "opening": manifest.opening is not None,
                "opening_missing": manifest.opening_missing,
                "defects": [{"code": each.code, "sentence": each.sentence} for each in manifest.defects],
            }
        )
        return
    blocks = f", blocks {span.from_block} to {span.to_block}" if manifest.kind == "events" else ""
    click.echo(f"Tape      {folder}")
    click.echo(f"Holds     {manifest.rows:,} {manifest.kind}{blocks}")
    click.echo(f"Covers    {moment(span.from_timestamp)} to {moment(span.to_timestamp)}")
    click.echo(f"Digest    {manifest.digest}")
    if manifest.kind == "events" and manifest.opening is None and manifest.opening_missing:
        click.echo(f"Opening   none: {manifest.opening_missing}")
    for defect in manifest.defects:
        click.echo(f"Note      {defect.sentence}")
