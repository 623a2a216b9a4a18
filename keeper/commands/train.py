"""Train the learned regime detector of a strategy on past prices, and say how it did on what it had not seen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import json_option, print_json, require_room

if TYPE_CHECKING:
    from keeper.backtest.training_data import Scores


@click.command(epilog="Example:  keeper train strategies/eth-usdc.yaml --data eth-hourly.csv")
@click.argument("strategy", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path),
    help="Prices of the base token in the quote token, hourly or finer: .parquet or .csv with timestamp and close.",
)  # fmt: skip
@click.option("--horizon-hours", default=24, show_default=True, type=click.IntRange(1, 720), help="What it foresees.")
@click.option("--steps", default=48, show_default=True, type=click.IntRange(2, 500), help="Hours it looks at.")
@click.option("--hidden", default=16, show_default=True, type=click.IntRange(1, 256), help="Units of the network.")
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(1, 1_000), help="Passes over the examples.")
@click.option("--folds", default=4, show_default=True, type=click.IntRange(1, 50), help="Walk-forward folds.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0, 2**31 - 1), help="The same gives the same."
)
@click.option("--force", is_flag=True, help="Replace weights that are there.")
@json_option
def command(
    strategy: Path,
    data: Path,
    horizon_hours: int,
    steps: int,
    hidden: int,
    epochs: int,
    folds: int,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """Train the learned regime detector of a strategy on past prices, and say how it did on what it had not seen.

    STRATEGY is a file whose regime is {kind: lstm, weights: FILE}; the weights are written there, as safetensors with
    what they were trained on. Needs PyTorch (pip install 'range-keeper[ml]'); running the strategy does not.
    """
    import hashlib

    from keeper.backtest.hourly_prices import hourly_prices
    from keeper.backtest.training import train
    from keeper.backtest.training_data import TrainingSettings
    from keeper.errors import ConfigError

    target, pinned = weights_of(strategy)
    if target.exists() and not force:
        raise ConfigError("is there already; --force replaces it", path=str(target))
    require_room(target)
    settings = TrainingSettings(
        horizon_hours=horizon_hours, steps=steps, hidden=hidden, epochs=epochs, folds=folds, seed=seed
    )
    trained = train(hourly_prices(data), settings, lambda step: click.echo(step, err=True))
    _write(target, trained.body)
    digest = hashlib.sha256(trained.body).hexdigest()
    if as_json:
        print_json({"path": str(target), "sha256": digest, "out_of_sample": trained.scores.rounded()})
        return
    for line in _lines(trained.scores):
        click.echo(line)
    click.echo(f"{target}: written, SHA-256 {digest}")
    if pinned not in (None, digest):
        click.echo(f"{strategy} names another weights_sha256: put this one there, or take it out", err=True)


def weights_of(strategy: Path) -> tuple[Path, str | None]:
    """Where the strategy's weights belong, and the digest that it names. ConfigError unless its regime is lstm."""
    from keeper.config_mistakes import ConfigErrors
    from keeper.config_strategies import plugin_settings
    from keeper.config_validation import validate
    from keeper.config_yaml import read_document

    document = read_document(strategy, os.environ)
    section = document.values.get("regime")
    if not isinstance(section, dict) or section.get("kind") != "lstm":
        document.report(("regime",), "regime: only {kind: lstm, weights: FILE} is trained")
        raise ConfigErrors(document.mistakes)
    settings = validate(plugin_settings("regime", "lstm"), document, section, ("regime",))
    if settings is None or document.mistakes:
        raise ConfigErrors(document.mistakes)
    values = settings.model_dump()
    path = Path(values["weights"]).expanduser()
    return (path if path.is_absolute() else strategy.parent / path), values["weights_sha256"]


def _write(target: Path, body: bytes) -> None:
    """Whole or not at all: a daemon may read it at any moment."""
    from keeper.errors import ConfigError

    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(body)
        part.replace(target)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", path=str(target)) from error


def _lines(scores: Scores) -> list[str]:
    better = "better" if scores.log_loss < scores.log_loss_base else "no better"
    chance = "beats" if scores.gain > 0 and scores.gain_p_value < 0.05 else "does not beat"
    return [
        f"out of sample, {scores.examples} examples:",
        f"  log loss {scores.log_loss:.4f}, {better} than {scores.log_loss_base:.4f} of the labels' frequencies alone",
        f"  accuracy {scores.accuracy:.1%} (the commonest label: {scores.accuracy_base:.1%})",
        f"  a trend was called in {scores.called_share:.1%}; the price went that way in {scores.hit_rate:.1%}",
        f"  acting on it: {scores.gain:+.2%} of capital against always neutral, after costs",
        f"  p {scores.gain_p_value:.2f} against the same labels in shuffled order: it {chance} chance",
    ]
