"""Print or write the JSON Schemas of strategies and keeper.yaml, for editors to complete and check."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example:  keeper schema strategy > strategy.json")
@click.argument("which", required=False, type=click.Choice(["strategy", "keeper"]), default="strategy")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write both into this folder instead.")
def command(which: str, out: Path | None) -> None:
    """Print or write the JSON Schemas of strategies and keeper.yaml, for editors to complete and check."""
    from keeper.config_schema import schema_text, write_schemas
    from keeper.errors import ConfigError

    if out is None:
        click.echo(schema_text(which), nl=False)
        return
    try:
        for file in write_schemas(out):
            click.echo(str(file))
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", path=str(out)) from None
