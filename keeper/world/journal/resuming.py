"""An operator's word that all is well again: what it forgives, in the commit that lets the strategy run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from keeper.model.memory import FailingAct
from keeper.world.journal import safe_pins, tables
from keeper.world.journal.memory import failing
from keeper.world.journal.query import Query
from keeper.world.journal.sql import insert_missing, query_on


@dataclass(frozen=True, slots=True)
class HaltedSigner:
    """A key that signs nothing, and why."""

    chain_id: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forgiven:
    """What a `resume` forgave. ``differences``: what the next reconciliation finds is booked as the owner's, once.
    ``safe``: the Safe that is relied on from now on as it was when its change halted the strategy."""

    failures: tuple[FailingAct, ...]
    signers: tuple[HaltedSigner, ...]
    differences: bool
    safe: str | None = None


def halted_signers(query: Query) -> tuple[HaltedSigner, ...]:
    """Every key that is halted."""
    rows = query("SELECT chain_id, address, reason FROM signers WHERE state = 'halted' ORDER BY chain_id, address")
    return tuple(HaltedSigner(*row) for row in rows)


def forgive(connection: Connection, strategy: str) -> Forgiven:
    """Failures up to now, differences at the next look, the halt of the strategy's signers, whose count of
    transactions is taken from the chain afresh, and the change of its Safe that halted it."""
    query, table = query_on(connection), tables.strategies
    failures, signers = failing(query, strategy), _signers_of(query, strategy)
    connection.execute(insert_missing(connection, table), {"name": strategy})
    last = select(func.coalesce(func.max(tables.plans.c.id), 0)).where(tables.plans.c.strategy == strategy)
    connection.execute(
        update(table)
        .where(table.c.name == strategy)
        .values(resumed_plan_id=last.scalar_subquery(), accepts_difference=True)
    )
    keys = tables.signers
    for each in signers:
        mine = (keys.c.chain_id == each.chain_id, keys.c.address == each.address)
        connection.execute(update(keys).where(*mine).values(state="running", reason="", first_nonce=None))
    return Forgiven(failures, signers, differences=True, safe=safe_pins.accept(connection, strategy))


def _signers_of(query: Query, strategy: str) -> tuple[HaltedSigner, ...]:
    """Halted keys of the wallets that the strategy has worked with, or has sent from."""
    wallets = {
        tuple(row)
        for row in query(
            "SELECT chain_id, owner FROM ledger WHERE strategy = ? UNION "
            "SELECT chain_id, owner FROM reconciliations WHERE strategy = ? UNION "
            "SELECT t.chain_id, t.sender FROM transactions t JOIN steps s ON s.id = t.step_id "
            "JOIN plans p ON p.id = s.plan_id WHERE p.strategy = ?",
            (strategy, strategy, strategy),
        )
    }
    return tuple(each for each in halted_signers(query) if (each.chain_id, each.address) in wallets)
