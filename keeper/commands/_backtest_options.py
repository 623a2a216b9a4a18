"""The options of every study that runs a strategy over a tape, and the settings that they make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from keeper.backtest import BacktestSettings
    from keeper.config_strategies import StrategyFile
    from keeper.model.observation import Account

Function = TypeVar("Function", bound=Callable[..., Any])

_LEAST, _MOST = Decimal("1e-30"), Decimal("1e30")
ACCOUNTS: Final[dict[str, Account]] = {"wallet": "key", "atomic": "delegated", "safe": "safe"}


class Moment(click.ParamType[int]):
    """A day, a moment of ISO 8601 (UTC unless it says otherwise), UNIX seconds. ``ends``: a day counts to its end."""

    name = "date"

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        if text.isdecimal() and len(text) != 8:
            return int(text)
        try:
            if len(text) <= len("2022-07-19"):
                day = date.fromisoformat(text) + timedelta(days=self._ends)
                return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            moment = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time; write 2022-07-19, 2022-07-19T12:00 or UNIX seconds", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Amount(click.ParamType[Decimal]):
    """A number above zero, every digit kept. Beyond the bounds lies no price, gas or capital of this world."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            number = Decimal(str(value).replace("_", ""))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number <= 0:
            self.fail(f"{value!r} is not a number above zero", param, ctx)
        if not _LEAST <= number <= _MOST:
            self.fail(f"{value!r} is not between {_LEAST:e} and {_MOST:e}", param, ctx)
        return number


class FileOrAmount(Amount):
    """A number, or the path of a file."""

    name = "number or file"

    def convert(  # type: ignore[override]
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal | Path:
        if Path(str(value)).suffix.lower() in (".csv", ".parquet"):
            return Path(str(value))
        return super().convert(value, param, ctx)


_OPTIONS: Final = (
    click.option("--data", type=click.Path(path_type=Path), required=True,
                 help="The tape: a folder of `keeper download`, or a file of events or bars (docs/data.md)."),
    click.option("--from", "from_", type=Moment(), help="First day (or moment); what lies before it is history."),
    click.option("--to", type=Moment(ends=True), help="Last day (or moment)."),
    click.option("--every", type=click.IntRange(1), help="Look every so many seconds, not as scheduled."),
    click.option("--latency-blocks", type=click.IntRange(0, 10_000), default=0, show_default=True,
                 help="Blocks that a transaction waits beyond the next one."),
    click.option("--mode", type=click.Choice(list(ACCOUNTS)), default="wallet", show_default=True,
                 help="Whose money it is: a key's, act by act; a key's, a plan in one transaction; a Safe's."),
    click.option("--gas", type=click.Path(path_type=Path), help="A file of gas prices (docs/data.md)."),
    click.option("--gas-gwei", type=Amount(), help="One gas price for all the time."),
    click.option("--native-price", type=FileOrAmount(),
                 help="The native coin in whole quote tokens, or a file of its prices."),
    click.option("--prior", type=click.Path(path_type=Path), help="A price file for the time before the tape."),
    click.option("--protocol-fee", type=click.IntRange(4, 10), multiple=True, metavar="N",
                 help="The protocol takes one part in N of the fees; twice: of token0's, of token1's."),
    click.option("--capital", type=Amount(), help="Worth of the wallet in quote tokens  [default: capital.max_quote]"),
    click.option("--start-mix", type=click.Choice(["half", "base", "quote"]), default="half", show_default=True,
                 help="What the wallet holds at the start."),
)  # fmt: skip


def backtest_options(function: Function) -> Function:
    """``--data`` and what else says how a tape is lived through; ``backtest_settings`` takes them as they come."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def backtest_settings(
    strategy: StrategyFile, chain_id: int | None, journal: Path | None = None, **asked: Any
) -> BacktestSettings:
    """The settings of the options of ``backtest_options``. ConfigError where they contradict each other."""
    from keeper.backtest import BacktestSettings
    from keeper.errors import ConfigError
    from keeper.world.tape.tape import TapePool

    if len(asked["protocol_fee"]) > 2:
        raise ConfigError("--protocol-fee is given once for both tokens, or twice: token0's and token1's")
    if asked["gas"] is not None and asked["gas_gwei"] is not None:
        raise ConfigError("--gas and --gas-gwei say the same thing twice: give one of them")
    if asked["from_"] is not None and asked["to"] is not None and asked["from_"] >= asked["to"]:
        raise ConfigError("--from lies after --to: there is nothing between them")
    return BacktestSettings(
        strategy=strategy.settings,
        data=asked["data"],
        artifacts=strategy.artifacts,
        pool=TapePool(chain_id=chain_id),
        from_timestamp=asked["from_"],
        to_timestamp=asked["to"],
        every_seconds=asked["every"],
        latency_blocks=asked["latency_blocks"],
        account=ACCOUNTS[asked["mode"]],
        gas=asked["gas"] or asked["gas_gwei"],
        native_price=asked["native_price"],
        prior=asked["prior"],
        fee_protocol=_packed(asked["protocol_fee"]),
        capital_quote=asked["capital"],
        start_mix=asked["start_mix"],
        journal=journal,
    )


def _packed(parts: tuple[int, ...]) -> int | None:
    """As slot0 has it: token0's in the low four bits, token1's in the high."""
    return parts[0] | parts[-1] << 4 if parts else None
