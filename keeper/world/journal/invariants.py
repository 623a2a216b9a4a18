"""What holds in every journal that only the keeper wrote, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from sqlalchemy import Connection, Inspector, UniqueConstraint, inspect

from keeper.model.memory import StrategyState
from keeper.world.journal import tape_tables
from keeper.world.journal.attempts import TransactionState
from keeper.world.journal.database_errors import damaged
from keeper.world.journal.location import Location
from keeper.world.journal.proposal_rows import ProposalState
from keeper.world.journal.sql import query_on

# What must not be there, as a query for its first case.
_IMPOSSIBLE: Final = (
    (
        "transaction {} has no signed bytes",
        "SELECT t.id FROM transactions t LEFT JOIN attempts a ON a.transaction_id = t.id WHERE a.id IS NULL LIMIT 1",
    ),
    (
        "the open plan {} has no steps",
        "SELECT p.id FROM plans p LEFT JOIN steps s ON s.plan_id = p.id "
        "WHERE p.state = 'open' AND s.id IS NULL LIMIT 1",
    ),
    (
        "strategy {} has two open plans",
        "SELECT strategy FROM plans WHERE state = 'open' GROUP BY strategy HAVING count(*) > 1 LIMIT 1",
    ),
    (
        "step {} has two transactions",
        "SELECT step_id FROM transactions GROUP BY step_id HAVING count(*) > 1 LIMIT 1",
    ),
    (
        "nonce {} is taken twice",
        "SELECT nonce FROM transactions GROUP BY chain_id, sender, nonce HAVING count(*) > 1 LIMIT 1",
    ),
)

_STATES: Final = {
    "strategies": get_args(StrategyState),
    "transactions": get_args(TransactionState),
    "proposals": get_args(ProposalState),
}


def check_contents(connection: Connection, location: Location) -> None:
    """FatalError when a table, column or index is missing or a record contradicts another; says what to do."""
    for missing in _missing(inspect(connection)):
        raise damaged(location, f"{missing} is missing")
    query = query_on(connection)
    for sentence, sql in _IMPOSSIBLE:
        for (case,) in query(sql):
            raise damaged(location, sentence.format(case))
    for table, known in _STATES.items():
        for (state,) in query(f"SELECT DISTINCT state FROM {table}"):
            if state not in known:
                raise damaged(location, f"{state!r} is no state of {table}")


def _missing(inspector: Inspector) -> Iterator[str]:
    columns = {name: {each["name"] for each in found} for (_, name), found in inspector.get_multi_columns().items()}
    indexes = {
        (name, each["name"], tuple(each["column_names"]), bool(each["unique"]))
        for (_, name), found in inspector.get_multi_indexes().items()
        for each in found
    }
    unique = {
        (name, tuple(each["column_names"]))
        for (_, name), found in inspector.get_multi_unique_constraints().items()
        for each in found
    }
    for table in tape_tables.metadata.sorted_tables:
        wanted = {column.name for column in table.columns}
        for column in sorted(wanted - columns.get(table.name, set())):
            yield f"the column {column} of {table.name}"
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            if (table.name, index.name, tuple(index.columns.keys()), bool(index.unique)) not in indexes:
                yield f"the index {index.name}"
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                key = tuple(constraint.columns.keys())
                if (table.name, key) not in unique:
                    yield f"the uniqueness of {', '.join(key)} in {table.name}"
