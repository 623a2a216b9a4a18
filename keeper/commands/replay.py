"""Make every stored decision again and compare it byte for byte; exit 1 when one differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import (
    config_option,
    journal_at,
    journal_option,
    json_option,
    print_json,
    require_known,
    with_progress,
)

if TYPE_CHECKING:
    from keeper.policy.strategy import Strategy
    from keeper.world.journal.decisions import StoredDecision


@click.command(epilog="Example:  keeper replay --journal keeper.db")
@click.option("--strategy", help="Only this strategy's decisions.")
@config_option
@journal_option
@json_option
def command(strategy: str | None, config: Path, journal: str | None, as_json: bool) -> int:
    """Make every stored decision again and compare it byte for byte; exit 1 when one differs.

    Each is made from what it knew: the observation, the memory and the settings of its own moment.
    """
    from keeper.world.journal import decisions, queries
    from keeper.world.journal.reading import read_journal

    different = []
    with read_journal(journal_at(journal, config)) as query:
        require_known(strategy, query)
        count = len(queries.decision_list(query, strategy))
        stored = decisions.stored_decisions(query, strategy)
        strategies: dict[bytes, Strategy] = {}
        for each in with_progress(stored, length=count, label="replaying"):
            found = difference(each, strategies, lambda digest: queries.artifact(query, digest))
            if found is not None:
                field, then, now = found
                different.append(
                    {"id": each.id, "strategy": each.decision.strategy, "field": field, "then": then, "now": now}
                )
    if as_json:
        print_json({"decisions": count, "different": different})
    else:
        for line in different:
            click.echo(
                f"decision {line['id']} ({line['strategy']}): {line['field']} was {line['then']}, is {line['now']}"
            )
        click.echo(f"{count} decisions made again, {len(different)} differ")
    return 1 if different else 0


def difference(
    stored: StoredDecision, strategies: dict[bytes, Strategy], artifact: Callable[[str], bytes | None]
) -> tuple[str, str, str] | None:
    """The first field in which the decision, made again, differs: its path, the value then, the value now.

    ``artifact`` gives the files that the journal keeps, by digest.
    """
    from keeper.assembly import rebuild_strategy
    from keeper.errors import FatalError
    from keeper.model import canonical
    from keeper.policy.decide import decide

    if not stored.settings:
        raise FatalError(f"the settings of decision {stored.id} are not in the journal: it cannot be made again")
    if stored.settings not in strategies:
        strategies[stored.settings] = rebuild_strategy(stored.settings, artifact)
    decision = stored.decision
    again = decide(strategies[stored.settings], decision.observation, decision.memory)
    if canonical.encode(again) == stored.canonical:
        return None
    differences = unequal(canonical.plain(decision), canonical.plain(again), "")
    return next(differences, ("its bytes", "not canonical", "canonical"))


def unequal(then: Any, now: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Paths at which two plain values differ, in the order of the fields."""
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        for key, value in then.items():
            yield from unequal(value, now[key], f"{path}.{key}" if path else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (old, new) in enumerate(zip(then, now, strict=True)):
            yield from unequal(old, new, f"{path}[{index}]")
    elif then != now or type(then) is not type(now):
        yield path, _short(then), _short(now)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
