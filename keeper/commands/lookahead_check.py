"""Prove that decisions do not change when the future is cut off."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._backtest_options import backtest_options, backtest_settings
from keeper.commands._options import config_option, json_option, print_json
from keeper.commands._progress import progress_bar
from keeper.commands._strategy_files import strategy_file

if TYPE_CHECKING:
    from keeper.backtest import Cut, LookaheadCheck


@click.command(epilog="Example:  keeper lookahead-check strategies/eth-usdc.yaml --data tape/ --cuts 5")
@click.argument("strategy")
@backtest_options
@click.option("--cuts", type=click.IntRange(1, 100), default=4, show_default=True,
              help="At how many moments to cut the tape off.")  # fmt: skip
@config_option
@json_option
def command(strategy: str, config: Path, cuts: int, as_json: bool, **asked: Any) -> int:
    """Prove that decisions do not change when the future is cut off.

    Runs the backtest on the whole tape, then on the tape as it would have been recorded up to several moments, and
    compares every decision up to each of them byte for byte: what was seen, forecast, chosen and judged. Exits with 1,
    and names the first field that differs, when one does. The tick book before a tape's first event stood on the chain
    already, and is the same in all runs.
    """
    from keeper.backtest import check_lookahead

    found, chain_id = strategy_file(strategy, config)
    with progress_bar() as progress:
        check = check_lookahead(backtest_settings(found, chain_id, **asked), cuts, progress)
    if as_json:
        print_json(_for_machines(check))
    else:
        _for_people(check)
    return 0 if check.passed else 1


def _for_machines(check: LookaheadCheck) -> dict[str, Any]:
    return {
        "passed": check.passed,
        "decisions": check.decisions,
        "cuts": [
            {"until": cut.until_timestamp, "decisions": cut.decisions, "difference": _difference(cut)}
            for cut in check.cuts
        ],
    }


def _difference(cut: Cut) -> dict[str, Any] | None:
    from keeper.commands.replay import unequal
    from keeper.model import canonical

    found = cut.difference
    if found is None:
        return None
    if found.whole is None or found.cut is None:
        there = "whole" if found.cut is None else "cut"
        return {"timestamp": found.timestamp, "field": "", "whole": there == "whole", "cut": there == "cut"}
    first = next(unequal(canonical.plain(found.whole), canonical.plain(found.cut), ""), ("its bytes", "", ""))
    return {"timestamp": found.timestamp, "field": first[0], "whole": first[1], "cut": first[2]}


def _for_people(check: LookaheadCheck) -> None:
    for cut in check.cuts:
        difference = _difference(cut)
        at = f"cut at {_when(cut.until_timestamp)}: {cut.decisions:,} decisions"
        if difference is None:
            click.echo(f"{at}, every byte the same")
        elif not difference["field"]:
            which = "with" if difference["whole"] else "without"
            click.echo(f"{at}; one at {_when(difference['timestamp'])} is made {which} the future alone")
        else:
            click.echo(
                f"{at}; at {_when(difference['timestamp'])} {difference['field']} is {difference['whole']}, and "
                f"{difference['cut']} where the future is cut off"
            )
    verdict = (
        f"No decision of {check.decisions:,} knew what came after it."
        if check.passed
        else "LOOK-AHEAD: decisions change with what comes after them. A backtest of this strategy proves nothing."
    )
    click.echo(f"\n{verdict}")


def _when(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")
