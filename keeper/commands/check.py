"""Check the configuration: every mistake at once, with file, line and what was expected; --online asks the chain."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import config_option, json_option, print_json

if TYPE_CHECKING:
    from keeper.config import LoadedConfig
    from keeper.config_mistakes import Mistake
    from keeper.config_strategies import StrategyFile


@click.command(epilog="Example:  keeper check strategies/eth-usdc.yaml --online")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--online", is_flag=True, help="Also ask nodes: chain id, contracts, pool, tokens, balances, clock, key.")
@config_option
@json_option
def command(files: tuple[Path, ...], online: bool, config: Path, as_json: bool) -> int:
    """Check the configuration: every mistake at once, with file, line and what was expected; --online asks the chain.

    Without FILE: keeper.yaml and every strategy that it names. Exits with 2 when something has to be mended, with 3
    when a node cannot be reached. Warnings, such as of keys that this version does not use, change no exit code.
    """
    from keeper.redaction import printable

    loaded, strategies, mistakes, warnings = examine(files, config)
    findings = []
    if online and loaded is not None and not mistakes:
        from keeper.commands._online import check_online

        findings = list(check_online(loaded, strategies))
    bad = [finding for finding in findings if not finding.ok]
    if as_json:
        print_json(
            {
                "ok": not mistakes and not bad,
                "mistakes": [asdict(mistake) for mistake in mistakes],
                "warnings": [asdict(warning) for warning in warnings],
                "online": [asdict(finding) for finding in findings],
            }
        )
    else:
        for mistake in mistakes:
            click.echo(str(mistake))
        for warning in warnings:
            click.echo(f"warning: {warning}")
        for finding in findings:
            click.echo(printable(f"{'ok   ' if finding.ok else 'WRONG'} {finding.subject}: {finding.sentence}"))
        if mistakes or bad:
            unasked = "; nodes were not asked" if online and mistakes else ""
            click.echo(f"{len(mistakes) + len(bad)} to mend{unasked}", err=True)
        else:
            names = ", ".join(strategy.settings.name for strategy in strategies) or "none"
            click.echo(f"configuration ok; strategies: {names}")
    if mistakes:
        return 2
    return max((3 if finding.unreachable else 2 for finding in bad), default=0)


def examine(
    files: tuple[Path, ...], config: Path
) -> tuple[LoadedConfig | None, tuple[StrategyFile, ...], list[Mistake], list[Mistake]]:
    """Everything that can be known without a network: mistakes, then warnings.

    Files given are strategies, except the configuration itself.
    """
    from keeper.config import examine_keeper
    from keeper.config_mistakes import ConfigErrors, Mistake
    from keeper.config_strategies import NO_STRATEGY, examine_strategies, strategy_paths
    from keeper.errors import ConfigError

    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    loaded = None
    chosen = [file for file in files if file.resolve() != config.resolve()]
    if config.exists() or not chosen:
        try:
            loaded, document = examine_keeper(config, os.environ)
            mistakes += document.mistakes
            warnings += document.warnings
        except ConfigErrors as errors:
            mistakes += errors.mistakes
        except ConfigError as error:
            mistakes.append(Mistake(str(config), None, str(error).removeprefix(f"{config}: ")))
    if not files and loaded is not None:
        try:
            chosen = strategy_paths(loaded.strategies_folder)
        except ConfigError as error:
            mistakes.append(Mistake(str(config), None, str(error)))
        else:
            if not chosen:
                warnings.append(Mistake(str(loaded.strategies_folder), None, NO_STRATEGY))
    strategies, found = examine_strategies(chosen, loaded, os.environ)
    warnings += [warning for strategy in strategies for warning in strategy.warnings]
    return loaded, strategies, in_order([*mistakes, *found]), in_order(warnings)


def in_order(mistakes: list[Mistake]) -> list[Mistake]:
    """Each once, by file and line."""
    return sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.sentence))
